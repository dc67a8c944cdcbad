"""Every table of the provider database in one place, for Alembic."""

from provider.store import entities, imports, pushes
from provider.store.models import Base

__all__ = ["entities", "imports", "metadata", "pushes"]

metadata = Base.metadata
