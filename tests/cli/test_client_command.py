"""`provider client`: who may call, and with which keys."""

import json
import os
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

from support import refusal, side_by_side

from provider.auth.keys import API_KEY, CLIENT_SECRET, parse_key


def keys_of(clients, name):
    """List a client's keys by their id."""
    return {key.id: key for key in clients.get(name).credentials}


def key_id(secret):
    """Give the public part of a secret."""
    return secret.split("_")[1]


def test_create_shows_the_secrets_this_once(run, folder, clients):
    """`create --json` gives name, key, id and secret of a client; no other command shows the secrets again."""
    made = json.loads(run("client", "create", "pango", "--json"))
    assert list(made) == ["name", "apiKey", "clientId", "clientSecret"]
    assert made["name"] == "pango"
    assert parse_key(made["apiKey"], API_KEY)
    assert parse_key(made["clientSecret"], CLIENT_SECRET)
    kept = clients.get("pango")
    assert (kept.client_id, kept.envelope) == (made["clientId"], {})
    assert {key.last_four for key in kept.credentials} == {made["apiKey"][-4:], made["clientSecret"][-4:]}
    for printed in side_by_side(("client", "show", "pango"), ("connect", "pango"), cwd=folder):
        assert "pango" in printed
        assert made["apiKey"] not in printed
        assert made["clientSecret"] not in printed


def test_create_for_people_with_an_envelope_of_its_own(run, clients):
    """`create` tells a person key, header and next step; each name and habit of the envelope can be given with it."""
    names = {
        "success_key": "isSuccess",
        "data_key": "body",
        "message_key": "",
        "error_code_key": "responseCode",
        "http_status": "always_200",
        "miss": "empty",
    }
    options = [part for name, value in names.items() for part in (f"--{name.replace('_', '-')}", value)]
    renames = ["--error-codes", "Unauthorized=-102, NotFound=E404"]
    printed = run("client", "create", "pango", *options, *renames, PROVIDER_API_KEY_HEADER="X-Pango-Key")
    assert clients.get("pango").envelope == names | {"error_codes": {"Unauthorized": "-102", "NotFound": "E404"}}
    assert "shown this once" in printed
    assert "X-Pango-Key" in printed
    assert "provider connect pango" in printed
    assert len([word for word in printed.split() if parse_key(word, API_KEY)]) == 1


def test_rotate_makes_new_secrets_beside_the_old(folder, clients):
    """`rotate` gives new secrets and lets the old ones end after the overlap: a day, unless another is given."""
    old = [clients.create(name, {}) for name in ("daily", "brief")]
    commands = [("client", "rotate", "daily", "--json"), ("client", "rotate", "brief", "--overlap", "90m", "--json")]
    new = [json.loads(printed) for printed in side_by_side(*commands, cwd=folder)]
    for issued, shown, overlap in zip(old, new, (timedelta(days=1), timedelta(minutes=90)), strict=True):
        assert shown["clientId"] == issued.client.client_id
        kept = keys_of(clients, shown["name"])
        for before, after in ((issued.api_key, shown["apiKey"]), (issued.client_secret, shown["clientSecret"])):
            ends, begins = kept[key_id(before)].expires_at, kept[key_id(after)].created_at
            assert abs(ends - begins - overlap) <= timedelta(seconds=2)
            assert kept[key_id(after)].expires_at is None


def test_revoke_ends_one_key_or_the_client(run, folder, clients):
    """`revoke --key` ends one key by its id, `revoke` the client with all of them, which then gets no new ones."""
    first = clients.create("pango", {}).api_key
    clients.rotate("pango", timedelta(days=1))
    assert "within 5 seconds" in run("client", "revoke", "pango", "--key", key_id(first))
    assert clients.get("pango").revoked_at is None
    assert [key.id for key in keys_of(clients, "pango").values() if key.revoked_at] == [key_id(first)]
    run("client", "revoke", "pango")
    assert clients.get("pango").revoked_at
    assert "revoked" in refusal("client", "rotate", "pango", cwd=folder)


def test_clients_are_shown_to_people_and_to_scripts(folder, clients):
    """`list` and `show` tell state, keys and envelope of a client, in words and as JSON of the same facts."""
    clients.create("ended", {})
    clients.revoke("ended")
    issued = clients.create("pango", {"data_key": "body"})
    clients.rotate("pango", timedelta(days=1))
    listed, listed_json, shown, shown_json = side_by_side(
        ("client", "list"),
        ("client", "list", "--json"),
        ("client", "show", "pango"),
        ("client", "show", "pango", "--json"),
        cwd=folder,
    )
    assert [line.split()[:2] for line in listed.splitlines()] == [["ended", "revoked"], ["pango", "live"]]
    rows = json.loads(listed_json)
    assert [(row["name"], row["revokedAt"] is None) for row in rows] == [("ended", False), ("pango", True)]
    row = json.loads(shown_json)
    assert row == rows[1]
    assert row["envelope"] == {"data_key": "body"}
    assert set(row) == {
        "name", "clientId", "envelope", "datasets", "authMethods", "networks", "redirectUris", "createdAt", "revokedAt",
        "keys",
    }  # fmt: skip
    kept = keys_of(clients, "pango")
    for key in row["keys"]:
        assert key["kind"] == kept[key["id"]].kind
        assert key["lastFour"] == kept[key["id"]].last_four
        assert datetime.fromisoformat(key["createdAt"]) == kept[key["id"]].created_at
        assert (key["expiresAt"] is not None) == (key["id"] in {key_id(issued.api_key), key_id(issued.client_secret)})
        assert key["id"] in shown
    assert "last used never" in shown
    assert "until " in shown


REFUSED = {
    ("client", "create", "demo"): "There is a client 'demo' already.",
    ("client", "create", "a b"): "cannot be called 'a b'",
    ("client", "create", "pango", "--error-codes", "Nope=1"): "'Nope' is no error code",
    ("client", "show", "nobody"): "There is no client 'nobody'.",
    ("client", "revoke", "demo", "--key", "abc"): "has no key 'abc'",
    ("connect", "nobody"): "There is no client 'nobody'.",
}


def test_a_refusal_is_one_line(folder, clients):
    """A client command that cannot be done says why in one line and changes nothing."""
    clients.create("demo", {})
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        lines = pool.map(lambda command: refusal(*command, cwd=folder), REFUSED)
    for line, why in zip(lines, REFUSED.values(), strict=True):
        assert why in line
    assert [client.name for client in clients.list()] == ["demo"]
    assert not any(key.revoked_at for key in keys_of(clients, "demo").values())


def test_an_empty_list_says_what_to_do(folder):
    """Without clients, `list` says how to make one, and gives scripts an empty list."""
    printed, written = side_by_side(("client", "list"), ("client", "list", "--json"), cwd=folder)
    assert "provider client create" in printed
    assert json.loads(written) == []
