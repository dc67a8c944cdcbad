"""docs/entities.md says what is so: its examples answer as printed, its tables are the declarations'."""

import json
import re
from urllib.parse import parse_qsl

import pytest
from entity_store import example, only
from support import CHECKOUT, PHONE

from provider.contract.entities import DOCUMENTED
from provider.dataset.builtin import built_in
from provider.dataset.profile import Profile
from provider.errors import ConfigurationError

PAGE = (CHECKOUT / "docs/entities.md").read_text()
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
[RECORD] = [json.loads(text) for language, text in BLOCKS if language == "json"]
[LOOKUPS] = [text for language, text in BLOCKS if language == "text"]
[_, LIST] = [text for language, text in BLOCKS if language == "python"]


def test_the_examples_answer_as_printed(store):
    """With the page's membership imported, each lookup gives the record or the error code shown."""
    store.put("customer-membership", RECORD)
    shown = [pair.splitlines() for pair in LOOKUPS.strip().split("\n\n")]
    assert len(shown) == 4
    for asked, expected in shown:
        dataset, _, sent = asked.partition("?")
        answer = store.ask(dataset, **dict(parse_qsl(sent)))
        assert answer == (json.loads(expected) if expected.startswith("{") else expected), asked


@only("sqlite")
def test_the_list_of_ones_own_works(store, serve, make_package):
    """The page's own dataset answers a list of the fields it names."""
    for number in range(3):
        activity = example("customer-product-activity", actionId=f"A{number}", actionAt=1_700_000_000_000 + number)
        store.put("customer-product-activity", activity)
    ask = serve(datasets=make_package(activities=LIST)).ask
    item = {"action": "Wishlist", "productName": "Coffee Bee", "customField01": "tag:question"}
    assert ask("last-actions", phone=PHONE) == {"total": 3, "items": [item] * 3}
    assert ask("customer-product-activity", phone=PHONE)["actionId"] == "A2"


def test_the_table_of_addresses_is_complete():
    """The page lists every built-in dataset with its identifiers, its key and the times by which the newest counts."""
    datasets = built_in()
    rows = re.findall(r"^\| `([a-z-]+)` \| (.*?) \| (.*?) \| (.*?) \|$", PAGE, re.MULTILINE)
    assert [row[0] for row in rows] == list(datasets)
    for name, identifiers, key, newest in rows:
        assert re.findall("`(.*?)`", identifiers) == list(datasets[name].identifiers)
        if entity := DOCUMENTED.get(name):
            assert re.findall("`(.*?)`", key) == list(entity.key)
            assert re.findall("`(.*?)`", newest) == list(entity.newest_by)


def test_the_table_of_the_profile_is_complete():
    """The page lists every field of the profile, in order, with what it means."""
    rows = re.findall(r"^\| `(\w+)` \| (.*) \|$", PAGE.partition("## The customer profile")[2], re.MULTILINE)
    assert rows == [(name, field.metadata["description"]) for name, field in Profile().dump_fields.items()]


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        ('"nothing"', "'nothing' is no entity that is stored. Those are: customer-identity, "),
        ('"customer-identity", record=()', "customer-identity has an empty record."),
        ('"customer-identity", record=("points",)', "customer-identity has no field 'points'. It has: timezoneGmt, "),
        ('"customer-identity", record=("customFieldTexts",)', "customer-identity has no field 'customFieldTexts'."),
        ('"customer-identity", shape="tree"', "shape cannot be 'tree'. Choose among: object, list."),
        ('"customer-identity", shape="list", limit=0', "limit must be a number of items, at least 1."),
    ],
)
def test_a_mistake_is_told_with_its_place(declared, said, make_package, deploy):
    """A dataset that cannot be stops the start with its file, its line and what to do."""
    package = make_package(wrong=f"from provider.dataset import EntityDataset\n\ndataset = EntityDataset({declared})\n")
    with pytest.raises(ConfigurationError, match=r"wrong\.py:3: ") as raised:
        deploy(datasets=package)
    assert said in str(raised.value)


def test_the_name_of_our_own_database_is_taken(deploy, sample_data):
    """A source of a partner's cannot be called provider, which is the service's own database."""
    with pytest.raises(ConfigurationError, match="PROVIDER_SOURCE_PROVIDER_URL cannot be set"):
        deploy(sources={"provider": sample_data})
