"""Alembic's environment: migrates the provider database, and never touches a table that is not ours."""

from alembic import context

from provider.settings import Settings
from provider.store.client_tables import UtcDateTime
from provider.store.provider_database import VERSION_TABLE, open_database
from provider.store.schema import metadata

settings = context.config.attributes.get("settings") or Settings.from_environment()


def ours(name: str | None, kind: str, _: object) -> bool:
    """Look at our own tables only: autogenerate would propose to drop a partner's."""
    return kind != "table" or name in metadata.tables


def plainly(kind: str, item: object, _: object) -> str | bool:
    """Write our own column types as the SQLAlchemy type they are kept as: a migration outlives the code."""
    return "sa.DateTime()" if kind == "type" and isinstance(item, UtcDateTime) else False


engine = open_database(settings)
with engine.connect() as connection:
    context.configure(
        connection=connection,
        target_metadata=metadata,
        version_table=VERSION_TABLE,
        include_name=ours,
        render_item=plainly,
        compare_server_default=True,
        render_as_batch=True,
    )
    with context.begin_transaction():
        context.run_migrations()
engine.dispose()
