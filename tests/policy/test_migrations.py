"""Migrations: one line of history, equal to the models, and never a hand on tables that are not ours."""

import sqlite3
from contextlib import closing

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from alembic.util import CommandError

from provider.settings import Settings
from provider.store.migration_history import VERSION_TABLE, our_migrations
from provider.store.schema import metadata

OURS = {*metadata.tables, VERSION_TABLE}
FOREIGN = """
CREATE TABLE members (code TEXT PRIMARY KEY, mobile TEXT);
CREATE INDEX ix_members_mobile ON members (mobile);
CREATE VIEW gold AS SELECT * FROM members;
CREATE TABLE alembic_version (version_num TEXT);
INSERT INTO members VALUES ('M1', '0359677657');
INSERT INTO alembic_version VALUES ('of the partner');
"""


@pytest.fixture
def database(tmp_path):
    """Give a database in which a partner's own tables live, managed by Alembic too; the file and its settings."""
    file = tmp_path / "shared.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript(FOREIGN)
    return file, our_migrations(Settings(database_url=f"sqlite:///{file}"))


def dump(file):
    """Write out everything in a database that is not ours."""
    with closing(sqlite3.connect(file)) as connection:
        named = connection.execute("SELECT name, tbl_name, sql FROM sqlite_master ORDER BY name").fetchall()
        objects = [row for row in named if row[1] not in OURS]
        return objects, [
            connection.execute(f"SELECT * FROM {name}").fetchall() for name in ("members", "alembic_version")
        ]


def tables(file):
    """List the tables of a database."""
    with closing(sqlite3.connect(file)) as connection:
        return {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def test_there_is_one_head():
    """Our migrations are one line: no two of them claim to be the latest."""
    script = ScriptDirectory.from_config(our_migrations(Settings()))
    assert len(script.get_heads()) == 1, 'Run: alembic merge heads -m "join"'
    assert len(script.get_bases()) == 1


def test_the_migrations_make_what_the_models_say(database):
    """After all migrations Alembic finds nothing to do, a partner's tables beside ours included."""
    file, config = database
    with pytest.raises(CommandError, match="not up to date"):
        command.check(config)
    command.upgrade(config, "head")
    command.check(config)
    assert tables(file) >= OURS


def test_no_migration_touches_a_partners_table(database):
    """Up, down, step by step and up again: tables, indexes, views and rows that are not ours stay as they were."""
    file, config = database
    before = dump(file)
    revisions = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()][::-1]
    for revision in revisions:
        command.upgrade(config, revision)
        assert dump(file) == before
        command.downgrade(config, "-1")
        assert dump(file) == before
        command.upgrade(config, revision)
    assert tables(file) - {"members", "alembic_version"} == OURS
    command.downgrade(config, "base")
    assert tables(file) == {"members", "alembic_version", VERSION_TABLE}
    assert dump(file) == before
    command.upgrade(config, "head")
    assert dump(file) == before


def test_our_tables_are_told_apart_by_their_names():
    """Every table of ours begins with provider_, the table of the migrations too."""
    assert all(name.startswith("provider_") for name in OURS)


def test_upgrading_keeps_clients_and_keys(deployment):
    """Upgrading a database that is in use changes no row."""
    file = deployment.settings.database_url.removeprefix("sqlite:///")
    deployment.issue()
    question = "SELECT * FROM provider_client, provider_credential"
    with closing(sqlite3.connect(file)) as connection:
        before = connection.execute(question).fetchall()
        assert before
        command.upgrade(our_migrations(deployment.settings), "head")
        assert connection.execute(question).fetchall() == before
