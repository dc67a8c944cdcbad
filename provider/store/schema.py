"""Every table of the provider database in one place, for Alembic."""

from provider.store import entities, people, pushes
from provider.store.models import Base

__all__ = ["entities", "metadata", "people", "pushes"]

metadata = Base.metadata
