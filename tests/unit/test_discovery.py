"""Discovery: a file in the folder is a dataset, and a mistake stops the start with its place and what to do."""

import pytest

from provider.database.sources import Sources
from provider.dataset.discover import discover
from provider.errors import ConfigurationError

TABLE = """
CREATE TABLE vouchers (code TEXT, mobile TEXT, mail TEXT);
"""

VOUCHER = """\
'''The newest voucher of a person.

More about it.
'''

from provider.dataset import Column, TableDataset

dataset = TableDataset(
    name="voucher",
    source="shop",
    table="vouchers",
    identifiers={"phone": "mobile"},
    record={"code": "code"},
)
"""


@pytest.fixture
def start(make_source):
    """Discover a package and prepare its datasets over a small shop, as the start of the service does."""
    urls = make_source(TABLE)

    def start(package):
        sources = Sources(urls)
        try:
            datasets = discover(package)
            for dataset in datasets.values():
                dataset.prepare(sources)
        finally:
            for source in sources.opened():
                source.engine.dispose()
        return datasets

    return start


def test_the_sample_datasets_are_found():
    """The datasets that come with the service are found in their folder, each described by its file's first line."""
    datasets = discover("samples")
    assert {name: dataset.description for name, dataset in datasets.items()} == {
        "birthday-gift": "The birthday gift of a person in one campaign: a dataset in plain Python.",
        "customer": "Who a person is to the shop: name, tier and points.",
        "voucher": "The newest voucher of a person.",
    }
    assert datasets["birthday-gift"].own_parameters == {"campaignId": True}


def test_a_file_is_a_dataset_without_registration(make_package, start):
    """Every file of the package is a dataset; files whose name begins with _ are left alone."""
    package = make_package(
        voucher=VOUCHER,
        other=VOUCHER.replace('"voucher"', '"other"'),
        _helper="raise RuntimeError('a helper nobody imports is never run')",
    )
    datasets = start(package)
    assert set(datasets) == {"voucher", "other"}
    assert datasets["voucher"].declared_at == f"{package}/voucher.py:8"
    assert datasets["voucher"].description == "The newest voucher of a person."


def test_one_dataset_may_use_another(make_package, start):
    """A file that imports a neighbour's dataset has its own, and both work."""
    package = make_package(
        gift="""
            from marshmallow import Schema, fields
            from provider.dataset import Dataset
            from {name}.voucher import dataset as voucher

            class Record(Schema):
                code = fields.String()

            dataset = Dataset(name="gift", record=Record, fetch=voucher.fetch)
            """,
        voucher=VOUCHER,
    )
    assert set(start(package)) == {"gift", "voucher"}


def test_an_empty_package_serves_nothing(make_package, start):
    """A package without files is no mistake."""
    assert start(make_package()) == {}


MISTAKES = {
    "syntax error": (VOUCHER + "\ndef broken(:\n", 16, "invalid syntax", "Correct the file"),
    "indentation": (VOUCHER + "\n  x = 1\n", 16, "unexpected indent", "Correct the file"),
    "exception at import": (VOUCHER + "\nprice = 1 / 0\n", 16, "ZeroDivisionError", "Correct the file"),
    "module that is not installed": ("import no_such_module\n" + VOUCHER, 1, "no_such_module", "Correct the file"),
    "name that is not defined": (VOUCHER.replace("TableDataset(", "TabelDataset("), 8, "TabelDataset", "Correct"),
    "wrong argument": (VOUCHER.replace("    table=", "    tabel="), 8, "tabel", "Correct the file"),
    "missing argument": (VOUCHER.replace('    table="vouchers",\n', ""), 8, "table", "Correct the file"),
    "no dataset": ("x = 1\n", 1, "no dataset", "Write `dataset = TableDataset(...)`"),
    "a dataset that is none": ("dataset = {}\n", 1, "no dataset", "Write `dataset = TableDataset(...)`"),
    "a dataset under another name": (VOUCHER.replace("dataset = ", "data = "), 1, "no dataset", "Write `dataset ="),
    "name with a slash": (VOUCHER.replace('"voucher"', '"a/b"'), 8, "'a/b'", "Use letters, digits"),
    "empty name": (VOUCHER.replace('"voucher"', '""'), 8, "''", "Use letters, digits"),
    "no identifiers": (VOUCHER.replace('{"phone": "mobile"}', "{}"), 8, "no identifiers", "looked up"),
    "empty record": (VOUCHER.replace('{"code": "code"}', "{}"), 8, "empty record", "Name the columns"),
    "unknown phone form": (
        VOUCHER.replace('"mobile"', 'Column("mobile", stored_as=("local",))'), 12, "'local'", "national, e164",
    ),
    "no phone form": (
        VOUCHER.replace('"mobile"', 'Column("mobile", stored_as=())'), 12, "empty", "national, e164",
    ),
    "missing table": (VOUCHER.replace('"vouchers"', '"voucher_table"'), 8, "'voucher_table'", "Correct the name"),
    "missing record column": (VOUCHER.replace('"code": "code"', '"code": "cod"'), 8, "'cod'", "code, mobile, mail"),
    "missing identifier column": (VOUCHER.replace('"mobile"', '"phone"'), 8, "'phone'", "code, mobile, mail"),
    "missing newest_by column": (
        VOUCHER.replace("record=", 'newest_by="made_on",\n    record='), 8, "'made_on'", "code, mobile, mail",
    ),
    "missing source": (VOUCHER.replace('"shop"', '"crm"'), 8, "'crm'", "Set PROVIDER_SOURCE_CRM_URL"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "line", "what", "advice"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_stops_the_start_with_its_place(make_package, start, text, line, what, advice):
    """A mistake in a file stops the start with one line: the file, the line, what is wrong and what to do."""
    package = make_package(voucher=text)
    with pytest.raises(ConfigurationError) as caught:
        start(package)
    message = str(caught.value)
    assert message.startswith(f"{package}/voucher.py:{line}: ")
    assert what in message
    assert advice in message
    assert "\n" not in message


def test_two_datasets_cannot_have_one_name(make_package, start):
    """A name that is taken stops the start with both places."""
    package = make_package(first=VOUCHER, second=VOUCHER)
    with pytest.raises(ConfigurationError, match="Rename one of them") as caught:
        start(package)
    assert str(caught.value).startswith(f"{package}/second.py:8: the name 'voucher' is taken by {package}/first.py:8.")


@pytest.mark.parametrize("address", ["sqlite:///nowhere.db", "sqlite://", "sqlite:///:memory:"])
def test_a_source_file_that_does_not_exist_stops_the_start(make_package, address):
    """A wrong path of a SQLite source stops the start; SQLite itself would answer with a new, empty file."""
    dataset = discover(make_package(voucher=VOUCHER))["voucher"]
    with pytest.raises(ConfigurationError, match=r"PROVIDER_SOURCE_SHOP_URL.* does not exist.*Correct the path"):
        dataset.prepare(Sources({"shop": address}))


def test_a_source_that_is_no_database_stops_the_start(make_package, tmp_path):
    """A file that is no database stops the start with the setting to check, without quoting the address."""
    (tmp_path / "notes.db").write_text("no database at all, but long enough to be read as the head of one" * 20)
    dataset = discover(make_package(voucher=VOUCHER))["voucher"]
    sources = Sources({"shop": "sqlite:///notes.db"})
    with pytest.raises(ConfigurationError, match="Check PROVIDER_SOURCE_SHOP_URL"):
        dataset.prepare(sources)
    sources["shop"].engine.dispose()


@pytest.mark.parametrize(
    ("address", "advice"),
    [
        ("crm password=hunter2", "PROVIDER_SOURCE_SHOP_URL is no database address"),
        ("nosuchdb://user:hunter2@host/db", "Begin it with postgresql"),
        ("mssql+pymssql://user:hunter2@host/db", "needs the driver pymssql"),
    ],
)
def test_an_address_that_cannot_be_is_not_quoted(make_package, address, advice):
    """A wrong database address stops the start with what to write; the address, which may hold a password, is kept."""
    dataset = discover(make_package(voucher=VOUCHER))["voucher"]
    with pytest.raises(ConfigurationError, match=advice) as caught:
        dataset.prepare(Sources({"shop": address}))
    assert "hunter2" not in str(caught.value)


def test_a_package_that_cannot_be_found_says_where_to_put_it():
    """PROVIDER_DATASETS naming a package that is nowhere stops the start with what to do."""
    with pytest.raises(ConfigurationError, match=r"PROVIDER_DATASETS names .*'no_such_package'.*Give a folder"):
        discover("no_such_package")


def test_a_package_is_a_folder(tmp_path):
    """PROVIDER_DATASETS naming one file stops the start."""
    (tmp_path / "one_lonely_file.py").write_text("")
    with pytest.raises(ConfigurationError, match="PROVIDER_DATASETS names 'one_lonely_file', which is one file"):
        discover("one_lonely_file")


@pytest.mark.parametrize(
    ("text", "what"),
    [("1 / 0\n", "ZeroDivisionError"), ("import no_such_module\n", "no_such_module"), ("x = (\n", "never closed")],
)
def test_a_broken_package_is_not_a_missing_one(make_package, text, what):
    """A mistake in the package's own __init__.py is reported there, with its line."""
    package = make_package(__init__=text)
    with pytest.raises(ConfigurationError, match=what) as caught:
        discover(package)
    assert str(caught.value).startswith(f"{package}/__init__.py:1: ")


def test_a_module_whose_name_begins_like_the_package_is_another_one(make_package):
    """A package that needs a missing module is broken, even where that module's name begins like its own."""
    package = make_package(__init__="import partn\n")
    assert package.startswith("partn")
    with pytest.raises(ConfigurationError, match="No module named 'partn'") as caught:
        discover(package)
    assert str(caught.value).startswith(f"{package}/__init__.py:1: ")
