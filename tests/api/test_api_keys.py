"""API keys: who is let in, for how long, and what is kept of a key."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
import time_machine
from support import EMAIL, NOON, PHONE, VOUCHER, eventually, failure, record

from provider.auth.keys import API_KEY, make_key
from provider.errors import ConfigurationError

ASK = f"/v1/data/voucher?phone={PHONE}"


@pytest.fixture
def moment() -> Iterator[time_machine.Traveller]:
    """Stop the clock at noon, to be moved by hand."""
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


def credentials(deployment, name="pango"):
    """List what is kept of a client's API keys, oldest first."""
    return [key for key in deployment.clients.get(name).credentials if key.kind == API_KEY]


def test_a_valid_key_is_let_in(deployment):
    """A call with a client's API key is answered."""
    assert record(deployment.asking(deployment.issue().api_key).get(ASK)) == VOUCHER


def test_a_client_secret_is_no_api_key(deployment):
    """A client secret is refused as an API key."""
    failure(deployment.asking(deployment.issue().client_secret).get(ASK), "Unauthorized", 401)


@pytest.mark.parametrize("where", ["query", "body", "Authorization", "X-Api-Key", "Cookie"])
def test_a_key_counts_in_its_header_alone(deployment, where):
    """A key in the address, the body or another header opens nothing."""
    key, client = deployment.issue().api_key, deployment.asking()
    if where == "query":
        answer = client.get(f"{ASK}&token-key={key}")
    elif where == "body":
        answer = client.post(ASK, json={"token-key": key})
    else:
        answer = client.get(ASK, headers={where: key})
    failure(answer, "Unauthorized", 401)


@pytest.mark.parametrize("sent", ["token-key", "Token-Key", "TOKEN-KEY"])
def test_the_header_minds_no_case(deployment, sent):
    """A header's name is compared without regard to case (RFC 9110 section 5.1)."""
    key = deployment.issue().api_key
    assert record(deployment.asking().get(ASK, headers={sent: key})) == VOUCHER


@pytest.mark.parametrize("name", ["X-Pango-Key", "authorization", "any-key"])
def test_the_header_is_a_setting(deploy, name):
    """The header's name is a setting: the key is taken there, and no longer in the default's."""
    deployed = deploy(api_key_header=name)
    key = deployed.issue().api_key
    assert record(deployed.asking().get(ASK, headers={name.upper(): key})) == VOUCHER
    answer = deployed.asking().get(ASK, headers={"token-key": key})
    content = failure(answer, "Unauthorized", 401)
    assert name in content["message"]
    assert f'header="{name}"' in answer.headers["WWW-Authenticate"]


def test_several_clients_each_have_their_key(deployment):
    """Every client is let in with its own key, and revoking one leaves the others."""
    keys = {name: deployment.issue(name).api_key for name in ("pango", "pango-2", "other.org")}
    assert len(set(keys.values())) == 3
    deployment.clients.revoke("pango-2")
    for name, key in keys.items():
        answer = deployment.asking(key).get(ASK)
        if name == "pango-2":
            failure(answer, "Unauthorized", 401)
        else:
            assert record(answer) == VOUCHER


def test_a_client_may_have_several_live_keys(deployment, moment):
    """After a rotation the old key and the new one both work while they overlap, then the new one alone."""
    first = deployment.issue().api_key
    moment.shift(timedelta(days=30))
    second = deployment.clients.rotate("pango", timedelta(hours=24)).api_key
    assert first != second
    for hours, first_works in ((0, True), (23, True), (24, False), (24 * 365, False)):
        moment.move_to(NOON + timedelta(days=30, hours=hours))
        answer = deployment.asking(first).get(ASK)
        if first_works:
            assert record(answer) == VOUCHER
        else:
            assert "expired" in failure(answer, "Unauthorized", 401)["message"]
        assert record(deployment.asking(second).get(ASK)) == VOUCHER


def test_a_rotation_without_overlap_ends_the_old_key_at_once(deploy, moment):
    """An overlap of nothing ends the old secrets at the moment of the rotation."""
    deployed = deploy()
    old = deployed.issue().api_key
    new = deployed.clients.rotate("pango", timedelta(0)).api_key
    moment.shift(timedelta(seconds=1))
    failure(deployed.asking(old).get(ASK), "Unauthorized", 401)
    assert record(deployed.asking(new).get(ASK)) == VOUCHER


def test_a_second_rotation_never_lengthens_a_keys_life(deployment, moment):
    """A key that is to end soon still ends then, however long the overlap of a later rotation is."""
    first = deployment.issue().api_key
    deployment.clients.rotate("pango", timedelta(hours=1))
    deployment.clients.rotate("pango", timedelta(days=7))
    moment.shift(timedelta(hours=1))
    failure(deployment.asking(first).get(ASK), "Unauthorized", 401)


def test_expired_keys_are_forgotten_when_new_ones_are_made(deployment, moment):
    """A rotation deletes the keys that have expired."""
    deployment.issue()
    for _ in range(5):
        deployment.clients.rotate("pango", timedelta(hours=1))
        moment.shift(timedelta(hours=2))
    assert len(credentials(deployment)) == 2


def test_a_trial_key_ends_by_itself(deployment, moment):
    """A key for trying out works for its lifetime, beside the client's own."""
    own = deployment.issue().api_key
    trial = deployment.clients.issue_trial("pango", API_KEY, timedelta(hours=24))
    moment.shift(timedelta(hours=24, seconds=-1))
    assert record(deployment.asking(trial).get(ASK)) == VOUCHER
    moment.shift(timedelta(seconds=1))
    failure(deployment.asking(trial).get(ASK), "Unauthorized", 401)
    assert record(deployment.asking(own).get(ASK)) == VOUCHER


def test_one_key_can_be_revoked_alone(deployment):
    """Revoking one key of a client leaves it the others; revoking the client ends all of them."""
    first = deployment.issue().api_key
    second = deployment.clients.rotate("pango", timedelta(hours=24)).api_key
    deployment.clients.revoke("pango", first.split("_")[1])
    content = failure(deployment.asking(first).get(ASK), "Unauthorized", 401)
    assert "revoked" in content["message"]
    assert record(deployment.asking(second).get(ASK)) == VOUCHER


def test_a_revoked_client_gets_no_new_keys(deployment):
    """A revoked client stays revoked: it can neither be rotated nor tried out, and its name stays taken."""
    key = deployment.issue().api_key
    deployment.clients.revoke("pango")
    deployment.clients.revoke("pango")
    failure(deployment.asking(key).get(ASK), "Unauthorized", 401)
    with pytest.raises(ConfigurationError, match="revoked"):
        deployment.clients.rotate("pango", timedelta(hours=1))
    with pytest.raises(ConfigurationError, match="revoked"):
        deployment.clients.issue_trial("pango", API_KEY, timedelta(hours=1))
    with pytest.raises(ConfigurationError, match="already"):
        deployment.issue()


@pytest.mark.parametrize("name", ["", " ", "-x", ".x", "a b", "a/b", "Nguyễn", "a" * 65, "a\n", "'; DROP TABLE x"])
def test_a_clients_name_is_plain(deployment, name):
    """A client's name is of letters, digits and -_. only: it stands in commands and in logs."""
    with pytest.raises(ConfigurationError, match="cannot be called"):
        deployment.issue(name)


@pytest.mark.parametrize("act", ["get", "revoke", "rotate", "issue_trial"])
def test_a_client_that_does_not_exist_is_named(deployment, act):
    """Whatever is done with a client that does not exist says so."""
    values = {"rotate": [timedelta(0)], "issue_trial": [API_KEY, timedelta(1)]}.get(act, [])
    with pytest.raises(ConfigurationError, match="There is no client 'nobody'"):
        getattr(deployment.clients, act)("nobody", *values)


REQUIRED = {"header-01": "fixed value", "any-key": "giá trị=="}


def latin(text):
    """Write a header's value as it travels: UTF-8 bytes, read as Latin-1."""
    return text.encode().decode("latin-1")


def test_the_fixed_headers_are_all_needed(deploy):
    """Each required header must be there with its exact value, beside a valid key; the name minds no case."""
    deployed = deploy(required_headers=REQUIRED)
    client = deployed.asking(deployed.issue().api_key)
    good = {name.upper(): latin(value) for name, value in REQUIRED.items()}
    assert record(client.get(ASK, headers=good)) == VOUCHER
    failure(deployed.asking().get(ASK, headers=good), "Unauthorized", 401)
    for name, right in good.items():
        for wrong in (None, "", "fixed", f"{right} x", right.upper(), "\xff"):
            sent = {other: value for other, value in good.items() if other != name}
            answer = client.get(ASK, headers=sent if wrong is None else {**sent, name: wrong})
            content = failure(answer, "Unauthorized", 401)
            assert name.lower() in content["message"]
            assert "fixed value" not in content["message"]


def test_a_typing_error_does_not_open_the_database(deployment):
    """A mistyped key is refused by its checksum, without the database: its file, moved away, is not made again."""
    key, file = deployment.issue().api_key, Path(deployment.settings.database_url.removeprefix("sqlite:///"))
    deployment.app.extensions["databases"]["provider"].dispose()
    for part in file.parent.glob("provider.db*"):
        part.rename(part.with_name(f"away-{part.name}"))
    client = deployment.asking()
    for mistyped in (key[:-1] + ("x" if key[-1] != "x" else "y"), key[:20] + key[21:], key + "a", "", "junk", "pak_"):
        failure(client.get(ASK, headers={"token-key": mistyped}), "Unauthorized", 401)
        failure(client.get("/nothing", headers={"token-key": mistyped}), "UnknownDataset", 404)
    assert not file.exists()
    failure(client.get(ASK, headers={"token-key": make_key(API_KEY).text}), "SourceUnavailable", 503)
    assert file.exists()


def test_the_last_use_is_kept_to_the_minute(deployment, moment):
    """When a key was last used is kept, in whole minutes, for the key that was used alone."""
    first = deployment.issue().api_key
    second = deployment.clients.rotate("pango", timedelta(days=1)).api_key
    assert [key.last_used_at for key in credentials(deployment)] == [None, None]

    def last_use(key):
        return {kept.id: kept.last_used_at for kept in credentials(deployment)}[key.split("_")[1]]

    moment.move_to(NOON + timedelta(minutes=5, seconds=59))
    assert record(deployment.asking(first).get(ASK)) == VOUCHER
    assert eventually(lambda: last_use(first)) == NOON + timedelta(minutes=5)
    assert last_use(second) is None
    moment.shift(timedelta(seconds=1))
    assert record(deployment.asking(first).get(ASK)) == VOUCHER
    assert eventually(lambda: last_use(first) == NOON + timedelta(minutes=6))


def test_a_refused_call_is_no_use(deploy, moment):
    """A call refused for expiry, for its network or for lack of a fixed header is not stored as a use of the key."""
    deployed = deploy(required_headers={"header-01": "x"})
    header = {"header-01": "x"}
    good = deployed.issue().api_key
    expired, headerless = (deployed.clients.issue_trial("pango", API_KEY, timedelta(hours=hours)) for hours in (1, 24))
    elsewhere = deployed.clients.create("elsewhere", {}, networks=["203.0.113.0/24"]).api_key
    moment.shift(timedelta(hours=2))
    failure(deployed.asking(expired).get(ASK, headers=header), "Unauthorized", 401)
    failure(deployed.asking(headerless).get(ASK), "Unauthorized", 401)
    failure(deployed.asking(elsewhere).get(ASK, headers=header), "Forbidden", 403)
    assert record(deployed.asking(good).get(ASK, headers=header)) == VOUCHER
    eventually(lambda: [kept for kept in credentials(deployed) if kept.last_used_at])
    kept = [*credentials(deployed), *credentials(deployed, "elsewhere")]
    assert [key.id for key in kept if key.last_used_at] == [good.split("_")[1]]


def test_no_secret_is_in_the_database_file(deployment):
    """No key, no secret part of one, no secret of the server and no identifier that was asked for is stored."""
    issued = [deployment.issue("pango"), deployment.issue("other", data_key="body")]
    issued += [deployment.clients.rotate("pango", timedelta(hours=1)) for _ in range(3)]
    secrets = [text for one in issued for text in (one.api_key, one.client_secret)]
    secrets.append(deployment.clients.issue_trial("pango", API_KEY, timedelta(hours=1)))
    for key in secrets:
        deployment.asking(key).get(f"{ASK}&email={EMAIL}")
    eventually(lambda: [kept for kept in credentials(deployment) if kept.last_used_at])

    file = Path(deployment.settings.database_url.removeprefix("sqlite:///"))
    stored = b"".join(part.read_bytes() for part in sorted(file.parent.glob("provider.db*")))
    assert len(list(file.parent.glob("provider.db*"))) > 1
    for key in secrets:
        _, key_id, rest = key.split("_")
        assert key_id.encode() in stored
        assert rest.encode() not in stored
        assert rest[:-6].encode() not in stored
    for private in (deployment.settings.secret_key, PHONE, PHONE[1:], EMAIL):
        assert private.encode() not in stored


def test_the_hash_alone_is_no_key(deployment):
    """What is stored of a key is not accepted as one, and neither is a key with another row's id."""
    key = deployment.issue().api_key
    other = deployment.issue("other").api_key
    with closing(sqlite3.connect(deployment.settings.database_url.removeprefix("sqlite:///"))) as connection:
        rows = dict(connection.execute("SELECT id, digest FROM provider_credential").fetchall())
    digest = rows[key.split("_")[1]]
    assert len(digest) == 64
    for text in (digest, f"pak_{key.split('_')[1]}_{digest[:38]}"):
        failure(deployment.asking(text).get(ASK), "Unauthorized", 401)
    swapped = f"pak_{key.split('_')[1]}_{other.split('_')[2]}"
    failure(deployment.asking(swapped).get(ASK), "Unauthorized", 401)


def test_another_secret_key_ends_every_key(deploy):
    """Keys are hashed with the server's own secret: under another one, none of them holds."""
    key = deploy().issue().api_key
    failure(
        deploy(secret_key="another secret key of more than 32 characters").asking(key).get(ASK), "Unauthorized", 401
    )
