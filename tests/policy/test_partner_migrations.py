"""A fork with fields and migrations of its own goes on following ours, on every kind of database."""

import csv
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path

import pytest
from services import mariadb_database, postgresql_database
from sqlalchemy import create_engine
from support import CHECKOUT, SECRET_KEY, environment

from provider.errors import ConfigurationError
from provider.store.partner_package import load_partner_fields

PAGE = (CHECKOUT / "docs/entities.md").read_text().partition("## A field more")[2]
OWN_FIELDS = re.search(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)[1]
MIGRATION = """
import sqlalchemy as sa
from alembic import op

revision = "{revision}"
down_revision = {after!r}
branch_labels = None
depends_on = None

def upgrade():
    with op.batch_alter_table("provider_customer_membership") as batch_op:
        for name in {fields}:
            batch_op.add_column(sa.Column(name, sa.BigInteger(), nullable=True))
"""
CHECK = """
from alembic import command
from provider.settings import Settings
from provider.store.migration_history import all_migrations
for config in all_migrations(Settings.from_environment()):
    command.check(config)
"""
RECORD = {
    "membershipId": "M1", "customerId": "C1", "customerPhone": "0359677657", "customerEmail": "dee@bytetech.io",
    "membershipType": "Gold", "membershipIssuedAt": 1700000000000, "expiringPoint": 120, "cardColour": "red",
}  # fmt: skip


def migration(revision: str, after: str | None, *fields: str) -> str:
    """Write a migration that adds fields to the memberships."""
    return MIGRATION.format(revision=revision, after=after, fields=fields)


class Fork:
    """A copy of the checkout, its datasets package and a provider database."""

    def __init__(self, folder: Path, database_url: str, datasets: str = "acme") -> None:
        self.folder = folder
        for name in ("provider", "migrations"):
            shutil.copytree(CHECKOUT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("pyproject.toml", "README.md", "alembic.ini"):
            shutil.copy(CHECKOUT / name, folder)
        self.package = folder / datasets.replace(".", "/")
        self.package.mkdir(exist_ok=True)
        (self.package / "__init__.py").write_text('"""Our datasets."""\n')
        self.environment = environment(
            PROVIDER_DATASETS=datasets,
            PROVIDER_DATABASE_URL=database_url,
            PYTHONPATH=str(folder),
            PROVIDER_SECRET_KEY=SECRET_KEY,
        )

    def python(self, *arguments: str, fails: bool = False) -> str:
        """Run Python in the fork; give what it prints."""
        done = subprocess.run(
            [sys.executable, *arguments], cwd=self.folder, env=self.environment, capture_output=True, text=True,
            timeout=120, check=False,
        )  # fmt: skip
        printed = done.stdout + done.stderr
        assert "Traceback" not in printed
        assert (done.returncode != 0) == fails, printed
        return printed

    def provider(self, *arguments: str, fails: bool = False) -> str:
        """Run the fork's `provider` command; give what it prints."""
        return self.python("-m", "provider", *arguments, fails=fails)

    def add_fields(self) -> None:
        """Follow docs/entities.md, "A field more"."""
        (self.package / "_entity_fields.py").write_text(OWN_FIELDS)
        self.provider("db", "revision", "-m", "expiring points")
        self.provider("db", "upgrade")

    def write_migration(self, revision: str, after: str | None, *fields: str) -> None:
        """Write a migration of the fork's own, which adds fields to the memberships."""
        folder = self.package / "_migrations"
        folder.mkdir(exist_ok=True)
        (folder / f"20990101_{revision}.py").write_text(migration(revision, after, *fields))

    def merge_ours(self, *fields: str) -> None:
        """Take over a later version of ours, with fields more in an entity's class and a migration."""
        source = self.folder / "provider/contract/entities/customer.py"
        line = "    membershipId = Text("
        before, found, after = source.read_text().partition(line)
        assert found
        added = "".join(f'    {field} = Long("A number.")\n' for field in fields)
        source.write_text(f"{before}{added}{line}{after}")
        text = migration("ffffffffffff", self.our_head(), *fields)
        (self.folder / "migrations/versions/20990101_later.py").write_text(text)

    def our_head(self) -> str:
        """Give the revision of our newest migration."""
        text = (
            "from alembic.script import ScriptDirectory\n"
            "from provider.settings import Settings\n"
            "from provider.store.migration_history import our_migrations\n"
            "print(ScriptDirectory.from_config(our_migrations(Settings())).get_current_head())"
        )
        return self.python("-c", text).strip()

    def run_sql(self, statement: str) -> None:
        """Change the provider database by hand."""
        engine = create_engine(self.environment["PROVIDER_DATABASE_URL"])
        with engine.begin() as connection:
            connection.exec_driver_sql(statement)
        engine.dispose()

    def store(self) -> None:
        """Import one membership with both fields."""
        with (self.folder / "records.csv").open("w") as file:
            csv.writer(file).writerows([RECORD, RECORD.values()])
        printed = self.provider("import", "customer-membership", "records.csv")
        assert "1 stored" in printed
        assert "is no field" not in printed

    def held(self) -> dict[str, object]:
        """Give the stored membership."""
        report = json.loads(self.provider("person", "report", "--phone", RECORD["customerPhone"], "--json"))
        (row,) = report["held"]["provider_customer_membership"]
        return dict(row)


@pytest.fixture(params=["SQLite", "PostgreSQL", "MariaDB"])
def empty_fork(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Fork]:
    """Give a fork without tables, on each kind of database."""
    make = {"PostgreSQL": postgresql_database, "MariaDB": mariadb_database}.get(request.param)
    with make() if make else nullcontext(f"sqlite:///{tmp_path}/provider.db") as url:
        yield Fork(tmp_path / "fork", url)


@pytest.fixture
def fork(empty_fork: Fork) -> Fork:
    """Give a fork whose tables are ours, on each kind of database."""
    empty_fork.provider("db", "upgrade")
    return empty_fork


def test_a_fork_follows_ours(fork):
    """A fork adds fields, takes over a later version of ours with one of them, and loses nothing that is stored."""
    fork.add_fields()
    fork.store()
    fork.merge_ours("pendingPoint", "expiringPoint")
    assert "customer-membership has a field expiringPoint" in fork.provider("client", "list", fails=True)
    fields = fork.package / "_entity_fields.py"
    fields.write_text("".join(line for line in OWN_FIELDS.splitlines(keepends=True) if "expiringPoint" not in line))
    assert "Run `provider db upgrade`" in fork.provider("client", "list", fails=True)
    fork.provider("db", "upgrade")
    fork.python("-c", CHECK)
    assert fork.held() == RECORD


def test_machines_may_upgrade_at_the_same_time(empty_fork):
    """When several machines upgrade one empty database at once, each ends well, with ours and the fork's migrations."""
    empty_fork.write_migration("aaaaaaaaaaaa", None, "expiringPoint")
    with ThreadPoolExecutor() as machines:
        list(machines.map(lambda _: empty_fork.provider("db", "upgrade"), range(3)))
    assert "No clients yet" in empty_fork.provider("client", "list")


def test_an_empty_database_gets_all_migrations(tmp_path):
    """A database made anew gets ours and then the fork's in one go, also where both add the same column."""
    fork = Fork(tmp_path / "fork", f"sqlite:///{tmp_path}/provider.db")
    fork.provider("db", "upgrade")
    fork.add_fields()
    fork.merge_ours("expiringPoint")
    (fork.package / "_entity_fields.py").write_text(OWN_FIELDS.replace('"expiringPoint"', '"laterPoint"'))
    (tmp_path / "provider.db").unlink()
    fork.provider("db", "upgrade")
    fork.provider("db", "revision", "-m", "later points")
    fork.provider("db", "upgrade")
    fork.python("-c", CHECK)


def test_two_branches_of_a_fork_need_no_merge(tmp_path):
    """Two migrations of a fork that follow the same one are both run, and the next one follows both."""
    fork = Fork(tmp_path / "fork", f"sqlite:///{tmp_path}/provider.db")
    fork.provider("db", "upgrade")
    fork.add_fields()
    (first,) = (fork.package / "_migrations").glob("*.py")
    head = first.stem.rpartition("_")[2]
    for revision, field in (("aaaaaaaaaaaa", "a"), ("bbbbbbbbbbbb", "b")):
        fork.write_migration(revision, head, field)
    fork.provider("db", "upgrade")
    declared = "".join(f'"{field}": Long("A number."), ' for field in ("a", "b", "c"))
    (fork.package / "_entity_fields.py").write_text(OWN_FIELDS.replace('"expiringPoint"', f'{declared}"expiringPoint"'))
    fork.provider("db", "revision", "-m", "field c")
    (written,) = (fork.package / "_migrations").glob("*field_c*")
    assert "aaaaaaaaaaaa" in written.read_text()
    assert "bbbbbbbbbbbb" in written.read_text()
    fork.provider("db", "upgrade")
    fork.python("-c", CHECK)


def test_what_is_written_passes_lint(tmp_path):
    """`make lint` accepts the fork's fields and the migration that `provider db revision` writes."""
    fork = Fork(tmp_path / "fork", f"sqlite:///{tmp_path}/provider.db", "provider.datasets")
    fork.provider("db", "upgrade")
    fork.add_fields()
    for check in (("check",), ("format", "--check")):
        fork.python("-m", "ruff", *check, "--no-cache", ".", *map(str, fork.package.rglob("*.py")))


def test_a_migration_for_nothing_is_not_written(tmp_path):
    """Without a field that lacks its column there is no migration to write, and no folder for it."""
    fork = Fork(tmp_path / "fork", f"sqlite:///{tmp_path}/provider.db")
    assert "not up to date" in fork.provider("db", "revision", "-m", "early", fails=True)
    fork.provider("db", "upgrade")
    assert "_entity_fields.py" in fork.provider("db", "revision", "-m", "nothing", fails=True)
    assert not (fork.package / "_migrations").exists()


def test_a_migration_drops_nothing(fork):
    """A field taken out of the file keeps its column and what is stored; so does an index that somebody added."""
    fork.add_fields()
    fork.store()
    fork.run_sql("CREATE INDEX ix_of_theirs ON provider_customer_membership (newest_at)")
    fields = fork.package / "_entity_fields.py"
    fields.write_text(OWN_FIELDS.replace("expiringPoint", "laterPoint"))
    fork.provider("db", "revision", "-m", "later points")
    (written,) = (fork.package / "_migrations").glob("*later_points*")
    up, _, down = written.read_text().partition("def downgrade")
    assert "drop" not in up
    assert down.count("drop") == 1
    fork.provider("db", "upgrade")
    fields.write_text(OWN_FIELDS)
    assert fork.held() == RECORD


def test_a_field_without_a_column_is_told(fork):
    """Until the column of a declared field is made, each command says how to make it."""
    (fork.package / "_entity_fields.py").write_text(OWN_FIELDS)
    for command in (("client", "list"), ("serve",)):
        printed = fork.provider(*command, fails=True)
        assert "expiringPoint" in printed
        assert "provider db revision" in printed


def test_a_migration_that_fails_is_told(fork):
    """What the database says of a migration is told, not that the database is down."""
    fork.write_migration("aaaaaaaaaaaa", None, "expiringPoint")
    (file,) = (fork.package / "_migrations").glob("*.py")
    file.write_text(file.read_text().replace("provider_customer_membership", "provider_no_such_table"))
    assert "provider_no_such_table" in fork.provider("db", "upgrade", fails=True)


def test_migrations_that_are_gone_are_told(tmp_path):
    """A database with a migration that is not here any more is left alone, and the message says so."""
    fork = Fork(tmp_path / "fork", f"sqlite:///{tmp_path}/provider.db")
    fork.provider("db", "upgrade")
    fork.add_fields()
    for file in (fork.package / "_migrations").glob("*.py"):
        file.unlink()
    assert "put those back" in fork.provider("db", "upgrade", fails=True)


WRONG = {
    'fields = {"member": {"a": Long("A.")}}': "'member' is no entity",
    'fields = {"customer-membership": {"status": Long("A.")}}': "has a field status of its own",
    'fields = {"customer-membership": {"unlisted": Long("A.")}}': "every entity has",
    'fields = {"customer-membership": {"a": "A."}}': "a is no field",
    'fields = {"customer-membership": {"MembershipId": Long("A.")}}': "MembershipId is a column that every entity has",
    'fields = {"customer-membership": {"a b": Long("A.")}}': "'a b' is no name for a column",
    f'fields = {{"customer-membership": {{"{"a" * 61}": Long("A.")}}}}': "is no name for a column",
    "fields = [": "SyntaxError",
    "": "AttributeError",
}


@pytest.mark.parametrize("text", WRONG)
def test_a_wrong_field_is_told_with_its_file(make_package, text):
    """A mistake among the fork's fields is told with the file and what is wrong."""
    package = make_package(_entity_fields=f"from provider.contract.entities.fields import Long\n{text}\n")
    with pytest.raises(ConfigurationError, match=f"_entity_fields.py: .*{WRONG[text]}"):
        load_partner_fields(package)


def test_without_own_fields_nothing_happens(make_package):
    """A datasets package needs no fields of its own, and one that does not exist is not told here."""
    load_partner_fields(make_package())
    load_partner_fields("no_such.package")
    load_partner_fields("")
