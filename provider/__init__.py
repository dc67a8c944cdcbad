"""Third-party Access Data provider: serves your customers' data to PangoCDP."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from provider.app import create_app

__all__ = ["create_app"]


def __getattr__(name: str) -> Any:
    """Import the app when it is used: `provider.lookup`, `provider.contract` and most commands work without Flask."""
    if name != "create_app":
        raise AttributeError(name)
    from provider.app import create_app  # noqa: PLC0415

    return create_app
