"""The arithmetic of rate limits: no sliding window of Pango's is ever over its limit, and little of it is wasted."""

import heapq
import itertools
import random
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provider.errors import ConfigurationError
from provider.ingestion.pango.rate_windows import (
    LEASE_SECONDS,
    SET_BACK_SECONDS,
    Allowance,
    RateWindow,
    RateWindows,
    WindowUse,
    read_windows,
)
from provider.settings import RATE_LIMITS

PANGO = read_windows(RATE_LIMITS)
START = 1_790_000_000.0


def most_in_any(moments, seconds):
    """Count the most requests that any sliding window of this length sees, its two ends included."""
    most = first = 0
    for last, moment in enumerate(moments):
        while moments[first] < moment - seconds:
            first += 1
        most = max(most, last - first + 1)
    return most


def assert_within(moments, windows):
    """Fail when any sliding window holds more than its limit."""
    moments = sorted(moments)
    for window in windows:
        # A clock reads to the microsecond, and so does this.
        assert most_in_any(moments, window.seconds - 1e-6) <= window.limit, window


def best(windows, count):
    """Compute when a sender that knows everything makes each request: as soon as all windows have room."""
    moments = []
    for number in range(count):
        rooms = [moments[number - w.limit] + w.seconds for w in windows if number >= w.limit]
        moments.append(max([START, *rooms]))
    return moments


@dataclass
class Life:
    """What may happen to requests: how long they take, how often their process dies, and how the clock reads."""

    seed: int
    longest: float = 0.0
    deaths: float = 0.0
    restarts: float = 0.0
    clock_error: float = 0.0


def simulate(windows, life, *, requests, senders=1):
    """Send on a virtual clock; return when Pango counted each request, a random time before its answer."""
    chance = random.Random(life.seed)
    state, counted, numbers = RateWindows(windows), [], itertools.count()
    events = [(START, next(numbers), 0, f"sender {number}") for number in range(senders)]
    while len(counted) < requests:
        now, _, settled, owner = heapq.heappop(events)
        clock = now - chance.random() * life.clock_error
        if settled:
            state.settle(clock, settled, owner)
        if chance.random() < life.restarts:
            state = RateWindows.load(windows, state.dump())
        grant = state.take(clock, 1, owner)
        if not grant.permits:
            assert grant.wait > 0
            assert grant.limited_by
            heapq.heappush(events, (now + grant.wait, next(numbers), 0, owner))
        elif chance.random() < life.deaths:
            counted.append(now + chance.random() * LEASE_SECONDS)
            heapq.heappush(events, (now + chance.random(), next(numbers), 0, f"{owner}'"))
        else:
            latency = chance.random() * life.longest
            counted.append(now + chance.random() * latency)
            heapq.heappush(events, (now + latency, next(numbers), grant.permits, owner))
    return counted


def test_a_day_is_used_to_99_percent_and_never_exceeded():
    """Over a day and an hour every request goes out within 1 % of the soonest moment, and no window is over."""
    state, now, moments, largest = RateWindows(PANGO), START, [], 0
    while len(moments) < 450_000:
        grant = state.take(now, 10)
        if grant.permits:
            moments += [now] * grant.permits
            state.settle(now, grant.permits)
        else:
            now += grant.wait
            largest = max(largest, len(state.dump()) if len(moments) % 1000 == 0 else 0)
    assert_within(moments, PANGO)
    ideal = best(PANGO, len(moments))
    assert ideal[400_000] == START + 86400
    assert all(moment - START <= (soonest - START) * 1.01 + 0.5 for moment, soonest in zip(moments, ideal, strict=True))
    assert 0 < largest < 16_000


def test_a_busy_morning_with_slow_answers_stays_within_every_limit():
    """Two dozen senders whose answers take up to a second use the hour's limit to 99 %, and no window is over."""
    moments = simulate(PANGO, Life(seed=1, longest=1.0, restarts=0.01), requests=60_000, senders=24)
    assert_within(moments, PANGO)
    assert sorted(moments)[59_999] - START <= (best(PANGO, 60_000)[-1] - START) * 1.01


SMALL = st.lists(
    st.builds(RateWindow, st.integers(1, 6), st.sampled_from([0.1, 0.5, 1.0, 3.0, 10.0, 60.0])),
    min_size=1,
    max_size=3,
    unique_by=lambda window: window.seconds,
)
LIVES = st.builds(
    Life,
    seed=st.integers(0, 2**32),
    longest=st.sampled_from([0.0, 0.01, 1.0, 30.0, LEASE_SECONDS]),
    deaths=st.sampled_from([0.0, 0.0, 0.2]),
    restarts=st.sampled_from([0.0, 0.2, 1.0]),
)


@given(SMALL, LIVES, st.integers(1, 5))
def test_no_window_is_ever_exceeded(windows, life, senders):
    """Every limit holds, whatever the latency, when senders die, and however often the state is stored."""
    assert_within(simulate(windows, life, requests=60, senders=senders), windows)


def test_a_limit_holds_when_a_window_has_just_passed():
    """A full window gives nothing until all of it has left, and then everything."""
    state = RateWindows([RateWindow(3, 10)])
    assert state.take(START, 5) == Allowance(3)
    state.settle(START, 3)
    refusal = state.take(START + 9.9, 1)
    assert refusal.permits == 0
    assert refusal.limited_by == "3 in 10 seconds"
    assert 0.1 <= refusal.wait <= 0.1 + 10 / 200 + 1e-6
    assert state.take(START + 9.9 + refusal.wait, 5) == Allowance(3)


def test_a_permit_counts_from_taking_to_a_window_after_settling():
    """A request that is under way takes room however long it takes, and a whole window more."""
    state = RateWindows([RateWindow(1, 10)])
    assert state.take(START, 1).permits == 1
    assert state.take(START + 50, 1) == Allowance(0, 10, "1 in 10 seconds")
    state.settle(START + 70, 1)
    assert state.take(START + 79.9, 1).permits == 0
    assert state.take(START + 80.1, 1).permits == 1


def test_permits_of_a_dead_process_count_as_made_when_their_lease_ends():
    """A permit that is never settled counts until its lease has ended and the window has passed."""
    state = RateWindows([RateWindow(1, 10)])
    state.take(START, 1, "dead")
    assert state.take(START + LEASE_SECONDS + 9.9, 1, "alive").permits == 0
    assert state.take(START + LEASE_SECONDS + 10.1, 1, "alive").permits == 1


def test_the_living_do_not_settle_for_the_dead():
    """Settling ends one's own permits: those of a dead process keep the end of their lease, and end."""
    state = RateWindows([RateWindow(2, 10)])
    state.take(START, 1, "dead")
    for second in range(0, 240, 20):
        assert state.take(START + second, 1, "alive").permits == 1
        state.settle(START + second + 1, 1, "alive")
    assert state.take(START + 260, 2, "alive").permits == 2


def test_the_permits_of_the_living_stay_under_way():
    """An owner that is heard of keeps its permits, however long its requests take; then silence ends them."""
    state = RateWindows([RateWindow(2, 10)])
    state.take(START, 1, "slow")
    heard = START
    while heard < START + 5 * LEASE_SECONDS:
        heard += LEASE_SECONDS - 1
        assert state.take(heard, 0, "slow") == Allowance(0)
    assert state.take(heard + LEASE_SECONDS + 9.9, 2).permits == 1
    state.settle(heard + LEASE_SECONDS + 9.95, 1)
    assert state.take(heard + LEASE_SECONDS + 10.1, 2).permits == 1


def test_settling_after_the_lease_counts_again():
    """Permits that are settled after their lease count again from now: Pango may have counted the requests just now."""
    state = RateWindows([RateWindow(1, 10)])
    state.take(START, 1)
    late = START + LEASE_SECONDS + 30
    state.settle(late, 1)
    assert state.take(late + 9.9, 1).permits == 0
    assert state.take(late + 10.1, 1).permits == 1


def test_pango_may_ask_everybody_to_wait():
    """A hold stops all permits for its length, the longest of several counts, and it outlives a restart."""
    state = RateWindows([RateWindow(5, 1)])
    state.hold(START, 30)
    state.hold(START + 1, 5)
    state = RateWindows.load([RateWindow(5, 1)], state.dump())
    assert state.take(START + 10, 1) == Allowance(0, 20, "Pango asked")
    assert state.take(START + 30, 1) == Allowance(1)


def test_a_clock_that_reads_less_than_before_stands_still():
    """A machine whose clock is behind another's neither frees room too early nor waits for ever."""
    state = RateWindows([RateWindow(1, 10)])
    state.take(START, 1)
    state.settle(START, 1)
    assert state.take(START - 5, 1).permits == 0
    assert state.take(START + 10.1, 1).permits == 1
    state.settle(START + 5, 1)
    assert state.take(START + 20, 1).permits == 0
    assert state.take(START + 20.2, 1).permits == 1


def test_a_clock_that_is_set_back_goes_on_from_there():
    """After a clock was a year ahead, sending goes on once the windows have passed by the new clock."""
    state = RateWindows([RateWindow(1, 10), RateWindow(100, 86400)])
    year = 365 * 86400.0
    state.hold(START + year, 20)
    state.take(START + year, 1)
    assert state.take(START, 1) == Allowance(0, 20, "Pango asked")
    state.settle(START + 25, 1)
    assert state.take(START + 34.9, 1).permits == 0
    assert state.take(START + 35.1, 1).permits == 1
    assert year > SET_BACK_SECONDS


@given(SMALL, LIVES, st.integers(1, 4))
def test_a_jittering_clock_costs_at_most_its_error(windows, life, senders):
    """With clocks that are up to half a second late, windows that are shorter by so much hold."""
    life.clock_error = 0.5
    moments = simulate(windows, life, requests=40, senders=senders)
    assert_within(moments, [RateWindow(w.limit, w.seconds - 0.5) for w in windows if w.seconds > 0.5])


def test_use_counts_what_is_under_way():
    """What is used is what counts against the limit: requests under way, and those within the window."""
    windows = [RateWindow(50, 1), RateWindow(1000, 60)]
    state = RateWindows(windows)
    state.take(START, 7)
    state.settle(START, 4)
    assert state.uses(START + 2) == [WindowUse(windows[0], 3), WindowUse(windows[1], 7)]


def test_a_changed_limit_counts_what_was_made_before():
    """A new limit for a length that was known goes on with its count."""
    state = RateWindows([RateWindow(50, 60)])
    state.take(START, 20)
    state.settle(START, 20)
    assert RateWindows.load([RateWindow(15, 60)], state.dump()).take(START + 1, 1).permits == 0
    assert RateWindows.load([RateWindow(25, 60)], state.dump()).take(START + 1, 9).permits == 5


def test_asking_for_nothing_gives_nothing():
    """No permits wanted, none given, and nothing to wait for."""
    assert RateWindows(PANGO).take(START, 0) == Allowance(0)


def test_limits_are_read_and_said_for_people():
    """The default is Pango's own five limits, and each has words."""
    assert [window.text for window in PANGO] == [
        "50 a second",
        "1,000 a minute",
        "5,000 in 300 seconds",
        "50,000 an hour",
        "400,000 a day",
    ]
    assert read_windows([" 5/0.25"]) == [RateWindow(5, 0.25)]


@pytest.mark.parametrize("text", ["", "50", "0/1", "5/0", "5/0.0", "-1/1", "5/-1", "a/b", "5/nan", "1.5/1", "1/1,2/1"])
def test_limits_that_make_no_sense_are_refused(text):
    """A limit that is not requests/seconds, or a length that comes twice, is a mistake in the settings."""
    with pytest.raises(ConfigurationError, match="PROVIDER_PANGO_RATE_LIMITS"):
        read_windows(text.split(","))


def test_no_limits_at_all_are_refused():
    """Sending without any limit is a mistake in the settings."""
    with pytest.raises(ConfigurationError, match="PROVIDER_PANGO_RATE_LIMITS"):
        read_windows([])
