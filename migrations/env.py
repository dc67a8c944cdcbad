"""Alembic's environment: migrates the provider database, and never touches a table that is not ours."""

from alembic import context
from alembic.operations import Operations
from alembic.operations.ops import AddColumnOp
from alembic.operations.toimpl import add_column
from sqlalchemy import Connection, NullPool, event, inspect

from provider.settings import Settings
from provider.store.migration_history import VERSION_TABLE
from provider.store.provider_database import LOCK_SECONDS, open_database
from provider.store.schema import metadata
from provider.store.table_base import UtcDateTime

settings = context.config.attributes.get("settings") or Settings.from_environment()


def is_ours(name: str | None, kind: str, _: object) -> bool:
    """Look at our own tables only: autogenerate would propose to drop a partner's."""
    return kind != "table" or name in metadata.tables


def render_type(kind: str, item: object, _: object) -> str | bool:
    """Write our own column types as the SQLAlchemy type they are stored as: a migration outlives the code."""
    return "sa.DateTime()" if kind == "type" and isinstance(item, UtcDateTime) else False


@Operations.implementation_for(AddColumnOp, replace=True)
def add_missing_column(operations: Operations, operation: AddColumnOp) -> None:
    """Add a column unless it exists: a partner may have added a field of Pango's before we did."""
    columns = inspect(operations.get_bind()).get_columns(operation.table_name)
    if operation.column.name not in {column["name"] for column in columns}:
        add_column(operations, operation)


def wait_for_other_upgrades(connection: Connection) -> None:
    """Let one upgrade of a database run at a time; SQLite waits when the transaction begins."""
    match connection.dialect.name:
        case "postgresql":
            connection.exec_driver_sql("SET LOCAL lock_timeout = 0")
            connection.exec_driver_sql("SELECT pg_advisory_xact_lock(hashtext('provider db upgrade'))")
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'")
        case "mysql" | "mariadb":
            connection.exec_driver_sql("SELECT GET_LOCK(CONCAT('provider.', MD5(DATABASE())), 600)")


engine = open_database(settings, poolclass=NullPool)  # closing the connection ends MariaDB's lock
is_sqlite = engine.dialect.name == "sqlite"
if is_sqlite:
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
with engine.connect() as connection:
    context.configure(
        connection=connection,
        target_metadata=metadata,
        version_table=context.config.attributes.get("version_table", VERSION_TABLE),
        include_name=is_ours,
        render_item=render_type,
        compare_server_default=True,
        render_as_batch=True,
        transactional_ddl=is_sqlite or None,  # Alembic's own choice for the other databases
    )
    with context.begin_transaction():
        wait_for_other_upgrades(connection)
        context.run_migrations()
