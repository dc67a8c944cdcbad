"""Backoff: the longer Pango fails the less is sent, and a push stops when going on is of no use."""

import pytest

from provider.ingestion.pango.pango_client import Answer
from provider.ingestion.push.backoff import (
    FAILURES_BEFORE_PAUSES,
    GIVE_UP_SECONDS,
    GIVE_UP_SECONDS_AT_FIRST,
    GIVE_UP_SECONDS_WITHOUT_TOKEN,
    MOST_REFUSALS,
    Backoff,
    pause_after,
)

ACCEPTED = Answer("accepted", None, "yes")
REFUSED = Answer("refused", "MISSING_INFO", "no")
LIMITED = Answer("limited", None, "wait", retry_after=1.0)
FAILED = Answer("failed", None, "it does not answer")
NO_TOKEN = Answer("failed", "UNAUTHORIZED", "wrong key", requests=0)


class Clock:
    """A clock that a test moves."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        """Tell the time."""
        return self.now


@pytest.fixture
def clock():
    """Give a clock that stands still."""
    return Clock()


@pytest.fixture
def state(clock):
    """Give the backoff of a push that begins."""
    return Backoff(clock=clock)


def test_pauses_double_up_to_half_a_minute():
    """Each pause is about twice the one before, 30 seconds at most, and differs by up to a quarter."""
    for failures, seconds in ((0, 0.5), (1, 1.0), (4, 8.0), (6, 30.0), (1000, 30.0)):
        pauses = {pause_after(failures) for _ in range(50)}
        assert len(pauses) > 1
        assert all(seconds * 0.75 <= pause <= seconds * 1.25 for pause in pauses)


def test_a_failing_pango_gets_one_batch_at_a_time(state, clock):
    """After five failures in a row one batch is sent, after a pause; the first success lets all be sent again."""
    for _ in range(FAILURES_BEFORE_PAUSES - 1):
        state.add_answer(FAILED)
    assert state.most_under_way(16) == 16
    state.add_answer(FAILED)
    assert state.most_under_way(16) == 0
    clock.now += 1.25
    assert state.most_under_way(16) == 1
    state.add_answer(FAILED)
    clock.now += 1.25
    assert state.most_under_way(16) == 0
    clock.now += 1.25
    assert state.most_under_way(16) == 1
    assert state.last_failure == "it does not answer"
    state.add_answer(ACCEPTED)
    assert (state.most_under_way(16), state.last_failure) == (16, None)


@pytest.mark.parametrize(
    ("before", "failure", "seconds", "hint"),
    [
        ([ACCEPTED], FAILED, GIVE_UP_SECONDS, False),
        ([], FAILED, GIVE_UP_SECONDS_AT_FIRST, True),
        ([ACCEPTED], NO_TOKEN, GIVE_UP_SECONDS_WITHOUT_TOKEN, False),
    ],
)
def test_a_push_gives_up_in_time(state, clock, before, failure, seconds, hint):
    """Failures alone end a push after minutes, sooner when nothing has worked yet or Pango refuses a token."""
    for answer in [*before, failure]:
        state.add_answer(answer)
    clock.now += seconds
    state.add_answer(failure)
    assert state.reason_to_stop() is None
    clock.now += 0.1
    state.add_answer(failure)
    assert state.reason_to_stop().startswith(f"Pango takes nothing: {failure.message}")
    assert ("Check PROVIDER_PANGO_AUTH_URL" in state.reason_to_stop()) == hint


def test_a_success_begins_the_count_anew(state, clock):
    """A push whose requests succeed now and then goes on, however long others fail."""
    for _ in range(10):
        state.add_answer(FAILED)
        clock.now += GIVE_UP_SECONDS_AT_FIRST
        state.add_answer(ACCEPTED)
    state.add_answer(FAILED)
    assert state.reason_to_stop() is None


def test_refusals_in_a_row_stop_a_push(state):
    """500 refusals in a row stop a push: limits and failures between them do not count, a success begins anew."""
    for answer in (*[REFUSED] * (MOST_REFUSALS - 1), ACCEPTED, *[REFUSED] * (MOST_REFUSALS - 1), LIMITED, FAILED):
        state.add_answer(answer)
        assert state.reason_to_stop() is None
    state.add_answer(REFUSED)
    assert state.reason_to_stop() == f"Pango refused {MOST_REFUSALS} requests in a row, and took none"


def test_limits_in_a_row_are_counted(state):
    """Answers in a row that say to wait are counted, so that our own pause grows when Pango does not say how long."""
    for expected in (1, 2, 3):
        state.add_answer(LIMITED)
        assert state.limited == expected
    state.add_answer(ACCEPTED)
    assert state.limited == 0
