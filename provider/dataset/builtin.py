"""The built-in datasets: the entities of the provider database and the customer profile."""

from provider.contract.entities import DOCUMENTED
from provider.dataset.base import Dataset
from provider.dataset.discover import discover
from provider.dataset.entity import EntityDataset
from provider.dataset.profile import ProfileDataset

BUILT_IN = "built in"
"""`declared_at` of a built-in dataset, in place of a file."""


def built_in() -> dict[str, Dataset]:
    """Make the built-in datasets, by name."""
    datasets: list[Dataset] = [ProfileDataset(), *(EntityDataset(object_type) for object_type in DOCUMENTED)]
    for dataset in datasets:
        dataset.declared_at = BUILT_IN
    return {dataset.name: dataset for dataset in datasets}


def all_datasets(package_name: str) -> dict[str, Dataset]:
    """Return all datasets by name: those of a package, then the built-in ones whose name it does not use.

    ConfigurationError gives file and line.
    """
    own = discover(package_name)
    return own | {name: dataset for name, dataset in built_in().items() if name not in own}
