"""Who a person is to the shop: name, tier and points."""

from provider.datasets.customer import dataset

__all__ = ["dataset"]
