"""Every table of the provider database in one place, for Alembic."""

from provider.store import entity_tables, import_table, push_tables, suppression_table
from provider.store.client_tables import Base

__all__ = ["entity_tables", "import_table", "metadata", "push_tables", "suppression_table"]

metadata = Base.metadata
