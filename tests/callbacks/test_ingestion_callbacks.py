"""The Data Ingestion Callback: who may report, what is kept of it, and that nothing Pango says is lost."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from importlib import import_module

import orjson
import pytest
from services import own_address
from sqlalchemy import bindparam, insert, select, text, update
from support import eventually, failure, record

from provider.errors import ConfigurationError
from provider.ingestion.inbound.callbacks import CallbackCounts, FailedRecord, count_results, list_failed
from provider.store import provider_database
from provider.store.provider_database import open_database
from provider.store.push_tables import CallbackResult, Push, Sent

URL = "/v1/callbacks/ingestion"
KEY = "the key agreed with Pango"
SAMPLE = {
    "3c439cfc852573428bdb91f5bf96840d10": {"status": 200, "cdpId": "c-1"},
    "1c39cc851573728bdb291f5bf96840d10": {"status": 101, "errorMess": "Missing momCode"},
}
"""The sample of Pango's page."""

VERIFIER = """
    seen = []

    def verify(ref_ids, api_key, checksum):
        seen.append((ref_ids, api_key, checksum))
        return checksum == "right"

    def fail(ref_ids, api_key, checksum):
        raise RuntimeError("0359677657")

    nothing = None
"""


def report(deployment, data, *, key=KEY, checksum=None, body=None):
    """Report results as Pango does."""
    headers = {"Content-Type": "application/json"}
    headers |= {} if key is None else {"ApiKey": key}
    headers |= {} if checksum is None else {"Checksum": checksum}
    body = orjson.dumps({"data": data}) if body is None else body
    return deployment.asking().post(URL, data=body, headers=headers)


def kept(deployment):
    """Read what is kept, by refId: status, Pango's id and message."""
    engine = open_database(deployment.settings)
    columns = CallbackResult.ref_id, CallbackResult.status, CallbackResult.cdp_id, CallbackResult.message
    with engine.connect() as connection:
        rows = {ref_id: tuple(rest) for ref_id, *rest in connection.execute(select(*columns))}
    engine.dispose()
    return rows


def checksums(deployment):
    """Read the checksums that are kept."""
    engine = open_database(deployment.settings)
    with engine.connect() as connection:
        found = set(connection.scalars(select(CallbackResult.checksum)))
    engine.dispose()
    return found


@pytest.fixture
def told(deploy):
    """Make an installation over SQLite, with the key of callbacks."""
    return partial(deploy, callback_api_keys=(KEY,))


def test_the_sample_of_the_page_is_kept(deploy_here):
    """Each result is kept by its refId, whether or not a push of ours sent it, and the answer is a success."""
    deployment = deploy_here()
    assert record(report(deployment, SAMPLE, checksum="as received")) == {"records": 2}
    assert kept(deployment) == {
        "3c439cfc852573428bdb91f5bf96840d10": (200, "c-1", None),
        "1c39cc851573728bdb291f5bf96840d10": (101, None, "Missing momCode"),
    }
    assert checksums(deployment) == {"as received"}


def test_duplicates_and_later_words(deploy_here):
    """The same callback again changes nothing, another result of the same record takes its place."""
    deployment = deploy_here()
    for _ in range(3):
        record(report(deployment, SAMPLE))
    before = kept(deployment)
    assert len(before) == 2
    failed = "1c39cc851573728bdb291f5bf96840d10"
    record(report(deployment, {failed: {"status": 200, "cdpId": "c-2"}}))
    assert kept(deployment) == before | {failed: (200, "c-2", None)}


def test_refids_are_told_apart_exactly(deploy_here):
    """Two refIds that differ in capitals, accents or Unicode form are two records."""
    deployment = deploy_here()
    ref_ids = ["mã-1", "MÃ-1", "ma-1", "ma\N{COMBINING TILDE}-1", "mã-1\N{PILE OF POO}"]
    record(report(deployment, {ref_id: {"status": 200} for ref_id in ref_ids}))
    assert set(kept(deployment)) == set(ref_ids)


def test_a_thousand_records_in_one_callback(deploy_here):
    """A callback of a thousand records, larger than the limit of other bodies, is kept whole."""
    deployment = deploy_here()
    data = {f"3c439cfc852573428bdb91f5bf96840d{number}": {"status": 200, "cdpId": "c" * 60} for number in range(1000)}
    assert len(orjson.dumps({"data": data})) > 64 * 1024
    assert record(report(deployment, data)) == {"records": 1000}
    assert len(kept(deployment)) == 1000


def test_callbacks_at_once_over_the_same_records(deploy_here):
    """Callbacks that come at the same moment about the same records, in any order, all succeed."""
    deployment = deploy_here()
    ref_ids = [f"record-{number}" for number in range(300)]
    senders = 4
    start = threading.Barrier(senders)

    def send(sender):
        data = {ref_id: {"status": 200 + sender} for ref_id in (ref_ids[::-1] if sender % 2 else ref_ids)}
        answers = []
        for _ in range(5):
            start.wait()
            answers.append(report(deployment, data))
        return answers

    with ThreadPoolExecutor(senders) as pool:
        for answers in pool.map(send, range(senders)):
            for answer in answers:
                record(answer)
    rows = kept(deployment)
    assert set(rows) == set(ref_ids)
    assert len({status for status, *_ in rows.values()}) == 1, "a callback is written as a whole"


@pytest.mark.parametrize("_server_database", ["PostgreSQL", "MariaDB"], indirect=True)  # SQLite has one writer
def test_a_deadlock_is_tried_again(deploy_here):
    """A callback that its database ends because of a deadlock is written after another try."""
    deployment = deploy_here()
    record(report(deployment, {ref_id: {"status": 101} for ref_id in ("a", "b", *map(str, range(200)))}))
    engine = open_database(deployment.settings)
    postgresql = engine.dialect.name == "postgresql"
    waiting = text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        if postgresql
        else "SELECT count(*) FROM information_schema.processlist "
        "WHERE db = database() AND info LIKE 'INSERT%' AND time_ms > 100"
    )
    change = update(CallbackResult).where(CallbackResult.ref_id == bindparam("key")).values(status=102)
    with ThreadPoolExecutor(1) as pool, engine.connect() as other, engine.connect() as observer:
        if postgresql:
            other.execute(text("SET deadlock_timeout = '60s'"))  # it is not the one to give way
        # It has also written more, which is what MariaDB goes by.
        other.execute(change, [{"key": ref_id} for ref_id in ("b", *map(str, range(200)))])
        reported = pool.submit(report, deployment, {"a": {"status": 200}, "b": {"status": 200}})
        eventually(lambda: (observer.rollback(), observer.scalar(waiting))[1])
        other.execute(change, {"key": "a"})
        other.commit()
        record(reported.result())
    engine.dispose()
    rows = kept(deployment)
    assert {rows["a"][0], rows["b"][0]} == {200}
    assert rows["1"][0] == 102


def test_a_lock_that_is_held_for_long_is_not_waited_for(deploy_here, monkeypatch):
    """A callback is SourceUnavailable after seconds when another transaction holds the lock of a row for longer."""
    monkeypatch.setattr(provider_database, "LOCK_SECONDS", 1)
    deployment = deploy_here()
    record(report(deployment, {"a": {"status": 101}}))
    engine = open_database(deployment.settings)
    with engine.begin() as other:
        other.execute(update(CallbackResult).values(status=102))
        failure(report(deployment, {"a": {"status": 200}}), "SourceUnavailable", 503)
    engine.dispose()
    assert kept(deployment)["a"][0] == 102


@pytest.mark.parametrize(
    ("result", "understood"),
    [
        ({"status": 101, "errorMessage": "of the table"}, (101, None, "of the table")),
        ({"status": 101, "errorMess": "of the sample"}, (101, None, "of the sample")),
        ({"status": 101, "errorMessage": None, "errorMess": "the other"}, (101, None, "the other")),
        ({"status": " 200 ", "cdpId": "c"}, (200, "c", None)),
        ({"status": 200.0, "cdpId": 17}, (200, "17", None)),
        ({"status": 101, "errorMessage": ["a", 1]}, (101, None, '["a",1]')),
        ({"status": 101, "errorMess": "a\0b"}, (101, None, "a\N{REPLACEMENT CHARACTER}b")),
        ('{"status": 200, "cdpId": "c"}', (200, "c", None)),
        ({"status": "stored"}, (0, None, '{"status":"stored"}')),
        ({"status": True}, (0, None, '{"status":true}')),
        ({"status": 200.5}, (0, None, '{"status":200.5}')),
        ({"status": 10**15}, (0, None, '{"status":1000000000000000}')),
        ({"status": "9" * 30}, (0, None, '{"status":"' + "9" * 30 + '"}')),
        ({"cdpId": "c"}, (0, None, '{"cdpId":"c"}')),
        ({}, (0, None, "{}")),
        (200, (0, None, "200")),
        (None, (0, None, None)),
        ([], (0, None, "[]")),
        ("stored", (0, None, "stored")),
    ],
)
def test_results_are_read_with_patience(told, result, understood):
    """Both spellings and numbers as text are understood; a strange result is kept as it is beside the good ones."""
    deployment = told()
    assert record(report(deployment, {"good": {"status": 200}, "odd": result})) == {"records": 2}
    assert kept(deployment) == {"good": (200, None, None), "odd": understood}


def test_a_result_nested_too_deeply_does_not_spoil_the_others(told):
    """What is nested too deeply to be written again is left out, and the rest of the callback is kept."""
    deployment, deep = told(), b"[" * 300 + b"]" * 300
    results = b'"good": {"status": 200}, "text": {"status": 101, "errorMess": %s}, "odd": %s' % (deep, deep)
    assert record(report(deployment, None, body=b'{"data": {%s}}' % results)) == {"records": 3}
    left_out = "nested too deeply to be kept"
    assert kept(deployment) == {"good": (200, None, None), "text": (101, None, left_out), "odd": (0, None, left_out)}


def test_what_no_column_has_room_for(deploy_here):
    """A message too long is cut, and a refId too long is kept under its beginning and a hash of its own."""
    deployment = deploy_here()
    data = {"r" * 300 + end: {"status": 101, "errorMessage": "\N{PILE OF POO}" * 20_000} for end in "ab"}
    record(report(deployment, data | {"z": {"status": 200, "cdpId": "c" * 300}, "\0": {"status": 200}}))
    rows = kept(deployment)
    assert len(rows) == 4
    assert all(len(ref_id) == 255 for ref_id in rows if ref_id.startswith("rr"))
    assert {len(message) for _, _, message in rows.values() if message} == {16_000}


def test_data_may_be_written_as_text(told):
    """The table of Pango's page says that `data` is a String: one that holds the object is understood."""
    deployment = told()
    assert record(report(deployment, orjson.dumps(SAMPLE).decode())) == {"records": 2}
    assert len(kept(deployment)) == 2


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"{}", b'{"data": []}', b'{"data": null}', b'{"data": "x"}', b"\xff", b'{"data": NaN}']
)
def test_what_cannot_be_understood_at_all(told, body):
    """A body without an object of results is refused, and nothing is kept."""
    deployment = told()
    failure(report(deployment, None, body=body), "InvalidRequest", 400)
    assert kept(deployment) == {}


def test_a_callback_about_nothing_is_a_success(deploy_here):
    """An empty object of results is understood."""
    assert record(report(deploy_here(), {})) == {"records": 0}


@pytest.mark.parametrize("key", [None, "", "wrong", KEY[:-1], KEY.upper(), "kh\xf3a", "\xff\xfe"])
def test_a_wrong_key_is_refused_before_the_body_is_read(told, key):
    """Whatever the body is, a key that is missing or wrong, in whatever bytes, answers 401 with a challenge."""
    deployment = told()
    for body in (b"{", orjson.dumps({"data": SAMPLE}), b"x" * 2_000_000):
        refused = report(deployment, None, key=key, body=body)
        content = failure(refused, "Unauthorized", 401)
        assert refused.headers["WWW-Authenticate"] == 'ApiKey realm="callbacks", header="ApiKey"'
        assert refused.headers["Connection"] == "close", "the body was not read"
        assert KEY not in content["message"]
    assert kept(deployment) == {}


def test_without_keys_callbacks_are_refused(deploy):
    """As long as no key is set no callback is taken, and the answer names the setting."""
    for keys in ((), ("", " ")):
        deployment = deploy(callback_api_keys=keys)
        for key in (None, "", "any"):
            content = failure(report(deployment, SAMPLE, key=key), "Unauthorized", 401)
            assert "PROVIDER_CALLBACK_API_KEYS" in content["message"]


def test_keys_rotate_without_a_gap(told):
    """While two keys are set both are taken; one that is taken out ends."""
    old, new = "the old key", "the new key"
    deployment = told(callback_api_keys=(old, f" {new} "))
    record(report(deployment, SAMPLE, key=old))
    record(report(deployment, SAMPLE, key=new))
    deployment = told(callback_api_keys=(new,))
    record(report(deployment, SAMPLE, key=new))
    failure(report(deployment, SAMPLE, key=old), "Unauthorized", 401)


def test_a_key_no_header_can_carry_stops_the_start(told):
    """A key with accents, which servers would drop from the header, stops the start without being quoted."""
    with pytest.raises(ConfigurationError, match="PROVIDER_CALLBACK_API_KEYS") as caught:
        told(callback_api_keys=("good", "khóa"))
    assert "khóa" not in str(caught.value)


def test_guessers_are_slowed_down(told):
    """Many wrong keys at once end in TooManyRequests, while the right one gets in from the same address."""
    deployment = told()
    address = {"REMOTE_ADDR": own_address()}

    def guess(number):
        return deployment.asking().post(URL, headers={"ApiKey": f"guess {number}"}, environ_overrides=address)

    with ThreadPoolExecutor(8) as pool:
        codes = {answer.json["errorCode"] for answer in pool.map(guess, range(30))}
    assert codes == {"Unauthorized", "TooManyRequests"}
    body = orjson.dumps({"data": SAMPLE})
    record(deployment.asking().post(URL, data=body, headers={"ApiKey": KEY}, environ_overrides=address))


def test_the_header_names_in_any_case(told):
    """The headers are found however they are written: the page has Checksum in its table, CheckSum in its sample."""
    deployment = told()
    headers = {"APIKEY": KEY, "CheckSum": "c" * 300}
    record(deployment.asking().post(URL, data=orjson.dumps({"data": SAMPLE}), headers=headers))
    assert checksums(deployment) == {"c" * 255}


def test_the_envelope_of_lookups_does_not_hide_failures(told):
    """Callbacks are answered as `success` and with their HTTP status, whatever the deployment chose for lookups."""
    deployment = told(success_key="isSuccess", data_key="body", http_status="always_200")
    record(report(deployment, SAMPLE))
    failure(report(deployment, SAMPLE, key="wrong"), "Unauthorized", 401)
    failure(report(deployment, None, body=b"{"), "InvalidRequest", 400)
    failure(deployment.asking().put(URL, data=b"{}"), "MethodNotAllowed", 405)
    failure(deployment.asking().post(f"{URL}/", data=b"{}"), "UnknownDataset", 404)


def test_a_body_may_have_one_mebibyte(told):
    """A callback of up to 1 MiB is taken, a larger one is refused with that limit; other addresses keep theirs."""
    deployment = told()
    body = orjson.dumps({"data": SAMPLE})
    record(report(deployment, None, body=body.ljust(1024 * 1024)))
    content = failure(report(deployment, None, body=body.ljust(1024 * 1024 + 1)), "PayloadTooLarge", 413)
    assert "1 MiB" in content["message"]
    client = deployment.asking(deployment.issue().api_key)
    large = client.post("/v1/data/voucher", data=b"{}".ljust(65 * 1024), content_type="application/json")
    assert "64 KiB" in failure(large, "PayloadTooLarge", 413)["message"]


def test_a_checksum_is_verified_by_the_partner(told, make_package):
    """A verifier gets the refIds as they came, the key and the checksum; what it refuses is not kept."""
    package = make_package(verifier=VERIFIER)
    deployment = told(callback_checksum=f"{package}.verifier:verify")
    record(report(deployment, SAMPLE, checksum="right"))
    before = kept(deployment)
    for checksum in ("wrong", None):
        failure(report(deployment, {"another": {"status": 200}}, checksum=checksum), "Forbidden", 403)
    assert kept(deployment) == before
    seen = import_module(f"{package}.verifier").seen
    assert seen == [(list(SAMPLE), KEY, "right"), (["another"], KEY, "wrong"), (["another"], KEY, None)]


def test_a_verifier_that_fails_lets_nothing_in(told, make_package):
    """An error in the verifier is a fault of ours: the callback is not stored, and the error's text is not shown."""
    deployment = told(callback_checksum=f"{make_package(verifier=VERIFIER)}.verifier:fail")
    content = failure(report(deployment, SAMPLE, checksum="right"), "InternalError", 500)
    assert "0359677657" not in str(content)
    assert kept(deployment) == {}


def test_strict_mode_refuses_what_cannot_be_verified(told, make_package):
    """In strict mode a callback without a checksum, or without anything to verify it, is refused with the reason."""
    content = failure(report(told(callback_strict=True), SAMPLE, checksum="right"), "Forbidden", 403)
    assert "PROVIDER_CALLBACK_STRICT" in content["message"]
    assert "PROVIDER_CALLBACK_CHECKSUM" in content["message"]
    package = make_package(verifier=VERIFIER + "    verify_all = lambda *_: True\n")
    deployment = told(callback_strict=True, callback_checksum=f"{package}.verifier:verify_all")
    for checksum in (None, ""):
        content = failure(report(deployment, SAMPLE, checksum=checksum), "Forbidden", 403)
        assert "Checksum" in content["message"]
    assert kept(deployment) == {}
    record(report(deployment, SAMPLE, checksum="any"))


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("verify", "package.module:function"),
        (":verify", "package.module:function"),
        ("{package}.verifier:", "package.module:function"),
        ("{package}.absent:verify", "No module named"),
        ("no_such_package.absent:verify", "No module named"),
        ("{package}.verifier:absent", "no function 'absent'"),
        ("{package}.verifier:nothing", "no function 'nothing'"),
        ("{package}.broken:verify", "broken.py:2"),
    ],
)
def test_a_verifier_that_cannot_be_used_stops_the_start(told, make_package, path, says):
    """A verifier that cannot be found or imported stops the start, by its setting's name."""
    package = make_package(verifier=VERIFIER, broken="\nimport sys, no_such_module\n")
    with pytest.raises(ConfigurationError) as caught:
        told(callback_checksum=path.format(package=package))
    assert "PROVIDER_CALLBACK_CHECKSUM" in str(caught.value)
    assert says in str(caught.value)


def push(connection, push_id, began, *ref_ids):
    """Record a push the way `provider push` does: its records are queued at Pango."""
    numbers = dict.fromkeys(("position", "accepted", "dead", "requests"), 0)
    values = {"id": push_id, "object_type": "custom-model", "origin": {}, "request": {}, "created_at": began}
    connection.execute(insert(Push).values(**values, **numbers))
    connection.execute(insert(Sent), [{"push_id": push_id, "ref_id": ref_id} for ref_id in ref_ids])


@pytest.fixture
def pushed(deploy_here):
    """Give an installation and a connection to its database."""
    deployment = deploy_here()
    engine = open_database(deployment.settings)
    with engine.connect() as connection:
        yield deployment, connection
    engine.dispose()


def test_a_push_is_compared_with_what_was_said(pushed):
    """A push counts stored, failed and unanswered records, also when Pango spoke before we noted the sending."""
    deployment, connection = pushed
    record(report(deployment, {"a": {"status": 200}, "c": {"status": 101, "errorMess": "why"}, "of others": {}}))
    push(connection, "one", datetime.now(UTC) - timedelta(minutes=1), "a", "A", "b", "c", "d")
    push(connection, "two", datetime.now(UTC) - timedelta(minutes=1), "e")
    connection.commit()
    assert count_results(connection, "one") == CallbackCounts(stored=1, failed=1, unanswered=3)
    connection.rollback()
    record(report(deployment, {"b": {"status": 0, "errorMessage": "because"}}))
    assert count_results(connection, "one") == CallbackCounts(stored=1, failed=2, unanswered=2)
    assert list(list_failed(connection, "one")) == [
        FailedRecord("b", 0, "because"),
        FailedRecord("c", 101, "why"),
    ]
    assert count_results(connection, "two") == CallbackCounts(stored=0, failed=0, unanswered=1)
    assert count_results(connection, "unknown") == CallbackCounts(stored=0, failed=0, unanswered=0)
    assert list(list_failed(connection, "two")) == []


def test_what_was_said_of_an_earlier_push_is_no_answer_to_a_later_one(pushed):
    """A record that is pushed again is unanswered until Pango speaks again, even if it says the same."""
    deployment, connection = pushed
    data = {"a": {"status": 200, "cdpId": "c"}}
    push(connection, "monday", datetime.now(UTC) - timedelta(days=1), "a")
    connection.commit()
    record(report(deployment, data))
    connection.execute(CallbackResult.__table__.update().values(received_at=datetime.now(UTC) - timedelta(hours=2)))
    push(connection, "tuesday", datetime.now(UTC) - timedelta(hours=1), "a")
    connection.commit()
    assert count_results(connection, "monday") == CallbackCounts(stored=1, failed=0, unanswered=0)
    assert count_results(connection, "tuesday") == CallbackCounts(stored=0, failed=0, unanswered=1)
    connection.rollback()
    record(report(deployment, data))
    assert count_results(connection, "tuesday") == CallbackCounts(stored=1, failed=0, unanswered=0)
