"""`provider person`: what it prints, what it refuses, and what it asks."""

import json
import os
import pty
import subprocess

import httpx2
import pytest
from households import HUNG, LAN, Customer
from support import (
    EMAIL,
    PHONE,
    PROVIDER,
    SECRET_KEY,
    VOUCHER,
    Server,
    environment,
    eventually,
    failure,
    open_clients,
    provider,
    record,
    refusal,
)

from provider.store.entity_tables import TABLES


@pytest.fixture
def folder(small_book, tmp_path, sample_data):
    """Give a working folder with a provider database that holds two customers."""
    (tmp_path / ".env").write_text(f"PROVIDER_SECRET_KEY={SECRET_KEY}\nPROVIDER_SOURCE_DEMO_URL={sample_data}\n")
    small_book.store_all(LAN)
    small_book.store_all(HUNG)
    return tmp_path


def run(folder, *arguments):
    """Run `provider person`, which must succeed; give what it prints."""
    done = provider("person", *arguments, cwd=folder)
    assert done.stderr == ""
    return done.stdout


def answer(folder, said, *arguments):
    """Run `provider person` at a terminal and answer its question; give exit code and output."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [PROVIDER, "person", *arguments], cwd=folder, env=environment(), stdin=theirs, stdout=subprocess.PIPE, text=True
    ) as process:
        os.close(theirs)
        os.write(ours, f"{said}\n".encode())
        printed = process.communicate(timeout=60)[0]
    os.close(ours)
    return process.returncode, printed


def test_a_report_for_people_and_for_scripts(folder):
    """`report` shows all records and says what was searched, in words and as JSON of the same facts."""
    row = json.loads(run(folder, "report", "--phone", "+84 912 345 678", "--json"))
    assert row["person"] == {"phones": ["+84912345678"], "emails": [LAN.email], "customerIds": [LAN.id]}
    assert row["suppressedSince"] is None
    assert row["held"] == {TABLES[name].name: [record] for name, record in LAN.records().items()}
    text = run(folder, "report", "--email", LAN.email)
    for table, rows in row["held"].items():
        assert table in text
        assert all(json.dumps(record, ensure_ascii=False) in text for record in rows)
    assert "Not searched: your own databases" in text
    assert row["searched"] in text
    assert HUNG.id not in text
    assert "Nothing is held" in run(folder, "report", "--customer-id", "C-NOBODY")


def test_erase_tells_counts_and_no_personal_data(folder, small_book):
    """`erase --yes` asks nothing, prints counts by table, and shows nothing personal."""
    printed = run(folder, "erase", "--customer-id", LAN.id, "--yes")
    assert printed.splitlines()[0] == "Erased: 12"
    for table in TABLES.values():
        assert [table.name, "1"] in [line.split() for line in printed.splitlines()]
    for text in (LAN.phone[1:], LAN.email, LAN.id, "Nguyen"):
        assert text not in printed
    assert json.loads(run(folder, "erase", "--customer-id", LAN.id, "--yes", "--json")) == {"erased": {}}
    assert all(len(rows) == 1 for name, rows in small_book.rows().items())


def test_erase_asks_at_a_terminal(folder, small_book):
    """At a terminal `erase` shows the counts and asks; no leaves everything, yes erases."""
    before = small_book.rows()
    code, printed = answer(folder, "n", "erase", "--phone", LAN.phone)
    assert code == 1
    assert "Held: 12" in printed
    assert small_book.rows() == before
    code, printed = answer(folder, "y", "erase", "--phone", LAN.phone)
    assert code == 0
    assert "Erased: 12" in printed
    assert small_book.rows() != before


def test_erase_does_not_guess_a_yes(folder, small_book):
    """Without a terminal `erase` needs --yes."""
    before = small_book.rows()
    assert "Add --yes" in refusal("person", "erase", "--phone", LAN.phone, cwd=folder)
    assert small_book.rows() == before


REFUSED = {
    (): "give --phone, --email or --customer-id",
    ("--phone", "12"): "--phone is not a valid phone",
    ("--email", "nobody"): "--email is not a valid email",
    ("--customer-id", "  "): "--customer-id is not a valid customerId",
    ("--customer-id", os.fsdecode(b"\xff")): "not text in UTF-8",
}


@pytest.mark.parametrize("given", REFUSED, ids=str)
def test_who_is_meant_must_be_clear(folder, given):
    """Without an identifier, or with one that is none, the command says which, and repeats nothing of it."""
    assert REFUSED[given] in refusal("person", "report", *given, cwd=folder)


def test_several_customers_are_not_one_person(folder, small_book):
    """An email that two customers have erases and suppresses nobody until it is said who."""
    small_book.store("customer-identity", Customer("0901112223", LAN.email, "C-MINH").record("customer-identity"))
    for command in (("erase", "--yes"), ("suppress",)):
        said = refusal("person", *command, "--email", LAN.email, cwd=folder)
        assert said == "Several customers have these identifiers: C-LAN, C-MINH. Say who with --customer-id."
    assert "C-MINH" in run(folder, "report", "--email", LAN.email)
    both = ("--customer-id", "C-LAN", "--customer-id", "C-MINH")
    assert json.loads(run(folder, "suppress", *both, "--json")) == {"suppressed": 5}
    assert run(folder, "erase", *both, "--yes").startswith("Erased: 13")


def test_a_server_follows_within_seconds(folder, small_book):
    """A server that runs stops serving whom the command suppresses, on a source of the partner's, and begins again."""
    with open_clients(folder) as clients:
        key = {"token-key": clients.create("pango", {}).api_key}
    server = Server(folder)
    try:
        with httpx2.Client(base_url=server.url, headers=key) as caller:

            def look_up():
                return caller.get("/v1/data/voucher", params={"phone": PHONE})

            assert record(look_up()) == VOUCHER
            assert "under 2 identifiers" in run(folder, "suppress", "--phone", PHONE, "--email", EMAIL)
            assert json.loads(run(folder, "report", "--phone", PHONE, "--json"))["suppressedSince"]
            eventually(lambda: not look_up().json()["success"])
            failure(look_up(), "NotFound", 200)
            assert "under 2 identifiers" in run(folder, "restore", "--email", EMAIL)
            assert eventually(lambda: look_up().json()["success"])
        assert all(text not in server.output for text in (PHONE[1:], EMAIL))
    finally:
        server.kill()
    assert "Nobody is suppressed" in refusal("person", "restore", "--email", EMAIL, cwd=folder)
    assert small_book.rows()["provider_client"]
