"""The progress of a push on standard error: a live line on a terminal, else a plain line every five seconds."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

from provider.ingestion.push.push_run import PushProgress

_PLAIN_SECONDS = 5.0

ShowProgress = Callable[[PushProgress], None]


@contextmanager
def open_progress(expected: int | None) -> Iterator[ShowProgress]:
    """Give the function that shows the progress. `expected`: how many records there are, None when not known."""
    if sys.stderr.isatty():
        with _live_line(expected) as show_progress:
            yield show_progress
    else:
        yield _plain_lines()


@contextmanager
def _live_line(expected: int | None) -> Iterator[ShowProgress]:
    from rich import progress  # noqa: PLC0415 -- slow to load, and only for a terminal
    from rich.console import Console  # noqa: PLC0415

    columns = (
        progress.BarColumn(),
        progress.TextColumn("{task.completed:,.0f} of {task.fields[of]} records"),
        progress.TextColumn("{task.fields[batches]:,} batches wait"),
        progress.TextColumn("{task.fields[rate]:,.0f}/s"),
        progress.TimeRemainingColumn(),
        progress.TextColumn("[yellow]{task.fields[waiting_for]}"),
    )
    rate = _Rate()
    with progress.Progress(*columns, console=Console(stderr=True), transient=True) as live:
        task = live.add_task("push", total=expected, of="?", batches=0, rate=0.0, waiting_for="")

        def show_progress(now: PushProgress) -> None:
            total = now.read if now.is_read else expected
            live.update(
                task,
                total=total,
                completed=now.accepted + now.dead,
                of="?" if total is None else f"{total:,}",
                batches=now.batches,
                rate=rate(now),
                waiting_for=_waiting_for(now),
            )

        yield show_progress


def _plain_lines() -> ShowProgress:
    rate = _Rate()
    next_line = time.monotonic() + _PLAIN_SECONDS

    def show_progress(now: PushProgress) -> None:
        nonlocal next_line
        a_second = rate(now)
        if time.monotonic() < next_line:
            return
        next_line = time.monotonic() + _PLAIN_SECONDS
        line = (
            f"{now.read:,} read, {now.accepted:,} accepted, {now.dead:,} dead, {now.batches:,} batches wait, "
            f"{a_second:,.0f} records/s"
        )
        waiting_for = _waiting_for(now)
        click.echo(f"{line}; {waiting_for}" if waiting_for else line, err=True)

    return show_progress


class _Rate:
    """Records a second since the first was answered."""

    def __init__(self) -> None:
        self._began: tuple[float, int] | None = None

    def __call__(self, now: PushProgress) -> float:
        moment, done = time.monotonic(), now.accepted + now.dead
        if self._began is None or self._began[1] == done:
            self._began = (moment, done)
        return (done - self._began[1]) / max(moment - self._began[0], 0.001)


def _waiting_for(now: PushProgress) -> str:
    if now.last_failure:
        return now.last_failure
    return f"waiting: {now.limited_by}" if now.limited_by else ""
