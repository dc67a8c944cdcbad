"""Faults: each at its rate, none by default, the same for the same seed."""

import time

import httpx2
import pytest
from pretend import PERSON, people

from provider.proof.simulator.faults import Rates


def authenticated(simulate, **behaviour):
    """Start a simulator with faults, after one without that gives the token."""
    healthy = simulate()
    partner = simulate(**behaviour)
    partner.token = healthy.token
    return partner


def test_requests_fail(simulate):
    """At rate 1 every ingest and every authentication is a 500, and nothing is stored."""
    partner = authenticated(simulate, rates=Rates(fail=1))
    assert partner.ingest([PERSON]).status_code == 500
    assert partner.authenticate().status_code == 500
    assert "500" in partner.get("").text
    assert "wait to be stored" in partner.get("").text
    assert partner.windows()[1]["highest"] == 1  # it has arrived all the same


def test_requests_are_limited_for_no_reason(simulate):
    """At rate 1 every ingest is a 429 with seconds to wait, and counts in no window."""
    partner = authenticated(simulate, rates=Rates(limit=1))
    refused = partner.ingest([PERSON])
    assert (refused.status_code, refused.headers["X-Rate-Limit-Retry-After-Seconds"]) == (429, "1")
    assert partner.windows()[1]["highest"] == 0
    assert partner.authenticate().status_code == 200


def test_waiting_times_are_malformed(simulate):
    """With malformed answers too, waiting times are missing, empty, text, negative, a fraction or huge."""
    partner = authenticated(simulate, rates=Rates(limit=1, malformed=1), seed=3)
    answers = [partner.ingest([PERSON]) for _ in range(80)]
    assert {answer.status_code for answer in answers} == {429}
    waits = {answer.headers.get("X-Rate-Limit-Retry-After-Seconds") for answer in answers}
    assert waits == {None, "", "soon", "-1", "0.5", "99999999999"}


def test_answers_are_malformed(simulate):
    """At rate 1 every answer is HTML or cut short, and what was sent is stored all the same."""
    partner = authenticated(simulate, rates=Rates(malformed=1), seed=3)
    bodies = {partner.ingest(people(1, number)).content for number in range(20)}
    assert bodies == {b"<html><body>Service is busy</body></html>", b'{"succes'}
    assert partner.stored(20) == {"count": 20, "refIds": 20, "received": 20}


def test_connections_are_dropped(simulate):
    """At rate 1 every connection is closed without a byte, and about half of the requests are stored nevertheless."""
    partner = authenticated(simulate, rates=Rates(drop=1), seed=3)
    for number in range(40):
        with pytest.raises(httpx2.RemoteProtocolError, match="without sending a response"):
            partner.ingest(people(1, number))
    healthy = simulate()
    assert 8 < healthy.stored(8)["refIds"] < 32


def test_answers_are_slow(simulate):
    """The latency comes before each answer, but not before a look into the simulator."""
    partner = simulate(rates=Rates(latency=1))
    began = time.monotonic()
    assert partner.authenticate().status_code == 200
    assert time.monotonic() - began >= 1
    began = time.monotonic()
    partner.count()
    assert time.monotonic() - began < 1


def test_the_same_seed_draws_the_same_faults(simulate):
    """With the same seed the same requests have the same faults; with another seed, others."""

    def statuses(seed):
        partner = authenticated(simulate, rates=Rates(fail=0.5), seed=seed, speed_up=100)
        return [partner.ingest([PERSON]).status_code for _ in range(40)]

    first = statuses(1)
    assert set(first) == {200, 500}
    assert statuses(1) == first
    assert statuses(2) != first


def test_there_are_no_faults_by_default(partner):
    """Nothing goes wrong unless it was asked for."""
    for number in range(40):
        assert partner.ingest(people(1, number)).json() == {"success": True}
    assert partner.stored(40) == {"count": 40, "refIds": 40, "received": 40}
