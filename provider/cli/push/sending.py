"""Runs a push in the foreground: opens what it needs, shows its progress, and prints a summary."""

import json
import os
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from itertools import chain, islice
from threading import Event
from typing import Any

import click
from sqlalchemy import Engine, RowMapping
from sqlalchemy.exc import SQLAlchemyError

from provider.cli.push.options import join_members
from provider.cli.push.progress import open_progress
from provider.errors import ConfigurationError, ProviderError
from provider.ingestion.pango.pango_client import PangoClient
from provider.ingestion.pango.rate_limiter import RateLimiter
from provider.ingestion.pango.rate_windows import read_windows
from provider.ingestion.pango.tokens import account_name
from provider.ingestion.push.batches import group_records
from provider.ingestion.push.outbox import Outbox
from provider.ingestion.push.push_run import PushJob, PushRun, SourceReader
from provider.ingestion.push.record_sources import RecordSource, SourceContext, load_source
from provider.settings import Settings
from provider.store.provider_database import migrated_database


@dataclass(frozen=True)
class PushTools:
    """What a push works with."""

    settings: Settings
    engine: Engine
    outbox: Outbox
    client: PangoClient
    limiter: RateLimiter

    def context(self, object_type: str, *, skip: int = 0) -> SourceContext:
        """Return what a record source is read with."""
        return SourceContext(object_type, self.settings, self.engine, skip)


@contextmanager
def open_tools() -> Iterator[PushTools]:
    """Open what a push works with; ConfigurationError for settings that are missing."""
    settings = Settings.from_environment()
    with closing(PangoClient(settings)) as client:
        windows = read_windows(settings.pango_rate_limits)
        with migrated_database(settings) as engine:
            limiter = RateLimiter(engine, account_name(settings), windows)
            yield PushTools(settings, engine, Outbox(engine), client, limiter)


def begin_push(
    tools: PushTools,
    object_type: str,
    source: RecordSource,
    request: Mapping[str, Any],
    given: Mapping[str, Any],
    *,
    as_json: bool,
) -> None:
    """Store a new push and run it. A source whose first records cannot be read raises before anything is stored."""
    with closing(source.read(tools.context(object_type))) as records:
        groups = group_records(records, object_type)
        first = list(islice(groups, 1))
        push_id = tools.outbox.create_push(object_type, source=source.dump(), request=request)
        reader_id, _ = tools.outbox.begin_reading(push_id, from_start=False)
        reader = SourceReader(tools.outbox, push_id, reader_id, chain(first, groups))
        _run(tools, tools.outbox.get_push(push_id), reader, given, as_json=as_json)


def resume_push(tools: PushTools, push: RowMapping, given: Mapping[str, Any], *, as_json: bool) -> None:
    """Continue a push: read on where its reading was interrupted, and send what waits."""
    join_members(push, given["callback"])
    if push["read_at"] is not None:
        _run(tools, push, None, given, as_json=as_json)
        return
    push_id, object_type = push["id"], push["object_type"]
    source = load_source(push["origin"])
    source.check_unchanged()
    reader_id, skip = tools.outbox.begin_reading(push_id, from_start=not source.keeps_order)
    with closing(source.read(tools.context(object_type, skip=skip))) as records:
        reader = SourceReader(tools.outbox, push_id, reader_id, group_records(records, object_type))
        _run(tools, push, reader, given, as_json=as_json)


def _run(
    tools: PushTools, push: RowMapping, reader: SourceReader | None, given: Mapping[str, Any], *, as_json: bool
) -> None:
    """Run a push and print a summary; ConfigurationError when it had to stop."""
    began, push_id, source = time.monotonic(), push["id"], load_source(push["origin"])
    job = PushJob(
        push_id=push_id,
        object_type=push["object_type"],
        members=join_members(push, given["callback"]),
        init_data=push["request"]["initData"],
        awaits_callbacks=push["request"]["callback"],
        read_first=not source.keeps_order,
    )
    stop = Event()
    with _stopped_by_signals(stop, push_id), open_progress(source.expected) as show_progress:
        run = PushRun(
            job,
            outbox=tools.outbox,
            client=tools.client,
            limiter=tools.limiter,
            reader=reader,
            workers=given["workers"],
            stop=stop,
            show_progress=show_progress,
        )
        try:
            reason = run.run()
        except SQLAlchemyError as error:
            cause = getattr(error, "orig", None) or error
            reason = f"the provider database failed ({type(cause).__name__}: {cause})"
        except (ConfigurationError, ProviderError) as error:
            reason = f"the records cannot be read on: {error}"
    with suppress(SQLAlchemyError) if reason else nullcontext():
        _print_summary(tools.outbox, push_id, time.monotonic() - began, as_json=as_json)
    if reason:
        raise ConfigurationError(
            f"The push stopped: {reason.rstrip('.')}. Nothing is lost. Go on with: provider push --resume {push_id}"
        )


@contextmanager
def _stopped_by_signals(stop: Event, push_id: str) -> Iterator[None]:
    """Let the first Ctrl-C or SIGTERM set `stop`, and the second one end the process at once, as `kill -9` does."""

    def handle(*_: Any) -> None:
        if stop.is_set():
            click.echo("\x1b[?25h" if sys.stderr.isatty() else "", err=True)  # the live line hides the cursor
            click.echo(f"Error: The push stopped at once. Go on with: provider push --resume {push_id}", err=True)
            os._exit(1)  # a normal exit would wait for the sender threads
        stop.set()
        click.echo("Stopping: waiting for the answers under way. Once more, and it ends at once.", err=True)

    before: dict[int, Any] = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _print_summary(outbox: Outbox, push_id: str, seconds: float, *, as_json: bool) -> None:
    push = outbox.get_push(push_id)
    counts = {"records": push["position"], **{name: push[name] for name in ("accepted", "dead", "requests")}}
    if as_json:
        done = push["finished_at"] is not None
        click.echo(json.dumps({"id": push_id, **counts, "seconds": round(seconds, 3), "done": done}))
        return
    click.echo(
        f"Push {push_id}: {counts['records']:,} records, {counts['accepted']:,} accepted, {counts['dead']:,} dead, "
        f"{counts['requests']:,} requests, {seconds:,.1f} seconds."
    )
    if counts["dead"]:
        click.echo(f"What is wrong with the dead ones: provider push dead {push_id}")
