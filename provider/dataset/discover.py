"""Finds the datasets: every file of the datasets package holds one, without registration."""

import importlib
import pkgutil
import traceback
from types import ModuleType

from provider.dataset.base import Dataset, location
from provider.errors import ConfigurationError
from provider.store.partner_package import load_partner_fields, search_working_folder


def discover(package_name: str) -> dict[str, Dataset]:
    """Import the files of a package and collect their datasets by name; ConfigurationError gives file and line."""
    datasets, mistakes = discover_with_mistakes(package_name)
    if mistakes:
        raise mistakes[0]
    return datasets


def discover_with_mistakes(package_name: str) -> tuple[dict[str, Dataset], list[ConfigurationError]]:
    """Import the files of a package; return the datasets by name, and the errors of the files that have none."""
    datasets: dict[str, Dataset] = {}
    mistakes = []
    package = find_package(package_name)
    load_partner_fields(package_name)
    names = sorted(module.name for module in pkgutil.iter_modules(package.__path__))
    for module_name in [f"{package_name}.{name}" for name in names if not name.startswith("_")]:
        try:
            dataset = _load(module_name)
        except ConfigurationError as mistake:
            mistakes.append(mistake)
            continue
        if earlier := datasets.get(dataset.name):
            taken = f"the name {dataset.name!r} is taken by {earlier.declared_at}"
            mistakes.append(ConfigurationError(f"{dataset.declared_at}: {taken}. Rename one of them."))
        else:
            datasets[dataset.name] = dataset
    return datasets, mistakes


def find_package(package_name: str) -> ModuleType:
    """Import the package of the datasets without its files; ConfigurationError when there is none."""
    search_working_folder()
    if not package_name:
        raise ConfigurationError("PROVIDER_DATASETS is empty. Give a folder of Python files, like provider.datasets.")
    try:
        package = importlib.import_module(package_name)
    except ModuleNotFoundError as error:
        if error.name and f"{package_name}.".startswith(f"{error.name}."):
            raise ConfigurationError(
                f"PROVIDER_DATASETS names the package {package_name!r}, which cannot be found. "
                "Give a folder of Python files that is in the working folder or installed."
            ) from None
        raise _broken(error, package_name) from error
    except Exception as error:
        raise _broken(error, package_name) from error
    if not hasattr(package, "__path__"):
        raise ConfigurationError(
            f"PROVIDER_DATASETS names {package_name!r}, which is one file. Give a folder of files."
        )
    return package


def import_file(module_name: str) -> ModuleType:
    """Import one of the partner's files; ConfigurationError gives file and line."""
    try:
        return importlib.import_module(module_name)
    except Exception as error:
        raise _broken(error, module_name) from error


def _load(module_name: str) -> Dataset:
    module = import_file(module_name)
    dataset = getattr(module, "dataset", None)
    if not isinstance(dataset, Dataset):
        raise ConfigurationError(
            f"{location(str(module.__file__), 1)}: no dataset here. Write `dataset = TableDataset(...)`, "
            "or begin the file's name with _ when it only helps others."
        )
    dataset.description = (module.__doc__ or "").strip().partition("\n")[0]
    return dataset


def _broken(error: Exception, module_name: str) -> ConfigurationError:
    """Return the error of a broken file, with the line of the syntax error or the last line run in the package."""
    if isinstance(error, SyntaxError) and error.filename:
        return ConfigurationError(f"{location(error.filename, error.lineno or 1)}: {error.msg}. Correct the file.")
    if isinstance(error, ConfigurationError) and ":" in str(error).partition(" ")[0]:
        return error  # it has file and line already
    own = [
        (frame.f_code.co_filename, line)
        for frame, line in traceback.walk_tb(error.__traceback__)
        if frame.f_globals.get("__name__", "").startswith(module_name)
    ]
    where = location(*own[-1]) if own else module_name
    if isinstance(error, ConfigurationError):
        return ConfigurationError(f"{where}: {error}")
    return ConfigurationError(f"{where}: {type(error).__name__}: {error}. Correct the file.")
