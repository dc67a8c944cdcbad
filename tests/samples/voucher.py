"""The newest voucher of a person."""

from provider.datasets.voucher import dataset

__all__ = ["dataset"]
