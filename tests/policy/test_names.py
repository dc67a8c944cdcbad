"""Names: whoever searches for a thing by its name finds one file."""

import ast
from collections import Counter
from pathlib import Path

import provider

ROOT = Path(provider.__file__).parent
OWN_NAMES = {
    "cli": "a command's file bears the command's name",
    "datasets": "a dataset's file bears the dataset's name",
}


def test_no_two_modules_share_a_name():
    """A module's name says which one it is; it need not be told apart by its folder."""
    files = [file for file in ROOT.rglob("*.py") if file.relative_to(ROOT).parts[0] not in OWN_NAMES]
    names = Counter(file.stem for file in files if file.stem != "__init__")
    assert [name for name, times in names.items() if times > 1] == []


def test_no_two_classes_share_a_name():
    """A class's name says which one it is; it need not be told apart by its module."""
    files = [file for file in ROOT.rglob("*.py") if file.relative_to(ROOT).parts[0] != "datasets"]
    defined = [
        node.name for file in files for node in ast.parse(file.read_text()).body if isinstance(node, ast.ClassDef)
    ]
    assert len(defined) > 100
    assert [name for name, times in Counter(defined).items() if times > 1] == []


def test_the_rooms_are_few():
    """Whoever opens the package sees at most fifteen folders, and the files that join them."""
    folders = [folder.name for folder in ROOT.iterdir() if (folder / "__init__.py").exists()]
    assert len(folders) <= 15
    files = {file.name for file in ROOT.glob("*.py")}
    assert files == {
        "__init__.py",
        "__main__.py",
        "app.py",
        "errors.py",
        "log.py",
        "lookup.py",
        "settings.py",
        "testing.py",
    }
