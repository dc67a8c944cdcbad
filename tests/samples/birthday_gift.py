"""The birthday gift of a person in one campaign: a dataset in plain Python."""

from provider.datasets.birthday_gift import dataset

__all__ = ["dataset"]
