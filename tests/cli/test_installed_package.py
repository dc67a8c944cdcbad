"""The package, installed from its wheel where there is no checkout, does all that the first steps do."""

import json
import shlex
import sqlite3
import stat
import subprocess
import sys
import sysconfig
import venv
from contextlib import closing
from zipfile import ZipFile

import httpx2
import pytest
from support import CHECKOUT, VOUCHER, Server, environment, provider, record

NO_CHECKOUT = {"PYTHONPATH": None, "PROVIDER_DATASETS": None}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Build the wheel with what is installed, without a network."""
    folder = tmp_path_factory.mktemp("wheel")
    pip("wheel", "--no-build-isolation", "--no-deps", "--wheel-dir", folder, CHECKOUT)
    (file,) = folder.glob("*.whl")
    return file


@pytest.fixture(scope="module")
def installed(tmp_path_factory, wheel):
    """Install the wheel into a fresh environment, which takes only the libraries from ours; give its `provider`."""
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder)
    pip("--python", folder / "bin" / "python", "install", "--no-deps", "--no-index", "--no-compile", wheel)
    (packages,) = folder.glob("lib/python*/site-packages")
    (packages / "libraries.pth").write_text(sysconfig.get_path("purelib"))
    return folder / "bin" / "provider"


def pip(*arguments):
    """Run pip; it must succeed."""
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env=environment())
    assert done.returncode == 0, done.stderr


def ask(curl_line):
    """Send the request of a curl line of `provider connect`, as curl does."""
    words = shlex.split(curl_line)
    options = [words[number : number + 2] for number in range(2, len(words) - 1, 2)]
    headers = dict(value.split(": ", 1) for option, value in options if option == "-H")
    body = next((value.encode() for option, value in options if option == "-d"), None)
    return httpx2.request("GET" if body is None else "POST", words[-1], headers=headers, content=body)


def test_the_wheel_has_what_the_service_needs(wheel):
    """The wheel holds the package with its migrations and templates, and nothing else of the checkout."""
    names = {name for name in ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert {name.partition("/")[0] for name in names} == {"provider"}
    ours = [
        file.relative_to(CHECKOUT) for file in (CHECKOUT / "migrations").rglob("*") if file.suffix in {".py", ".mako"}
    ]
    assert ours
    assert {f"provider/{file}" for file in ours} <= names
    assert {"provider/api/templates/consent.html", "provider/proof/simulator/templates/state.html"} <= names


def test_the_first_steps_work_without_a_checkout(installed, tmp_path):
    """In an empty folder, from `init` to the answer of a curl line, and a dataset for a table of one's own."""

    def run(*arguments):
        return provider(*arguments, cwd=tmp_path, program=installed, **NO_CHECKOUT).stdout

    assert "my_datasets/voucher.py" in run("init")
    file = tmp_path / ".env"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "PROVIDER_DATASETS=my_datasets\n" in file.read_text()
    assert "up to date" in run("db", "upgrade")
    assert "Loaded 240 sample customers" in run("demo")

    with closing(sqlite3.connect(tmp_path / "shop.db")) as shop:
        shop.executescript(
            "CREATE TABLE members (phone TEXT PRIMARY KEY, tier TEXT);"
            "INSERT INTO members VALUES ('0912345678', 'Gold');"
        )
    with file.open("a") as settings:
        settings.write("PROVIDER_SOURCE_SHOP_URL=sqlite:///shop.db\n")
    assert "my_datasets/loyalty.py" in run("dataset", "new", "loyalty", "--source", "shop", "--table", "members")
    own = {
        row["name"]: row["file"] for row in json.loads(run("dataset", "list", "--json")) if row["file"] != "built in"
    }
    assert {name: place.partition(":")[0] for name, place in own.items()} == {
        "loyalty": "my_datasets/loyalty.py",
        "voucher": "my_datasets/voucher.py",
    }
    assert "no errors" in run("dataset", "doctor")

    key = json.loads(run("client", "create", "pango", "--json"))["apiKey"]
    server = Server(tmp_path, program=installed, **NO_CHECKOUT)
    try:
        sheet = json.loads(run("connect", "pango", "--url", server.url, "--json"))
        lines = {connection["dataset"]: connection["curl"] for connection in sheet["data"]}
        for line in lines["voucher"]:
            assert record(ask(line)) == VOUCHER
        address = f"{server.url}/v1/data/loyalty?phone=%2B84912345678"
        assert record(httpx2.get(address, headers={"token-key": key})) is not None
    finally:
        server.kill()


def test_nothing_comes_from_the_checkout(installed, tmp_path):
    """The installed command finds the package where it was installed, and the checkout is not on Python's path."""
    program = "import json, sys, provider.cli; print(json.dumps([provider.__file__, *sys.path]))"
    done = subprocess.run(
        [installed.with_name("python"), "-c", program],
        cwd=tmp_path,
        env=environment(**NO_CHECKOUT),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    place, *path = json.loads(done.stdout)
    assert place.startswith(str(installed.parents[1]))
    assert str(CHECKOUT) not in path
