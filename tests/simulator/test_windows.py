"""The rate windows slide, and their edges are exact."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provider.proof.simulator.request_windows import LIMITS, RequestWindows

SECOND = 1_000_000_000

gaps = st.one_of(
    st.just(1),
    st.integers(1, SECOND // 40),
    st.sampled_from([SECOND - 49, SECOND - 1, SECOND, SECOND + 1]),
)


def by_hand(counted, now):
    """Say, by looking at every arrival, which windows are full, and when there is room again."""
    full = {}
    for seconds, limit in LIMITS:
        inside = [at for at in counted if at + seconds * SECOND > now]
        if len(inside) >= limit:
            full[seconds] = inside[len(inside) - limit] + seconds * SECOND - now
    return full


@given(st.lists(gaps, min_size=60, max_size=200))
def test_it_counts_as_one_would_by_hand(pauses):
    """Whatever the pauses, a request is counted or refused, and its waiting time is, as looking at all of them says."""
    windows, counted, refused, now = RequestWindows(), [], 0, 0
    for pause in pauses:
        now += pause
        full = by_hand(counted, now)
        assert windows.arrive(now) == max(full.values(), default=0)
        refused += 1 in full
        if not full:
            counted.append(now)
        assert windows.used(now)[0] == sum(at + SECOND > now for at in counted)
    assert windows.windows[0].refused == refused


def test_a_second_ends_at_its_edge():
    """Fifty requests fill a second; the next is refused a nanosecond before it ends and counted at its end."""
    windows = RequestWindows()
    assert [windows.arrive(number) for number in range(50)] == [0] * 50
    assert windows.arrive(SECOND - 1) == 1
    assert windows.arrive(SECOND) == 0
    assert windows.arrive(SECOND) == 1
    assert (windows.windows[0].highest, windows.windows[0].refused) == (50, 2)


def test_refused_requests_do_not_count():
    """However often it is refused, a request is accepted after the waiting time of the refusal."""
    windows = RequestWindows()
    for number in range(50):
        windows.arrive(number)
    for now in range(100, SECOND, SECOND // 1000):
        assert windows.arrive(now) == SECOND - now
    assert windows.arrive(SECOND) == 0


@pytest.fixture(scope="module")
def greedy():
    """Send for a day as fast as the windows let; give the windows and the moments that counted."""
    windows, counted, now = RequestWindows(), [], 1
    while len(counted) <= 400_000:
        if wait := windows.arrive(now):
            now += wait
        else:
            counted.append(now)
            now += 1
    return windows, counted


def test_a_greedy_sender_fills_every_window_and_passes_none(greedy):
    """A day of sending as fast as allowed reaches the limit of each of the five windows and never exceeds it."""
    windows, counted = greedy
    assert [(window.seconds, window.highest) for window in windows.windows] == list(LIMITS)
    for seconds, limit in LIMITS:
        first_of_next = zip(counted, counted[limit:], strict=False)
        assert all(later - earlier >= seconds * SECOND for earlier, later in first_of_next)


def test_the_day_is_refused_to_its_end(greedy):
    """The 400,001st request gets in exactly a day after the first."""
    _, counted = greedy
    assert counted[400_000] - counted[0] == 86_400 * SECOND


def test_memory_stays_small():
    """Of a sender that never stops, no more than two days' arrivals are kept."""
    windows = RequestWindows(speed_up=1_000_000)  # a day lasts 86.4 milliseconds
    for number in range(900_000):
        assert windows.arrive(number * 217) == 0
    assert len(windows._arrivals) <= 800_001  # noqa: SLF001 -- memory is not to be seen from outside


@pytest.mark.parametrize("factor", [2, 100, 0.5])
def test_speed_up_divides_the_lengths(factor):
    """With a speed-up, a second lasts as much shorter, and is still called a second."""
    windows = RequestWindows(speed_up=factor)
    length = round(SECOND / factor)
    for number in range(50):
        assert windows.arrive(number) == 0
    assert windows.arrive(length - 1) == 1
    assert windows.arrive(length) == 0
    assert windows.windows[0].seconds == 1


def test_it_goes_on_where_an_earlier_run_ended():
    """Arrivals and highest uses of an earlier run count."""
    windows = RequestWindows(arrivals=range(49), counts={1: (50, 3)})
    assert windows.arrive(60) == 0
    assert windows.arrive(61) == SECOND - 61
    assert (windows.windows[0].highest, windows.windows[0].refused) == (50, 4)
