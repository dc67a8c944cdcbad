"""`provider init`, `db upgrade` and `demo`: from an empty folder to something to ask."""

import re
import shlex
import shutil
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing

import pytest
from support import CHECKOUT, environment, provider, refusal

from provider.auth.keys import API_KEY, parse_key
from provider.store.migration_history import VERSION_TABLE
from provider.store.schema import metadata


def rows(file, question):
    """Ask a SQLite file."""
    with closing(sqlite3.connect(file)) as connection:
        return connection.execute(question).fetchall()


@pytest.fixture(scope="module")
def demonstrated(tmp_path_factory):
    """Run `provider demo` twice in an empty folder; keep what it printed, and the files after the first time."""
    folder = tmp_path_factory.mktemp("demo")
    first = provider("demo", cwd=folder).stdout
    files = {name: (folder / name).read_bytes() for name in (".env", "demo.db")}
    return folder, first, files, provider("demo", cwd=folder).stdout


def test_init_writes_the_settings_once(tmp_path):
    """`init` writes .env with a fresh secret, for its owner's eyes alone, and never overwrites one."""
    provider("init", cwd=tmp_path)
    file = tmp_path / ".env"
    text = file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert len(re.search(r"^PROVIDER_SECRET_KEY=(.+)$", text, re.MULTILINE)[1]) >= 32
    assert str(file) in refusal("init", cwd=tmp_path)
    assert file.read_text() == text


def test_init_in_a_checkout_makes_no_second_place_for_datasets(tmp_path):
    """In a checkout, where provider/datasets is the partner's, `init` writes .env alone."""
    shutil.copytree(CHECKOUT / "provider", tmp_path / "provider")
    command = [sys.executable, "-m", "provider", "init"]
    subprocess.run(command, cwd=tmp_path, env=environment(PYTHONPATH=None), check=True, timeout=60)
    assert {file.name for file in tmp_path.iterdir()} == {"provider", ".env"}
    assert "PROVIDER_DATASETS" not in (tmp_path / ".env").read_text()


def test_init_leaves_a_package_that_is_there(tmp_path):
    """Outside a checkout `init` names my_datasets in .env, and leaves one that exists as it is."""
    (tmp_path / "my_datasets").mkdir()
    provider("init", cwd=tmp_path)
    assert "PROVIDER_DATASETS=my_datasets\n" in (tmp_path / ".env").read_text()
    assert not list((tmp_path / "my_datasets").iterdir())


def test_every_secret_is_fresh(tmp_path, demonstrated):
    """No two installations share a secret key."""
    provider("init", cwd=tmp_path)
    assert (tmp_path / ".env").read_bytes() != demonstrated[2][".env"]


def test_upgrade_makes_the_tables_and_is_harmless_again(tmp_path):
    """`db upgrade` makes the service's own tables and no other, and changes nothing when they are up to date."""
    for _ in range(2):
        done = provider("db", "upgrade", cwd=tmp_path)
        assert (done.stdout, done.stderr) == ("The provider database is up to date.\n", "")
        tables = rows(tmp_path / "provider.db", "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
        assert [name for (name,) in tables] == sorted({*metadata.tables, VERSION_TABLE})


def curl_lines(printed):
    """Find the curl lines."""
    return [shlex.split(line) for line in printed.splitlines() if line.startswith("curl ")]


def test_demo_makes_everything(demonstrated):
    """`demo` in an empty folder makes .env, the tables, the sample data and one client, and prints curl lines."""
    folder, first, _, _ = demonstrated
    assert "Loaded 240 sample customers into demo.db." in first
    assert parse_key(re.search(r"shown this once: (\S+)", first)[1], API_KEY)
    assert rows(folder / "demo.db", "SELECT count(*) FROM members") == [(240,)]
    lines = curl_lines(first)
    assert len(lines) == 2 * 3
    assert sum("-d" in line for line in lines) == 3


def test_demo_again_is_harmless(demonstrated):
    """A second `demo` leaves settings, data and client as they are, makes no second client, and prints curl lines."""
    folder, _, files, second = demonstrated
    assert {name: (folder / name).read_bytes() for name in files} == files
    assert rows(folder / "provider.db", "SELECT name FROM provider_client") == [("demo",)]
    assert "shown this once" not in second
    assert len(curl_lines(second)) == 6


def test_demo_leaves_settings_of_ones_own_alone(tmp_path):
    """`demo` beside settings without the sample source says that it loads no sample data, and does the rest."""
    text = f"PROVIDER_SECRET_KEY={'x' * 40}\nPROVIDER_DATASETS=none_of_ours\n"
    (tmp_path / ".env").write_text(text)
    (tmp_path / "none_of_ours").mkdir()
    (tmp_path / "none_of_ours" / "__init__.py").touch()
    printed = provider("demo", cwd=tmp_path, PROVIDER_DATASETS="none_of_ours").stdout
    assert "No sample data: PROVIDER_SOURCE_DEMO_URL" in printed
    assert (tmp_path / ".env").read_text() == text
    assert not (tmp_path / "demo.db").exists()
    assert rows(tmp_path / "provider.db", "SELECT name FROM provider_client") == [("demo",)]
