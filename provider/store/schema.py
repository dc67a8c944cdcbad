"""Every table of the provider database in one place, for Alembic."""

from provider.store import entities, imports, people, pushes
from provider.store.models import Base

__all__ = ["entities", "imports", "metadata", "people", "pushes"]

metadata = Base.metadata
