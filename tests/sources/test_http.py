"""Datasets over HTTP on every database: the envelope, and what one client may see."""

import orjson
import pytest
from support import PHONE, failure, record

from provider.records.people.identifiers import Person
from provider.records.people.suppression import IdentifierHasher, suppress_person

FILE = """
    from provider.dataset import Column, Field, TableDataset

    dataset = TableDataset(
        name="{dataset}", source="shop", table="Khách", shape="{shape}", newest_by="made",
        identifiers={{"phone": Column("mobile", stored_as=("e164",)), "email": "mail"}},
        record={{"name": "Tên", "phone": "mobile", "born": Field("born", mask="year"), "spent": "spent"}},
    )
"""
DEE = Person(phones=frozenset({"+84359677657"}))
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


@pytest.mark.parametrize(
    ("region", "national", "e164"), [("TH", "0812345678", "+66812345678"), ("GB", "07400123456", "+447400123456")]
)
def test_the_region_decides_whose_phone_is_meant(database, deploy, make_package, region, national, e164):
    """With PHONE_REGION a national number is one of that country, in every form a caller or the table writes it."""
    file = """
        from provider.dataset import Column, TableDataset

        dataset = TableDataset(name="{form}", source="shop", table="t",
                               identifiers={{"phone": Column("{form}", stored_as=("{form}",))}}, record={{"v": "v"}})
    """
    forms = {"national": national, "e164": e164, "international": e164[1:]}
    database.run(
        "CREATE TABLE t (national VARCHAR(20), e164 VARCHAR(20), international VARCHAR(20), v INTEGER)",
        f"INSERT INTO t VALUES ('{national}', '{e164}', '{e164[1:]}', 7)",
        f"INSERT INTO t VALUES ('{PHONE}', '+84{PHONE[1:]}', '84{PHONE[1:]}', 8)",
    )
    package = make_package(**{form: file.format(form=form) for form in forms})
    deployed = deploy(datasets=package, sources={"shop": database.url}, phone_region=region)
    client = deployed.asking(deployed.issue().api_key)
    for form in forms:
        for sent in (national, e164, f"{e164[:3]} {e164[3:]}", f" {national[:3]} {national[3:]}"):
            assert record(client.get(f"/v1/data/{form}", query_string={"phone": sent})) == {"v": 7}
            assert record(client.post(f"/v1/data/{form}", json={"phone": sent})) == {"v": 7}
    failure(client.get("/v1/data/e164", query_string={"phone": PHONE}), "InvalidPhone", 400)
    assert record(client.get("/v1/data/e164", query_string={"phone": f"+84{PHONE[1:]}"})) == {"v": 8}
    failure(client.get("/v1/data/national", query_string={"phone": f"+84{PHONE[1:]}"}), "NotFound", 200)


def test_a_list_with_somebody_suppressed_is_nobodys(database, deploy, make_package):
    """One suppressed person among the items of a list hides the whole list, whether or not the caller sees who."""
    file = """
        from provider.dataset import TableDataset

        dataset = TableDataset(name="orders", source="shop", table="t", shape="list", match="any",
                               identifiers={"email": "mail", "orderCode": "code"},
                               record={"phone": "mobile", "v": "v"})
    """
    database.run(
        "CREATE TABLE t (mobile VARCHAR(20), mail VARCHAR(40), code VARCHAR(9), v INTEGER)",
        "INSERT INTO t VALUES ('0912345678', 'an@example.com', 'X', 1), ('0359677657', 'an@example.com', 'Y', 2), "
        "(NULL, 'an@example.com', 'Y', 3), ('0912345678', 'lan@example.com', 'Z', 4)",
    )
    deployed = deploy(datasets=make_package(orders=file), sources={"shop": database.url})
    hasher = IdentifierHasher(deployed.settings.require_secret_key())
    suppress_person(deployed.app.extensions["databases"]["provider"], hasher, DEE)
    other = deploy(datasets=deployed.settings.datasets, sources={"shop": database.url})
    seeing = other.asking(other.issue().api_key)
    blind = other.asking(other.clients.create("partner", {}, grants={"orders": {"v": None}}).api_key)
    for client in (seeing, blind):
        for sent in ({"email": "an@example.com"}, {"orderCode": "Y"}):
            failure(client.get("/v1/data/orders", query_string=sent), "NotFound", 200)
    for sent, total in (({"email": "lan@example.com"}, 1), ({"orderCode": "X"}, 1)):
        assert orjson.loads(seeing.get("/v1/data/orders", query_string=sent).data)["data"]["total"] == total
