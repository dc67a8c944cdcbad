"""What a partner's datasets package adds to the provider database: fields of their own, and migrations for them."""

import importlib
import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from provider.errors import ConfigurationError

if TYPE_CHECKING:
    from sqlalchemy import Column

FIELDS = "_entity_fields"
"""The file of a partner's own fields of Pango's entities, in their datasets package."""

MIGRATIONS = "_migrations"
"""The folder of a partner's own migrations, in their datasets package."""


def search_working_folder() -> None:
    """Find packages in the working folder too: a console script does not look there by itself."""
    if str(Path.cwd()) not in sys.path:
        sys.path.append(str(Path.cwd()))


def partner_folder(package_name: str) -> Path | None:
    """Find the folder of the datasets package without importing it; None when there is no such package."""
    search_working_folder()
    try:
        package = importlib.util.find_spec(package_name)
    except Exception:  # noqa: BLE001 -- `discover` says what is wrong with the package
        return None
    folders = package and package.submodule_search_locations
    return Path(next(iter(folders))) if folders else None


def load_partner_fields(package_name: str) -> "list[Column[Any]]":
    """Add the partner's own fields to the entities and their tables; return the columns.

    The file `_entity_fields.py` holds `fields = {"customer-membership": {"expiringPoint": Long("...")}}`. Without the
    file there are none. The same file may be loaded again. ConfigurationError when a field is wrong.
    """
    folder = partner_folder(package_name)
    file = folder and folder / f"{FIELDS}.py"
    if not file or not file.is_file():
        return []
    from provider.store.entity_tables import add_field  # noqa: PLC0415 -- most commands need no entities

    try:
        module = importlib.import_module(f"{package_name}.{FIELDS}")
        columns = [
            add_field(object_type, name, field)
            for object_type, declared in module.fields.items()
            for name, field in declared.items()
        ]
    except ConfigurationError as error:
        raise ConfigurationError(f"{file}: {error}") from None
    except Exception as error:
        raise ConfigurationError(f"{file}: {type(error).__name__}: {error}. Correct the file.") from error
    return [column for column in columns if column is not None]
