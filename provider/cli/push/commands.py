"""`provider push`: records out to Pango; what became of them; and once more what was refused."""

import json
import os
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from threading import Event
from typing import Any

import click
from sqlalchemy import Engine, RowMapping
from sqlalchemy.exc import SQLAlchemyError

from provider.cli.push.options import (
    DEFAULT_SOURCE,
    Members,
    Time,
    check_type,
    join_members,
    read_origin,
    read_request,
    refuse_beside_resume,
    warn,
)
from provider.cli.push.preview import show_first_request
from provider.cli.push.progress import shown
from provider.cli.push.pushes import dead, list_, show
from provider.errors import ConfigurationError, ProviderError
from provider.ingestion.pango.pango_client import PangoClient
from provider.ingestion.pango.rate_limiter import Limiter
from provider.ingestion.pango.rate_windows import read_windows
from provider.ingestion.pango.tokens import account_name
from provider.ingestion.push import record_sources
from provider.ingestion.push.batches import cut
from provider.ingestion.push.dead_letters import revive
from provider.ingestion.push.outbox import Outbox
from provider.ingestion.push.push_run import Job, Reading, Run
from provider.settings import Settings
from provider.store.provider_database import migrated_database


class _Unnamed(click.Context):
    """The context of sending, which goes by its group's name."""

    @property
    def command_path(self) -> str:
        """Say what to type."""
        return self.parent.command_path if self.parent else ""


class Commands(click.Group):
    """What is no command is what to push: `provider push OBJECT_TYPE`."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; without one it is about sending."""
        return super().resolve_command(ctx, args) if args[0] in self.commands else ("", self.commands["send"], args)


@click.group(
    "push",
    cls=Commands,
    no_args_is_help=False,
    invoke_without_command=True,
    add_help_option=False,
    context_settings={"ignore_unknown_options": True},
)
@click.pass_context
def command(context: click.Context) -> None:
    """Push records to Pango's Data Ingestion, and see what became of them."""
    if context.invoked_subcommand is None:
        click.echo(send.get_help(_Unnamed(send, parent=context)))


command.add_command(list_)
command.add_command(show)
command.add_command(dead)


@command.command("send", hidden=True, epilog="Also: provider push list, show ID, dead ID, retry ID.")
@click.argument("object_type", required=False)
@click.option("--file", type=click.Path(path_type=Path), help="Push the records of a file.")
@click.option("--stored", is_flag=True, help="Push what is stored in the provider database.")
@click.option("--since", type=Time(), help="With --stored: only what was stored since.")
@click.option("--dataset", "datasets", multiple=True, metavar="NAME", help="Push all rows of a dataset over a table.")
@click.option("--sql", metavar="QUERY", help="Push the rows of a query; its columns are named like the fields.")
@click.option("--on", "source_name", metavar="SOURCE", help="The source of --sql: crm for PROVIDER_SOURCE_CRM_URL.")
@click.option("--source", default=DEFAULT_SOURCE, show_default=True, help="The name Pango knows your system by.")
@click.option("--init-data", is_flag=True, help="Mark the records as the first load.")
@click.option("--je-config-id", help="Journey event: its configuration's id.")
@click.option("--je-event-key", help="Journey event: its key.")
@click.option("--ignored-update-cf", "ignored", multiple=True, metavar="FIELD", help="A custom field not to overwrite.")
@click.option("--callback", type=Members(), help="Members for callbacks, copied from Pango's console.")
@click.option("--dry-run", is_flag=True, help="Show the first request, send and keep nothing.")
@click.option("--resume", is_flag=False, flag_value="", metavar="[ID]", help="Go on with a push that was interrupted.")
@click.option("--workers", type=click.IntRange(1, 64), default=8, show_default=True, help="Requests at the same time.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def send(
    context: click.Context,
    /,
    object_type: str | None,
    *,
    resume: str | None,
    dry_run: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """Push records of an OBJECT_TYPE, like customer-identity, to Pango.

    At most 50 go into one request, within Pango's rate limits. Whatever happens nothing is lost: --resume goes on.
    """
    with _open() as parts:
        if resume is not None:
            refuse_beside_resume(context)
            push = _unfinished(parts.outbox, resume, object_type)
            _resume(parts, push, given, as_json=as_json)
            return
        object_type = check_type(object_type)
        warn(object_type, given["ignored"])
        origin, request = read_origin(given), read_request(given)
        records = record_sources.open_origin(origin, object_type, settings=parts.settings, engine=parts.engine)
        if dry_run:
            with closing(records):
                show_first_request(
                    parts.client, records, object_type, request, given["callback"] or {}, as_json=as_json
                )
            return
        with closing(records):
            groups = cut(records, object_type)
            first = list(islice(groups, 1))  # an origin that cannot be read at all leaves no push behind
            push_id = parts.outbox.create(object_type, origin=origin, request=request)
            reader, _ = parts.outbox.begin_reading(push_id, again=False)
            reading = Reading(parts.outbox, push_id, reader, chain(first, groups))
            _run(parts, parts.outbox.get(push_id), reading, given, as_json=as_json)


send.context_class = _Unnamed


@command.command()
@click.argument("push_id", metavar="ID")
@click.option("--callback", type=Members(), help="The same as when it was pushed.")
@click.option("--workers", type=click.IntRange(1, 64), default=8, show_default=True, help="Requests at the same time.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def retry(push_id: str, *, as_json: bool, **given: Any) -> None:
    """Send the dead letters of a push once more."""
    with _open() as parts:
        push = parts.outbox.get(push_id)
        join_members(push, given["callback"])
        count = revive(parts.outbox, push_id, push["object_type"])
        if not as_json:
            left = push["dead"] - count
            others = f" {left:,} our own check refuses: mend them in your data and push them anew." if left else ""
            click.echo(f"{count:,} records are sent once more.{others}")
        _resume(parts, parts.outbox.get(push_id), given, as_json=as_json)


@dataclass(frozen=True)
class _Parts:
    settings: Settings
    engine: Engine
    outbox: Outbox
    client: PangoClient
    limiter: Limiter


@contextmanager
def _open() -> Iterator[_Parts]:
    """Open what a push works with; ConfigurationError for settings that are missing."""
    settings = Settings.from_environment()
    with closing(PangoClient(settings)) as client:
        windows = read_windows(settings.pango_rate_limits)
        with migrated_database(settings) as engine:
            limiter = Limiter(engine, account_name(settings), windows)
            yield _Parts(settings, engine, Outbox(engine), client, limiter)


def _unfinished(outbox: Outbox, push_id: str, object_type: str | None) -> RowMapping:
    """Find the push that is meant."""
    if push_id:
        return outbox.get(push_id)
    found = [it for it in outbox.all(unfinished=True) if object_type in (None, it["object_type"])]
    if not found:
        raise ConfigurationError("Every push is done. `provider push list` shows them.")
    if len(found) > 1:
        raise ConfigurationError(
            f"Several pushes are not done: {', '.join(it['id'] for it in found)}. "
            f"Name one: provider push --resume {found[0]['id']}"
        )
    return found[0]


def _resume(parts: _Parts, push: RowMapping, given: Mapping[str, Any], *, as_json: bool) -> None:
    """Go on with a push: read on where its reading was interrupted, and send what waits."""
    join_members(push, given["callback"])
    if push["read_at"] is not None:
        _run(parts, push, None, given, as_json=as_json)
        return
    push_id, origin, object_type = push["id"], push["origin"], push["object_type"]
    is_query = record_sources.is_query(origin)
    if not is_query:
        record_sources.check_unchanged(origin)
    reader, skip = parts.outbox.begin_reading(push_id, again=is_query)
    records = record_sources.open_origin(origin, object_type, settings=parts.settings, engine=parts.engine, skip=skip)
    with closing(records):
        reading = Reading(parts.outbox, push_id, reader, cut(records, object_type))
        _run(parts, push, reading, given, as_json=as_json)


def _run(parts: _Parts, push: RowMapping, reading: Reading | None, given: Mapping[str, Any], *, as_json: bool) -> None:
    """Run a push and tell how it went; ConfigurationError when it had to stop."""
    began, push_id, origin = time.monotonic(), push["id"], push["origin"]
    members = join_members(push, given["callback"])
    job = Job(
        push_id=push_id,
        object_type=push["object_type"],
        members=members,
        init_data=push["request"]["initData"],
        awaits_callbacks=push["request"]["callback"],
        read_first=record_sources.is_query(origin),
    )
    stop = Event()
    with _interruptible(stop, push_id), shown(origin.get("lines")) as see:
        run = Run(
            job,
            outbox=parts.outbox,
            client=parts.client,
            limiter=parts.limiter,
            reading=reading,
            workers=given["workers"],
            stop=stop,
            see=see,
        )
        try:
            reason = run.run()
        except SQLAlchemyError as error:
            cause = getattr(error, "orig", None) or error
            reason = f"the provider database failed ({type(cause).__name__}: {cause})"
        except (ConfigurationError, ProviderError) as error:
            reason = f"the records cannot be read on: {error}"
    with suppress(SQLAlchemyError) if reason else nullcontext():
        _tell(parts.outbox, push_id, time.monotonic() - began, as_json=as_json)
    if reason:
        raise ConfigurationError(
            f"The push stopped: {reason.rstrip('.')}. Nothing is lost. Go on with: provider push --resume {push_id}"
        )


@contextmanager
def _interruptible(stop: Event, push_id: str) -> Iterator[None]:
    """Let Ctrl-C and SIGTERM end the push in good order, and a second one at once, as `kill -9` does."""

    def ask(*_: Any) -> None:
        if stop.is_set():
            click.echo("\x1b[?25h" if sys.stderr.isatty() else "", err=True)  # the progress hides the cursor
            click.echo(f"Error: The push stopped at once. Go on with: provider push --resume {push_id}", err=True)
            os._exit(1)  # the senders would be waited for
        stop.set()
        click.echo("Stopping: waiting for the answers under way. Once more, and it ends at once.", err=True)

    before: dict[int, Any] = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _tell(outbox: Outbox, push_id: str, seconds: float, *, as_json: bool) -> None:
    push = outbox.get(push_id)
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
