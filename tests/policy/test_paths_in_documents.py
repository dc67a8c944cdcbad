"""The pages for maintainers name files that are there."""

import re

import pytest
from support import CHECKOUT

PAGES = [
    "README.md",
    "CONTRIBUTING.md",
    *(str(page.relative_to(CHECKOUT)) for page in sorted((CHECKOUT / "docs").rglob("*.md"))),
]
MAINTAINERS = [page for page in PAGES if page in {"CONTRIBUTING.md", "docs/architecture.md"} or "/decisions/" in page]
PATH = re.compile(r"`([\w.-]+/[\w./-]*)`")
LINK = re.compile(r"\]\((?!https?:)([^)#]+)")
TEST = re.compile(r"`(test_\w+)`")


@pytest.mark.parametrize("page", MAINTAINERS)
def test_every_path_exists(page):
    """Each file and folder in backquotes is in the repository."""
    paths = PATH.findall((CHECKOUT / page).read_text())
    assert [path for path in paths if not (CHECKOUT / path).exists()] == []


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_to_a_page(page):
    """Each link within the repository leads to a file."""
    links = LINK.findall((CHECKOUT / page).read_text())
    assert [link for link in links if not (CHECKOUT / page).parent.joinpath(link).exists()] == []


def test_every_test_that_reminds_is_there():
    """Each test that CONTRIBUTING.md names exists."""
    tests = "\n".join(file.read_text() for file in (CHECKOUT / "tests").rglob("test_*.py"))
    names = TEST.findall((CHECKOUT / "CONTRIBUTING.md").read_text())
    assert len(names) > 5
    assert [name for name in names if f"def {name}(" not in tests] == []
