"""Which migrations are the newest is read from their files as Alembic reads it."""

import pytest
from alembic.script import ScriptDirectory

from provider.settings import Settings
from provider.store.alembic_config import migrations
from provider.store.migration_history import MigrationHistory, our_history

HISTORIES = {
    "none": ({}, set()),
    "one line": ({"a": None, "b": "a", "c": "b"}, {"c"}),
    "two branches": ({"a": None, "b": "a", "c": "a"}, {"b", "c"}),
    "merged branches": ({"a": None, "b": "a", "c": "a", "d": ("b", "c")}, {"d"}),
    "two beginnings": ({"a": None, "b": None, "c": "b"}, {"a", "c"}),
}


def test_ours_are_read_as_alembic_reads_them():
    """Of our own migrations the newest is the one Alembic calls the head."""
    assert our_history().newest() == {*ScriptDirectory.from_config(migrations(Settings())).get_heads()}


@pytest.mark.parametrize("name", HISTORIES)
@pytest.mark.parametrize(
    "form", ["revision = {}\ndown_revision = {}\n", "revision: str = {}\ndown_revision: str | None = {}\n"]
)
def test_the_newest_are_those_that_nothing_follows(tmp_path, name, form):
    """Branches, merges and several beginnings are read as Alembic reads them, with and without types."""
    revisions, newest = HISTORIES[name]
    versions = tmp_path / "versions"
    versions.mkdir()
    for revision, earlier in revisions.items():
        (versions / f"{revision}.py").write_text('"""Text."""\n\n' + form.format(repr(revision), repr(earlier)))
    assert MigrationHistory(versions, "any").newest() == newest
    assert {*ScriptDirectory(str(tmp_path)).get_heads()} == newest
