"""Progress of a push on standard error: a live line on a terminal, else a plain one now and then."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

from provider.ingestion.push.push_run import Progress

_PLAIN_SECONDS = 5.0

See = Callable[[Progress], None]


@contextmanager
def shown(total: int | None) -> Iterator[See]:
    """Give what is to be told the progress. `total` is how many records are expected, where that can be told."""
    if sys.stderr.isatty():
        with _live(total) as see:
            yield see
    else:
        yield _plain()


@contextmanager
def _live(total: int | None) -> Iterator[See]:
    from rich import progress  # noqa: PLC0415 -- slow to load, and only for a terminal
    from rich.console import Console  # noqa: PLC0415

    columns = (
        progress.BarColumn(),
        progress.TextColumn("{task.completed:,.0f} of {task.fields[of]} records"),
        progress.TextColumn("{task.fields[batches]:,} batches wait"),
        progress.TextColumn("{task.fields[rate]:,.0f}/s"),
        progress.TimeRemainingColumn(),
        progress.TextColumn("[yellow]{task.fields[held]}"),
    )
    rate = _Rate()
    with progress.Progress(*columns, console=Console(stderr=True), transient=True) as live:
        task = live.add_task("push", total=total, of="?", batches=0, rate=0.0, held="")

        def see(now: Progress) -> None:
            expected = now.read if now.is_read else total
            live.update(
                task,
                total=expected,
                completed=now.accepted + now.dead,
                of="?" if expected is None else f"{expected:,}",
                batches=now.batches,
                rate=rate(now),
                held=_held(now),
            )

        yield see


def _plain() -> See:
    rate = _Rate()
    next_line = time.monotonic() + _PLAIN_SECONDS

    def see(now: Progress) -> None:
        nonlocal next_line
        a_second = rate(now)
        if time.monotonic() < next_line:
            return
        next_line = time.monotonic() + _PLAIN_SECONDS
        line = (
            f"{now.read:,} read, {now.accepted:,} accepted, {now.dead:,} dead, {now.batches:,} batches wait, "
            f"{a_second:,.0f} records/s"
        )
        held = _held(now)
        click.echo(f"{line}; {held}" if held else line, err=True)

    return see


class _Rate:
    """Records a second since the first was answered."""

    def __init__(self) -> None:
        self._began: tuple[float, int] | None = None

    def __call__(self, now: Progress) -> float:
        moment, done = time.monotonic(), now.accepted + now.dead
        if self._began is None or self._began[1] == done:
            self._began = (moment, done)
        return (done - self._began[1]) / max(moment - self._began[0], 0.001)


def _held(now: Progress) -> str:
    if now.trouble:
        return now.trouble
    return f"waiting: {now.limited_by}" if now.limited_by else ""
