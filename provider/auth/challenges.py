"""The WWW-Authenticate headers of refusals (RFC 9110 section 11.6.1)."""

from provider.settings import Settings

Challenges = tuple[tuple[str, str], ...]

_REALM = "data"

CLIENT_CHALLENGE: Challenges = (("WWW-Authenticate", 'Basic realm="token", charset="UTF-8"'),)
"""For the endpoints where a client authenticates by its id and secret."""


def data_challenges(settings: Settings) -> Challenges:
    """Return the challenges of a data call: for API keys and for bearer tokens, if the settings allow them."""
    methods = set(settings.auth_methods)
    # No registered scheme describes an API key in a custom header.
    key = ("WWW-Authenticate", f'ApiKey realm="{_REALM}", header="{settings.api_key_header}"')
    bearer = ("WWW-Authenticate", f'Bearer realm="{_REALM}"')
    return ((key,) if "api_key" in methods else ()) + ((bearer,) if methods - {"api_key"} else ())


def bearer_challenge(error: str, **details: str) -> Challenges:
    """Return the challenge that says what is wrong with a bearer token (RFC 6750 section 3)."""
    written = "".join(f', {name}="{value}"' for name, value in {"error": error, **details}.items())
    return (("WWW-Authenticate", f'Bearer realm="{_REALM}"{written}'),)
