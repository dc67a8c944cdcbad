"""Every setting changes something: the code reads it."""

import ast
from dataclasses import fields
from pathlib import Path

import provider
from provider.contract.envelope import Envelope
from provider.settings import describe

ROOT = Path(provider.__file__).parent
BY_NAME = {field.name for field in fields(Envelope)}
"""Settings that Envelope.of reads by the names of its own fields."""


def attributes_read(source, owner):
    """List the attributes that Python source reads of a variable or an attribute: `owner.x`, `self._owner.x`."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
            of = node.value
            name = of.id if isinstance(of, ast.Name) else of.attr if isinstance(of, ast.Attribute) else ""
            if name.lstrip("_") == owner:
                names.add(node.attr)
    return names


def settings_read(files):
    """List the settings that files read. In settings.py only its methods count: checking a value is not using it."""
    return BY_NAME.union(
        *(attributes_read(file.read_text(), "self" if file == ROOT / "settings.py" else "settings") for file in files)
    )


def test_every_setting_is_read():
    """Each setting is read outside the code that loads, checks and prints settings."""
    assert {field.name for field in describe()} - settings_read(ROOT.rglob("*.py")) == set()


def test_a_setting_that_nothing_reads_is_found():
    """Reading a setting counts; assigning it, naming it in a text, and reading another object's attribute do not."""
    source = "settings.a\nself._settings.b\nsettings.c = 1\nprint('settings.d')\nother.e\nsettings.f.g()"
    assert attributes_read(source, "settings") == {"a", "b", "f"}
    assert "redis_url" not in settings_read([ROOT / "settings.py", ROOT / "errors.py"])
