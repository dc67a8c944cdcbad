"""Datasets over HTTP on every database: the envelope, and what one client may see."""

import orjson
import pytest
from support import PHONE, failure, record

FILE = """
    from provider.dataset import Column, Field, TableDataset

    dataset = TableDataset(
        name="{dataset}", source="shop", table="Khách", shape="{shape}", newest_by="made",
        identifiers={{"phone": Column("mobile", stored_as=("e164",)), "email": "mail"}},
        record={{"name": "Tên", "phone": "mobile", "born": Field("born", mask="year"), "spent": "spent"}},
    )
"""
SHOWN = {"name": "Nguyễn", "phone": "+84359677657", "born": 1988, "spent": 12.5}


@pytest.fixture
def deployed(database, deploy, make_package):
    """Serve a table with Vietnamese names as an object and as a list."""
    name, table = database.quote("Tên"), database.quote("Khách")
    database.run(
        f"CREATE TABLE {table} ({name} VARCHAR(40), mobile VARCHAR(20), mail VARCHAR(40), born DATE, "
        "spent NUMERIC(9,2), made DATE)",
        f"INSERT INTO {table} VALUES ('Nguyễn', '+84359677657', 'dee@bytetech.io', '1988-06-15', 12.5, '2026-01-02'), "
        "('Cũ', '+84359677657', NULL, NULL, 1, '2025-01-01')",
    )
    files = {shape: FILE.format(dataset=shape, shape=shape).replace("{{", "{") for shape in ("object", "list")}
    return deploy(datasets=make_package(**files), sources={"shop": database.url})


def test_a_lookup_by_get_and_by_post(deployed):
    """GET and POST give the same envelope, whatever the database."""
    client = deployed.asking(deployed.issue().api_key)
    assert record(client.get("/v1/data/object", query_string={"phone": PHONE})) == SHOWN
    assert record(client.post("/v1/data/object", json={"email": "DEE@bytetech.io"})) == SHOWN
    failure(client.get("/v1/data/object", query_string={"phone": "0977777777"}), "NotFound", 200)


def test_a_client_sees_what_it_is_granted(deployed):
    """A client's own fields and masks hold on every database, in an object and in each item of a list."""
    grants = {"object": {"name": "hash", "phone": "last4", "born": None}, "list": {"phone": "last4", "spent": None}}
    issued = deployed.clients.create("partner", {}, grants=grants)
    client = deployed.asking(issued.api_key)
    seen = record(client.get("/v1/data/object", query_string={"phone": PHONE}))
    assert len(seen.pop("name")) == 32
    assert seen == {"phone": "********7657", "born": 1988}
    listed = orjson.loads(client.get("/v1/data/list", query_string={"phone": PHONE}).data)["data"]
    assert listed == {
        "total": 2,
        "items": [{"phone": "********7657", "spent": 12.5}, {"phone": "********7657", "spent": 1}],
    }


def test_a_client_may_be_kept_from_a_dataset(deployed):
    """A dataset that is not granted is Forbidden."""
    client = deployed.asking(deployed.clients.create("partner", {}, grants={"list": None}).api_key)
    failure(client.get("/v1/data/object", query_string={"phone": PHONE}), "Forbidden", 403)
