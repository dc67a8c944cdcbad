"""What there is, is documented; and every test says what it tests."""

import ast
import re
from dataclasses import MISSING
from pathlib import Path

import pytest
from support import CHECKOUT

from provider import errors
from provider.cli.main import COMMANDS
from provider.errors import ERRORS
from provider.settings import describe, variable

EXAMPLE = (CHECKOUT / ".env.example").read_text()
DOCUMENTS = "\n".join(file.read_text() for file in [CHECKOUT / "README.md", *sorted((CHECKOUT / "docs").rglob("*.md"))])


@pytest.mark.parametrize("name", [variable(field.name) for field in describe()])
def test_every_setting_is_in_the_example(name):
    """.env.example has each setting, with words that explain it above."""
    assert re.search(rf"^# .+\n#?{re.escape(name)}=", EXAMPLE, re.MULTILINE)


def test_the_example_names_no_setting_there_is_not():
    """.env.example has no line for a variable that is no setting."""
    known = {variable(field.name) for field in describe()}
    for name in re.findall(r"^#?(PROVIDER_[^=\s]+)=", EXAMPLE, re.MULTILINE):
        assert name in known or re.fullmatch("PROVIDER_SOURCE_[A-Z0-9_]+_URL", name)


@pytest.mark.parametrize("field", [field for field in describe() if field.default is not MISSING], ids=lambda f: f.name)
def test_the_example_has_the_defaults(field):
    """.env.example shows the default each setting really has."""
    (shown,) = re.findall(rf"^#?{variable(field.name)}=(.*)$", EXAMPLE, re.MULTILINE)
    default = field.default
    assert shown == (",".join(default) if isinstance(default, tuple) else str(default))


@pytest.mark.parametrize("code", ERRORS)
def test_every_error_code_is_documented(code):
    """Each error code stands in a table with its HTTP status."""
    assert f"| `{code}` | {ERRORS[code].status} |" in DOCUMENTS


def test_every_error_is_in_the_set_of_codes():
    """Every class of provider/errors.py is one error code, but for those that are no answer; no two share a name."""
    tree = ast.parse(Path(errors.__file__).read_text())
    names = [node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    assert sorted(names) == sorted(["ConfigurationError", "ProviderError", *ERRORS])
    assert {error.__name__: error for error in ERRORS.values()} == ERRORS


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_documented(command):
    """Each command stands in the documents as it is typed."""
    assert re.search(rf"\bprovider {command}\b", DOCUMENTS)


def test_every_test_states_its_rule():
    """Each test has a docstring of one line: the rule, in the present tense."""
    found = 0
    for file in sorted((CHECKOUT / "tests").rglob("test_*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                found += 1
                rule = ast.get_docstring(node) or ""
                assert rule.endswith("."), f"{file.name}: {node.name}"
                assert "\n" not in rule, f"{file.name}: {node.name}"
    assert found > 200
