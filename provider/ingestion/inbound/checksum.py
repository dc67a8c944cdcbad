"""Loads the function that verifies a callback's Checksum: Pango does not publish how, so the partner writes it."""

from collections.abc import Callable

from provider.dataset.discover import import_file
from provider.errors import ConfigurationError
from provider.store.partner_package import search_working_folder

Verify = Callable[[list[str], str, str | None], bool]
"""`verify(ref_ids, api_key, checksum)`: the refIds as they were sent, the ApiKey, and the Checksum or None."""


def load_verifier(path: str) -> Verify | None:
    """Import the function that `package.module:function` names; None for an empty path. ConfigurationError."""
    if not path:
        return None
    module_name, colon, function = path.partition(":")
    if not colon or not module_name or not function:
        raise ConfigurationError(
            f"PROVIDER_CALLBACK_CHECKSUM is {path!r}. Write it like package.module:function, for instance "
            "shop_data._callbacks:verify."
        )
    search_working_folder()
    try:
        module = import_file(module_name)
    except ConfigurationError as error:
        raise ConfigurationError(f"PROVIDER_CALLBACK_CHECKSUM cannot be imported: {error}") from error
    verify: Verify | None = getattr(module, function, None)
    if not callable(verify):
        raise ConfigurationError(
            f"PROVIDER_CALLBACK_CHECKSUM: {module_name} has no function {function!r}. "
            "Write def verify(ref_ids, api_key, checksum) -> bool there."
        )
    return verify
