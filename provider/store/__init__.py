"""The provider database: the service's own tables, migrated by Alembic."""
