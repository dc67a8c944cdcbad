"""`provider settings`, `dataset list` and help: what is there, without what is secret; and mistakes in one line."""

import importlib
import json
import os
import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from click.testing import CliRunner
from support import BUILT_IN, CHECKOUT, SAMPLES, provider, refusal, side_by_side

from provider.cli.main import COMMANDS
from provider.cli.main import provider as command_line
from provider.settings import describe, variable

GIVEN = {
    "PROVIDER_SECRET_KEY": "hunter2-secret-key-hunter2-secret-key",
    "PROVIDER_DATABASE_URL": "postgresql+psycopg://user:hunter2-database@db.example.vn/provider",
    "PROVIDER_SOURCE_CRM_URL": "mysql+pymysql://user:hunter2-source@crm.example.vn/crm",
    "PROVIDER_SOURCE_ODD_URL": "hunter2 at odd",
    "PROVIDER_REQUIRED_HEADERS": "any-key=hunter2-header",
    "PROVIDER_PANGO_API_KEY": "hunter2-api-key",
    "PROVIDER_PANGO_GROUP_KEY": "hunter2-group-key",
    "PROVIDER_PANGO_REFRESH_TOKEN": "hunter2-refresh-token",
    "PROVIDER_ERROR_CODES": "NotFound=E404",
    "PROVIDER_CALLBACK_API_KEYS": "hunter2-old, hunter2-new",
    "PROVIDER_DATA_KEY": "body",
}


def test_settings_are_shown_without_their_secrets(tmp_path):
    """`settings` gives every setting with value and meaning; keys, passwords and fixed header values are hidden."""
    printed, written = side_by_side(("settings",), ("settings", "--json"), cwd=tmp_path, **GIVEN)
    rows = {row["setting"]: row for row in json.loads(written)}
    assert list(rows) == [variable(field.name) for field in describe()]
    for field in describe():
        assert variable(field.name) in printed
        assert field.metadata["meaning"] == rows[variable(field.name)]["meaning"]
        assert field.metadata["meaning"] in printed
        assert rows[variable(field.name)]["value"] in printed
    for text in (printed, written):
        assert "hunter2" not in text
    assert rows["PROVIDER_DATA_KEY"]["value"] == "body"
    assert rows["PROVIDER_PHONE_REGION"]["value"] == "VN"
    assert rows["PROVIDER_ERROR_CODES"]["value"] == "NotFound=E404"
    assert rows["PROVIDER_REQUIRED_HEADERS"]["value"] == "any-key=***"
    assert rows["PROVIDER_CALLBACK_API_KEYS"]["value"] == "***"
    assert "db.example.vn" in rows["PROVIDER_DATABASE_URL"]["value"]
    assert "crm: mysql+pymysql://user:***@crm.example.vn/crm" in rows["PROVIDER_SOURCE_<NAME>_URL"]["value"]


def test_datasets_are_listed(tmp_path):
    """`dataset list` shows name, description, identifiers, parameters and file or "built in", in words and as JSON."""
    printed, written = side_by_side(("dataset", "list"), ("dataset", "list", "--json"), cwd=tmp_path)
    rows = json.loads(written)
    assert [row["name"] for row in rows] == SAMPLES + BUILT_IN
    assert rows[0]["parameters"] == ["campaignId"]
    assert rows[1]["identifiers"] == ["phone", "email", "memberCode"]
    for row in rows:
        folder = str(CHECKOUT / "provider" / "datasets")
        assert folder in row["file"] if row["name"] in SAMPLES else row["file"] == "built in"
        for text in (row["name"], row["description"], row["file"], ", ".join(row["identifiers"])):
            assert text in printed


def test_a_package_of_ones_own_is_listed_and_its_mistake_reported(tmp_path):
    """PROVIDER_DATASETS names another package, found in the working folder; its mistake is one line with the place."""
    package = tmp_path / "acme_data"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "points.py").write_text(
        '"""Points."""\n\nfrom provider.dataset import TableDataset\n\n'
        'dataset = TableDataset(name="points", source="crm", table="t", identifiers={"phone": "p"}, record={"v": "v"})'
    )
    own = {"PROVIDER_DATASETS": "acme_data"}
    row, *others = json.loads(provider("dataset", "list", "--json", cwd=tmp_path, **own).stdout)
    assert [it["name"] for it in others] == BUILT_IN
    assert (row["name"], row["file"], row["description"]) == ("points", "acme_data/points.py:5", "Points.")
    (package / "broken.py").write_text("dataset = (\n")
    assert refusal("dataset", "list", cwd=tmp_path, **own).startswith("acme_data/broken.py:1: ")


HELP = {
    (): "Serve your customers' data to PangoCDP",
    ("init",): "Write .env with fresh secrets",
    ("db",): "Make and update the service's own tables",
    ("db", "upgrade"): "Bring the provider database up to date",
    ("demo",): "Safe to run again",
    ("serve",): "Stop it with Ctrl-C",
    ("client",): "rotate and revoke",
    ("client", "create"): "show its secrets, this once",
    ("client", "list"): "List the clients",
    ("client", "show"): "Show a client and its keys",
    ("client", "rotate"): "the old ones go on working",
    ("client", "revoke"): "Revoke a client",
    ("person",): "Show, erase and suppress",
    ("person", "report"): "Show everything that is held",
    ("person", "erase"): "take the person out of your own databases first",
    ("person", "suppress"): "as if nobody matched",
    ("person", "restore"): "Serve a suppressed person again",
    ("connect",): "curl lines that work",
    ("dataset",): "See the datasets",
    ("dataset", "list"): "List the datasets",
    ("import",): "Safe to run again",
    ("push",): "within Pango's rate limits",
    ("push", "list"): "the newest first",
    ("push", "show"): "what callbacks said",
    ("push", "dead"): "that cannot be stored, and why",
    ("push", "retry"): "once more",
    ("simulate",): "Simulate PangoCDP",
    ("simulate", "call"): "what Pango would read",
    ("webhook",): "List received webhooks",
    ("webhook", "list"): "without their payloads",
    ("webhook", "show"): "which may hold personal data",
    ("webhook", "retry"): "Hand a webhook to its handler again",
    ("settings",): "Secrets are hidden",
}


@pytest.mark.parametrize("command", HELP, ids=" ".join)
def test_every_command_explains_itself(command):
    """Every command has help of its own, and so has every group, without any settings."""
    done = CliRunner().invoke(command_line, [*command, "--help"], prog_name="provider")
    assert done.exit_code == 0
    assert done.output.startswith(f"Usage: {' '.join(['provider', *command])} [OPTIONS]")
    assert HELP[command] in re.sub(r"\s+", " ", done.output)


def test_help_leaves_no_command_out(tmp_path):
    """`provider --help` lists every command, and the version is known."""
    assert {command[0] for command in HELP if command} == set(COMMANDS)
    printed, version = side_by_side(("--help",), ("--version",), cwd=tmp_path)
    assert all(re.search(rf"^  {command} ", printed, re.MULTILINE) for command in COMMANDS)
    assert re.search(r"\d+\.\d+\.\d+", version)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_tells_of_a_command_what_it_tells_of_itself(name):
    """The list of commands has the first sentence of each command's own help."""
    module, short_help = COMMANDS[name]
    command = importlib.import_module(module).command
    assert command.name == name
    assert short_help == command.get_short_help_str(limit=1000)


SECRET = {"PROVIDER_SECRET_KEY": "x" * 40}
MISTAKES = {
    "misspelt variable": (("settings",), {"PROVIDER_DATABSE_URL": "x"}, "Did you mean PROVIDER_DATABASE_URL?"),
    "list without tables": (("client", "list"), SECRET, "Run `provider db upgrade`"),
    "serve without a secret": (("serve",), {}, "Run `provider init`"),
    "serve without tables": (("serve",), SECRET, "Run `provider db upgrade`"),
    "wrong envelope": (("serve",), {"PROVIDER_DATA_KEY": "payload"}, "DATA_KEY cannot be 'payload'"),
    "missing package": (("dataset", "list"), {"PROVIDER_DATASETS": "no_such"}, "'no_such', which cannot be found"),
    "no address": (("db", "upgrade"), {"PROVIDER_DATABASE_URL": "hunter2"}, "PROVIDER_DATABASE_URL is no database"),
    "missing driver": (("db", "upgrade"), {"PROVIDER_DATABASE_URL": "oracle://u:hunter2@h/d"}, "pip install"),
    "database in no folder": (("db", "upgrade"), {"PROVIDER_DATABASE_URL": "sqlite:///no/such/x.db"}, "atabase"),
    "database that is down": (
        ("client", "list"),
        SECRET | {"PROVIDER_DATABASE_URL": "postgresql+psycopg://u:hunter2@127.0.0.1:1/d"},
        "PROVIDER_DATABASE_URL",
    ),
    "upgrade of a database that is down": (
        ("db", "upgrade"),
        {"PROVIDER_DATABASE_URL": "postgresql+psycopg://u:hunter2@127.0.0.1:1/d"},
        "PROVIDER_DATABASE_URL",
    ),
    "unknown version": (("settings",), {"PROVIDER_PANGO_AUTH": "v3"}, "PROVIDER_PANGO_AUTH cannot be 'v3'"),
    "pairs that are none": (("settings",), {"PROVIDER_ERROR_CODES": "Unauthorized"}, "PROVIDER_ERROR_CODES"),
}  # fmt: skip


@pytest.fixture(scope="module")
def mistaken(tmp_path_factory):
    """Make all the mistakes, each in an empty folder, side by side."""

    def make(mistake):
        arguments, variables, _ = mistake
        return provider(*arguments, cwd=tmp_path_factory.mktemp("mistake"), fails=True, **variables)

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return dict(zip(MISTAKES, pool.map(make, MISTAKES.values()), strict=True))


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_clear_line(mistaken, mistake):
    """A command that cannot be done ends with one line that says what to do, a failing exit code and no secret."""
    done, advice = mistaken[mistake], MISTAKES[mistake][2]
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("Error: ")
    assert advice in line
    assert "hunter2" not in line
    assert "Unexpected" not in line


WRONG = [
    ("nope",),
    ("client", "nope"),
    ("client", "create"),
    ("client", "create", "a", "--data-key", "payload"),
    ("client", "rotate", "a", "--overlap", "5x"),
    ("serve", "--workers", "0"),
    ("serve", "--port", "80000"),
]


@pytest.mark.parametrize("arguments", WRONG, ids=" ".join)
def test_a_command_that_is_none_says_how_to_get_help(arguments):
    """A command, an argument or an option that is wrong ends with the mistake in its last line and how to get help."""
    done = CliRunner().invoke(command_line, arguments, prog_name="provider")
    assert done.exit_code == 2
    assert done.stderr.splitlines()[-1].startswith("Error: ")
    assert "--help" in done.stderr
