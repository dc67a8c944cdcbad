"""Datasets: what a partner exposes. Everything a dataset file imports comes from here."""

from provider.dataset.base import Dataset, Query
from provider.dataset.columns import Column, Constant, Field
from provider.dataset.entity import EntityDataset
from provider.dataset.table import TableDataset

__all__ = ["Column", "Constant", "Dataset", "EntityDataset", "Field", "Query", "TableDataset"]
