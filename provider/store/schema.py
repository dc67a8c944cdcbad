"""Every table of the provider database in one place, for Alembic."""

from provider.store import pushes
from provider.store.models import Base

__all__ = ["metadata", "pushes"]

metadata = Base.metadata
