"""The ingest: documented answers, records by their keys, and the windows over HTTP."""

import time
from hashlib import sha256

import orjson
import pytest
from pretend import PERSON, people
from support import eventually

from provider.proof.simulator.simulator_state import SimulatorState

MISSING_TYPE = b'{"success":false,"errorCode":"MISSING_INFO","message":"Invalid value of: objectType"}'


def test_success(partner):
    """Valid records are answered with success, and are stored a moment later."""
    response = partner.ingest(people(50))
    assert response.status_code == 200
    assert response.json()["success"] is True
    assert partner.stored(50) == {"count": 50, "refIds": 50, "received": 50}
    assert partner.count("order") == {"count": 0, "refIds": 0, "received": 0}


@pytest.mark.parametrize("object_type", [None, "", 5])
def test_missing_object_type(partner, object_type):
    """Without an object type the answer is the documented one, byte by byte."""
    response = partner.ingest([PERSON], object_type)
    assert (response.status_code, response.content) == (400, MISSING_TYPE)


@pytest.mark.parametrize("entries", [[], people(51), "text", [{}], ["text"], [None]])
def test_wrong_entries(partner, entries):
    """Less than one entry, more than 50 and what is no record are refused in the shape of the documentation."""
    response = partner.ingest(entries)
    assert response.status_code == 400
    assert list(response.json())[:2] == ["success", "requestId"]
    assert response.json()["message"] == "Invalid value of: entries"


def test_missing_entries(partner):
    """Without entries the request lacks something."""
    response = partner.ingest(None)
    assert (response.status_code, response.json()["message"]) == (400, "Invalid value of: entries")


def test_what_is_no_request(partner):
    """A body that is no JSON object or not declared as JSON is 400; so is an initData but true and false."""
    assert partner.send(b"{").status_code == 400
    assert partner.send([PERSON]).status_code == 400
    assert partner.ingest([PERSON], **{"Content-Type": "text/plain"}).status_code == 400
    assert partner.ingest([PERSON], query="?initData=yes").status_code == 400
    assert partner.ingest([PERSON], query="?initData=true").status_code == 200
    deep = b'{"objectType":"unknown","entries":[{"a":%s}]}' % (b"[" * 400 + b"]" * 400)
    assert partner.send(deep).status_code == 400
    assert partner.stored(1) == {"count": 1, "refIds": 1, "received": 1}


def test_one_bad_record_refuses_the_request(partner):
    """A request with a bad record is refused whole, and the answer names the field, not the record."""
    wrong = {"customerId": "C9", "fullName": "Dee", "phone": 359677657}
    response = partner.ingest([*people(3), wrong, *people(3, 10)])
    assert response.status_code == 400
    assert response.json()["message"] == "Invalid value of: phone"
    assert partner.ingest(people(3)).status_code == 200
    assert partner.stored(3) == {"count": 3, "refIds": 3, "received": 3}


def test_sending_again_overwrites(partner):
    """The same key again overwrites, and counts as received; the company is part of the key, but not of the refId."""
    partner.ingest([PERSON, PERSON | {"internalCompanyId": "A/B"}])
    partner.ingest([PERSON | {"fullName": "Lan"}, PERSON | {"fullName": "Hoa"}])
    eventually(lambda: partner.get("_simulator/records/customer-identity/C1").json().get("fullName") == "Hoa")
    assert partner.count() == {"count": 2, "refIds": 1, "received": 4}
    assert partner.get("_simulator/records/customer-identity/A%252FB/C1").json()["internalCompanyId"] == "A/B"
    assert partner.get("_simulator/records/customer-identity/C2").status_code == 404


def test_unknown_types_go_unchecked(partner):
    """Records of an unknown type are stored by refId, else by id, else by a digest of the record."""
    records = [{"refId": "R1"}, {"refId": "R1", "id": 7}, {"id": 7}, {"name": "x"}, {"name": "x"}, {"name": "y"}]
    assert partner.ingest(records, "shopping-cart").status_code == 200
    assert partner.stored(4, "shopping-cart") == {"count": 4, "refIds": 4, "received": 6}
    assert partner.get("_simulator/records/shopping-cart/R1").json() == {"refId": "R1", "id": 7}
    assert partner.get("_simulator/records/shopping-cart/7").json() == {"id": 7}


def test_the_digest_tells_what_is_stored(partner):
    """The digest is a sum over the records, in any order: it can be computed from the input."""
    records = people(60)
    partner.ingest(records[50:])
    partner.ingest(records[:50])
    partner.stored(60)
    numbers = [sha256(orjson.dumps(record, option=orjson.OPT_SORT_KEYS)).hexdigest() for record in records]
    expected = f"{sum(int(number, 16) for number in numbers) % 2**256:064x}"
    assert partner.get("_simulator/digest/customer-identity").json() == {"digest": expected}
    partner.ingest([PERSON | {"customerId": "C5", "note": "changed"}])
    eventually(lambda: partner.get("_simulator/digest/customer-identity").json() != {"digest": expected})


def test_storing_waits_in_the_queue(simulate):
    """After the answer a record is in the queue for the delay, and stored only then."""
    partner = simulate(delay=3600)
    assert partner.ingest([PERSON]).status_code == 200
    assert "1 requests wait to be stored" in partner.get("").text
    assert partner.count() == {"count": 0, "refIds": 0, "received": 1}


def test_a_full_window_says_how_long_to_wait(simulate):
    """The 51st request within a second is 429 with whole seconds to wait; the windows show it; it did not count."""
    partner = simulate(speed_up=0.01)  # a second lasts a hundred
    for _ in range(50):
        assert partner.ingest([PERSON]).status_code == 200
    refused = partner.ingest([PERSON])
    assert refused.status_code == 429
    assert 1 < float(refused.headers["X-Rate-Limit-Retry-After-Seconds"]) <= 100
    assert partner.windows()[1] == {"seconds": 1, "limit": 50, "highest": 50, "refused": 1}
    assert partner.windows()[86400] == {"seconds": 86400, "limit": 400_000, "highest": 50, "refused": 0}


def test_seconds_are_whole_at_the_usual_speed(simulate, tmp_path):
    """Without a speed-up the waiting time is a whole number of seconds, rounded up."""
    state = SimulatorState(tmp_path / "simulator.db")
    began = time.time_ns() - 20_000_000_000
    for number in range(1000):
        state.store_arrival(began + number * 20_000_000, [])
    state.close()
    partner = simulate()
    before = time.time()
    refused = partner.ingest([PERSON])
    after = time.time()
    wait = refused.headers["X-Rate-Limit-Retry-After-Seconds"]
    assert refused.status_code == 429
    assert wait.isdigit()
    free_again = began / 1e9 + 60
    assert free_again - after <= int(wait) <= free_again - before + 1


def test_requests_that_are_wrong_count(partner):
    """A request that is refused for what is in it has arrived, and counts."""
    partner.send(b"{")
    assert partner.windows()[60]["highest"] == 1


def test_addresses(partner):
    """An unknown address is 404, a wrong method is 405 with the right ones, both in JSON."""
    missing, wrong = partner.get("nothing"), partner.get("dhub-i/api/v1.0/ingest")
    assert (missing.status_code, missing.json()["errorCode"]) == (404, "NOT_FOUND")
    assert (wrong.status_code, wrong.json()["errorCode"]) == (405, "METHOD_NOT_ALLOWED")
    assert wrong.headers["Allow"] == "POST"
    assert partner.http.head(f"{partner.url}/_simulator/limits").status_code == 200


def test_large_bodies(partner):
    """A body of 16 MiB is read; of a larger one the length is enough to refuse it, with 413."""
    limit = 16 * 1024 * 1024
    assert partner.send(b" " * limit).status_code == 400
    refused = partner.send(b" " * (limit + 1))
    assert (refused.status_code, refused.json()["success"]) == (413, False)
