"""Who is calling."""

from provider.auth.authenticator import Authenticator

__all__ = ["Authenticator"]
