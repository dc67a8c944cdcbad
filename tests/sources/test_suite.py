"""The standard suite: every dataset of ours passes it, and it fails a dataset that breaks a rule."""

import subprocess
import sys

import pytest
from support import CHECKOUT, environment

from provider.datasets import birthday_gift, customer, voucher
from provider.testing import standard_suite

OURS = (voucher, customer, birthday_gift)

TestVoucher = standard_suite("voucher")
TestCustomer = standard_suite("customer")
TestBirthdayGift = standard_suite("birthday-gift")


@pytest.fixture(autouse=True)
def _sample_shop(monkeypatch, sample_data):
    """Configure the sample shop the way an operator does."""
    monkeypatch.setenv("PROVIDER_DATASETS", "samples")
    monkeypatch.setenv("PROVIDER_SOURCE_DEMO_URL", sample_data)


def test_every_dataset_of_ours_has_its_suite():
    """A sample that is added gets its line here."""
    files = {file.stem for file in (CHECKOUT / "tests/samples").glob("[!_]*.py")}
    assert files == {module.__name__.rpartition(".")[2] for module in OURS}


GOOD = """
    '''The newest voucher of a person.'''
    from marshmallow import Schema, fields
    from provider.dataset import Column, Dataset, TableDataset

    dataset = TableDataset(
        name="thing", source="demo", table="tbl_voucher",
        identifiers={"phone": Column("mobile", stored_as=("national", "e164", "international"))},
        record={"code": "voucher_code"}, newest_by="created_on", example={"phone": "0359677657"},
    )
"""
FUNCTION = """
    from marshmallow import Schema, fields
    from provider.dataset import Dataset

    class Record(Schema):
        v = fields.Raw()

    dataset = Dataset(name="thing", record=Record, fetch=lambda query: VALUE, example={"phone": "0359677657"})
"""


def run_suite(folder, sample_data, package):
    """Run the suite of a partner's package in a pytest of its own; give its result and the tests that failed."""
    (folder / "test_thing.py").write_text(
        'from provider.testing import standard_suite\n\nTestThing = standard_suite("thing")\n'
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--no-header", "-p", "no:cacheprovider", "test_thing.py"],
        cwd=folder,
        env=environment(
            PROVIDER_DATASETS=package,
            PROVIDER_SOURCE_DEMO_URL=sample_data,
            PYTHONPATH=f"{CHECKOUT}",
        ),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    failed = {
        line.partition("::")[2].split()[0].partition("::")[2] for line in done.stdout.splitlines() if "FAILED" in line
    }
    return done, failed


def test_one_line_is_a_test_class(tmp_path, sample_data, make_package):
    """One line in a partner's test file runs every rule against their own package."""
    done, failed = run_suite(tmp_path, sample_data, make_package(thing=GOOD))
    assert done.returncode == 0, done.stdout
    assert "10 passed" in done.stdout
    assert not failed


@pytest.mark.parametrize(
    ("text", "broken"),
    [
        pytest.param(
            GOOD.replace('"0359677657"}', '"0359677111"}'), "test_its_example_finds_somebody", id="finds nobody"
        ),
        pytest.param(
            GOOD.replace(', example={"phone": "0359677657"}', ""), "test_its_example_finds_somebody", id="none"
        ),
        pytest.param(FUNCTION.replace("VALUE", "{'v': 'x'}"), "test_an_unknown_person_is_a_miss", id="knows all"),
        pytest.param(
            FUNCTION.replace("VALUE", "{'v': __import__('uuid').uuid4().hex}"),
            "test_the_same_question_gets_the_same_answer",
            id="changes",
        ),
        pytest.param(
            FUNCTION.replace("VALUE", "{'v': 1} if query.phone.national == '0359677657' and RAN() else None").replace(
                "class Record", "def RAN():\n        raise ValueError\n\n    class Record"
            ),
            "test_its_example_finds_somebody",
            id="fails",
        ),
    ],
)
def test_a_dataset_that_breaks_a_rule_fails(tmp_path, sample_data, make_package, text, broken):
    """A dataset that breaks a rule fails that rule's test, with a reason."""
    done, failed = run_suite(tmp_path, sample_data, make_package(thing=text))
    assert done.returncode == 1, done.stdout
    assert broken in failed
