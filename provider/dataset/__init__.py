"""Datasets: what a partner exposes. Everything a dataset file imports comes from here."""

from provider.dataset.base import Dataset, Query
from provider.dataset.table import Column, TableDataset

__all__ = ["Column", "Dataset", "Query", "TableDataset"]
