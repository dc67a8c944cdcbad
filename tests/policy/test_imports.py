"""Which modules are loaded: neither a lookup nor a command loads libraries that it does not need."""

import pkgutil
import subprocess
import sys

import pytest
from support import environment, fill

import provider.contract

CONTRACT = sorted(module.name for module in pkgutil.walk_packages(provider.contract.__path__, "provider.contract."))


def run(program, cwd):
    """Run a program in a fresh interpreter; it must succeed."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        cwd=cwd,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("modules", "absent"),
    [(["provider.lookup"], {"flask", "werkzeug"}), (CONTRACT, {"flask", "werkzeug", "sqlalchemy"})],
    ids=["lookup", "contract"],
)
def test_it_works_without_the_web(tmp_path, modules, absent):
    """A fresh interpreter imports the use case without Flask, and the contract without Flask and without a database."""
    assert len(CONTRACT) >= 3
    loaded = run(f"import sys, {', '.join(modules)}; print(*sys.modules)", tmp_path).split()
    assert set(modules) <= set(loaded)
    assert absent.isdisjoint(loaded)


def test_a_lookup_runs_without_the_web(tmp_path, sample_data):
    """A whole lookup, datasets and database included, runs in an interpreter that never loads Flask."""
    program = f"""
import sys
from provider.dataset.discover import discover
from provider.lookup import lookup
from provider.database.sources import Sources

datasets, sources = discover("samples"), Sources({{"demo": {sample_data!r}}})
for dataset in datasets.values():
    dataset.prepare(sources)
print(lookup(datasets["voucher"], {{"phone": "0359677657"}}))
assert not {{"flask", "werkzeug"}} & set(sys.modules)
"""
    assert run(program, tmp_path) == "{'code': 'E094', 'expired': False, 'value': 10000}\n"


def loaded_by(command, folder):
    """Run a `provider` command that must succeed; give the names of the top-level modules it has loaded."""
    program = f"""
import atexit, sys
from provider.cli import main

atexit.register(lambda: print(*sys.modules))
sys.argv = ["provider", *{command!r}]
main()
"""
    return {name.partition(".")[0] for name in run(program, folder).splitlines()[-1].split()}


HEAVY = {"authlib", "flask", "granian", "hypothesis", "joserfc", "openpyxl", "phonenumbers", "pytest"}


@pytest.mark.parametrize(
    ("command", "absent"),
    [
        (("--help",), HEAVY | {"alembic", "environs", "marshmallow", "orjson", "rich", "sqlalchemy", "structlog"}),
        (("client", "list"), HEAVY),
    ],
    ids=["help", "client list"],
)
def test_a_command_loads_no_more_than_it_needs(tmp_path, migrated_database, sample_data, command, absent):
    """Help loads no command, and `client list` does not load the service."""
    fill(tmp_path, migrated_database, sample_data)
    loaded = loaded_by(command, tmp_path)
    assert {"click", "provider"} <= loaded
    assert not absent & loaded
