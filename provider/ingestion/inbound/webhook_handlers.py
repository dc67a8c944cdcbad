"""The handlers of webhooks: the file `_webhooks.py` of the datasets package, written by the partner."""

import pkgutil
from collections.abc import Callable, Mapping
from typing import Any

from provider.dataset.base import location
from provider.dataset.discover import find_package, import_file
from provider.errors import ConfigurationError
from provider.ingestion.inbound.webhooks import NAME

_FILE = "_webhooks"

Handler = Callable[[dict[str, Any]], None]
"""Handles one webhook's payload, a JSON object. When it raises, it is called again later."""


def load_handlers(package_name: str) -> Mapping[str, Handler]:
    """Import the handlers and return them by webhook name; empty when there is no file. ConfigurationError."""
    package = find_package(package_name)
    if _FILE not in {module.name for module in pkgutil.iter_modules(package.__path__)}:
        return {}
    module = import_file(f"{package_name}.{_FILE}")
    where = location(str(module.__file__), 1)
    handlers = getattr(module, "handlers", None)
    if not isinstance(handlers, Mapping):
        raise ConfigurationError(f'{where}: no handlers here. Write `handlers = {{"voucher-issued": handle}}`.')
    for name, handler in handlers.items():
        if not isinstance(name, str) or not NAME.fullmatch(name):
            raise ConfigurationError(f"{where}: {name!r} is no webhook's name. Use a-z, 0-9 and -, 64 at most.")
        if not callable(handler):
            raise ConfigurationError(f"{where}: the handler of {name} is no function. Write def handle(payload): ...")
    return handlers
