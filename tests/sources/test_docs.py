"""Every Python example of docs/datasets.md works: it is run on the page's own tables, with the lookups it shows."""

import json
import re
from urllib.parse import parse_qsl

import pytest
from support import CHECKOUT

from provider.database.sources import Sources
from provider.dataset import base, columns, conversion, lookup_statement, masks
from provider.errors import ProviderError
from provider.lookup import lookup

PAGE = (CHECKOUT / "docs/datasets.md").read_text()
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
[SHOP] = [text for language, text in BLOCKS if language == "sql"]
EXAMPLES = [
    pytest.param(text, BLOCKS[number + 1][1], id=re.search(r'name="(.*?)"', text)[1])
    for number, (language, text) in enumerate(BLOCKS)
    if language == "python" and "dataset = " in text
]


@pytest.fixture
def sources(make_source):
    """Make the page's own shop."""
    sources = Sources(make_source(SHOP))
    yield sources
    for source in sources.opened():
        source.engine.dispose()


@pytest.mark.parametrize(("example", "lookups"), EXAMPLES)
def test_an_example_answers_as_the_page_says(sources, example, lookups):
    """An example is a whole file, and each lookup beneath it gives the record or the error code shown."""
    names = {"__name__": "page"}
    exec(compile(example, "docs/datasets.md", "exec"), names)
    names["dataset"].prepare(sources)
    shown = [pair.splitlines() for pair in lookups.strip().split("\n\n")]
    assert shown
    for sent, expected in shown:
        try:
            answer = lookup(names["dataset"], dict(parse_qsl(sent.replace("+", "%2B"))))
        except ProviderError as error:
            answer = error.code
        assert answer == (json.loads(expected) if expected.startswith("{") else expected), sent


def test_every_python_block_is_an_example_or_the_suite():
    """No Python of the page is left out."""
    blocks = [text for language, text in BLOCKS if language == "python"]
    assert len(blocks) == len(EXAMPLES) + 1
    names = {}
    [suite] = [text for text in blocks if "dataset = " not in text]
    exec(compile(suite, "docs/datasets.md", "exec"), names)
    assert isinstance(names["TestMember"], type)


@pytest.mark.parametrize("words", ["convert", "mask", "match", "several", "shape", "stored_as"])
def test_every_choice_is_on_the_page(words):
    """Whatever a declaration may choose among is explained."""
    choices = {
        "convert": conversion.CONVERSIONS,
        "mask": masks.MASKS,
        "match": lookup_statement.MATCHES,
        "several": lookup_statement.SEVERAL[2:],
        "shape": base.SHAPES[1:],
        "stored_as": columns.PHONE_FORMS,
    }[words]
    for choice in choices:
        assert re.search(rf"[`\"(]{choice}[`\")]", PAGE), choice
