"""`provider webhook`: what came in, what became of it, and one more try."""

import json

import pytest
from support import fill, open_clients, provider, refusal

from provider.ingestion.inbound.webhook_worker import Worker
from provider.ingestion.inbound.webhooks import Inbox
from provider.settings import Settings
from provider.store.provider_database import open_database


@pytest.fixture
def folder(tmp_path, migrated_database, sample_data):
    """Give a working folder with settings and tables."""
    return fill(tmp_path, migrated_database, sample_data)


@pytest.fixture
def inbox(folder):
    """Give the folder's inbox, with one webhook that is done, one that failed once and one without a handler."""
    engine = open_database(Settings(database_url=f"sqlite:///{folder}/provider.db"))
    inbox = Inbox(engine)
    for name in ("good", "bad", "nobodys"):
        inbox.add(name, client="pango", payload=json.dumps({"name": "Nguyễn"}).encode())
    worker = Worker(inbox, {"good": lambda _: None, "bad": lambda payload: payload["absent"]})
    assert worker.handle_next()
    assert worker.handle_next()
    yield inbox
    engine.dispose()


def test_list_shows_what_became_of_them(folder, inbox):
    """`list` shows number, name, state and message, of all or of those asked for, and never the payload."""
    every = json.loads(provider("webhook", "list", "--json", cwd=folder).stdout)
    assert [(row["id"], row["name"], row["state"], row["attempts"], row["message"]) for row in every] == [
        (1, "good", "done", 1, None),
        (2, "bad", "waiting", 1, "KeyError"),
        (3, "nobodys", "waiting", 0, None),
    ]
    assert {row["client"] for row in every} == {"pango"}
    assert every[0]["receivedAt"] == inbox.get(1).received_at.isoformat()
    printed = provider("webhook", "list", cwd=folder).stdout
    assert len(printed.splitlines()) == 3
    assert "Nguy" not in printed
    chosen = provider("webhook", "list", "--state", "waiting", "--name", "bad", cwd=folder).stdout
    assert chosen.split()[:3] == ["2", "bad", "waiting"]
    assert len(chosen.splitlines()) == 1
    assert provider("webhook", "list", "--state", "failed", cwd=folder).stdout == "No such webhooks.\n"


@pytest.mark.usefixtures("inbox")
def test_show_shows_what_it_says(folder):
    """`show` gives a webhook with its payload as long as it is stored; an unknown number is reported in one line."""
    assert json.loads(provider("webhook", "show", "2", "--json", cwd=folder).stdout)["payload"] == {"name": "Nguyễn"}
    assert '{"name": "Nguyễn"}' in provider("webhook", "show", "3", cwd=folder).stdout
    assert json.loads(provider("webhook", "show", "1", "--json", cwd=folder).stdout)["payload"] is None
    assert "payload was deleted" in provider("webhook", "show", "1", cwd=folder).stdout
    assert "attempts    0\n" in provider("webhook", "show", "3", cwd=folder).stdout
    assert "provider webhook list" in refusal("webhook", "show", "9", cwd=folder)
    assert "range" in provider("webhook", "show", "9" * 30, cwd=folder, fails=True).stderr


def test_retry_makes_it_due(folder, inbox):
    """`retry` makes a webhook that waits for its next attempt due at once; one that is done cannot be."""
    assert inbox.claim(["bad"]) is None
    assert "Webhook 2 is due now" in provider("webhook", "retry", "2", cwd=folder).stdout
    assert inbox.claim(["bad"]).id == 2
    assert "no longer kept" in refusal("webhook", "retry", "1", cwd=folder)


def test_a_client_for_webhooks_alone(folder):
    """`client create --webhook` makes a client that may call these webhooks and, without --dataset, read nothing."""
    provider("client", "create", "hooks", "--webhook", "voucher-issued", "--webhook", "b", cwd=folder)
    provider("client", "create", "both", "--webhook", "a", "--dataset", "voucher:code", cwd=folder)
    with open_clients(folder) as clients:
        assert clients.get("hooks").grants == {"webhook:voucher-issued": None, "webhook:b": None}
        assert clients.get("both").grants == {"voucher": {"code": None}, "webhook:a": None}
    assert "'A'" in refusal("client", "create", "wrong", "--webhook", "A", cwd=folder)
    assert "webhook:a" in provider("client", "show", "both", cwd=folder).stdout
    provider("connect", "both", "--auth", "oauth", cwd=folder)
