"""The metadata of the provider database, with every table imported, for Alembic."""

from provider.store import client_tables, entity_tables, import_table, push_tables, suppression_table
from provider.store.table_base import Base

__all__ = ["client_tables", "entity_tables", "import_table", "metadata", "push_tables", "suppression_table"]

metadata = Base.metadata
