"""`provider push list`, `show` and `dead`: the pushes, what became of one, and its dead letters."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

import click
from sqlalchemy import Engine, RowMapping

from provider.ingestion.inbound.callbacks import count_results, list_failed
from provider.ingestion.push.outbox import Outbox
from provider.ingestion.push.record_sources import load_source
from provider.settings import Settings
from provider.store.provider_database import migrated_database


@contextmanager
def _open() -> Iterator[tuple[Outbox, Engine]]:
    """Open the outbox of the provider database, which must be up to date."""
    with migrated_database(Settings.from_environment()) as engine:
        yield Outbox(engine), engine


@click.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_(*, as_json: bool) -> None:
    """List the pushes, the newest first."""
    with _open() as (outbox, _):
        rows = [_row(push) for push in outbox.list_pushes()]
    if as_json:
        click.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    if not rows:
        click.echo("No pushes yet. Begin one: provider push customer-identity --file customers.csv")
    for row in rows:
        click.echo(
            f"{row['id']}  {row['objectType']:<28} {row['createdAt']}  {_state(row):<12} {row['records']:>10,} records"
            f"  {row['accepted']:>10,} accepted  {row['dead']:>6,} dead  {row['origin']}"
        )


@click.command()
@click.argument("push_id", metavar="ID")
@click.option("--failed", "with_failed", is_flag=True, help="List the records that callbacks say are not stored.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(push_id: str, *, with_failed: bool, as_json: bool) -> None:
    """Show a push: what was accepted, what is dead or waits, and what callbacks said."""
    with _open() as (outbox, engine), engine.connect() as connection:
        push = outbox.get_push(push_id)
        batches, waiting = outbox.count_waiting(push_id)
        answered = asdict(count_results(connection, push_id)) if push["request"]["callback"] else None
        failed = list(list_failed(connection, push_id)) if with_failed else []
    row = {**_row(push), "waiting": waiting, "batches": batches, "callbacks": answered}
    if with_failed:
        row["failed"] = [{"ref": it.ref_id, "status": it.status, "message": it.message} for it in failed]
    if as_json:
        click.echo(json.dumps(row, indent=2, ensure_ascii=False))
        return
    click.echo(f"Push       {row['id']}: {row['objectType']} from {row['origin']}")
    click.echo(f"Begun      {row['createdAt']}, {_state(row)} {row['finishedAt'] or ''}".rstrip())
    click.echo(f"Records    {row['records']:,} read, {row['accepted']:,} accepted, {row['dead']:,} dead")
    click.echo(f"Waiting    {waiting:,} records in {batches:,} batches")
    click.echo(f"Requests   {row['requests']:,}")
    if answered:
        stored, not_stored, unanswered = answered["stored"], answered["failed"], answered["unanswered"]
        click.echo(f"Callbacks  {stored:,} stored, {not_stored:,} failed, {unanswered:,} unanswered")
    for it in failed:
        click.echo(f"    {it.ref_id}  {it.status}  {it.message or ''}".rstrip())
    if not row["finishedAt"]:
        click.echo(f"Go on with: provider push --resume {push_id}")
    if row["dead"]:
        click.echo(f"What is wrong with the dead ones: provider push dead {push_id}")


@click.command()
@click.argument("push_id", metavar="ID")
@click.option("--payload", is_flag=True, help="Show the records too; they hold personal data.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, one object in a line.")
def dead(push_id: str, *, payload: bool, as_json: bool) -> None:
    """List the records of a push that cannot be stored, and why."""
    with _open() as (outbox, _):
        outbox.get_push(push_id)
        for dead_letter in outbox.dead_letters(push_id):
            row = {"ref": dead_letter["ref_id"], "code": dead_letter["code"], "message": dead_letter["message"]}
            record = {"record": json.loads(dead_letter["payload"])} if payload else {}
            if as_json:
                click.echo(json.dumps(row | record, ensure_ascii=False))
            else:
                click.echo(f"{row['ref'] or '-'}  {row['code']}  {row['message']}")
                if payload:
                    click.echo(f"    {json.dumps(record['record'], ensure_ascii=False)}")


def _row(push: RowMapping) -> dict[str, Any]:
    return {
        "id": push["id"],
        "objectType": push["object_type"],
        "origin": load_source(push["origin"]).describe(),
        "createdAt": push["created_at"].isoformat(),
        "readAt": push["read_at"] and push["read_at"].isoformat(),
        "finishedAt": push["finished_at"] and push["finished_at"].isoformat(),
        "records": push["position"],
        "accepted": push["accepted"],
        "dead": push["dead"],
        "requests": push["requests"],
    }


def _state(row: dict[str, Any]) -> str:
    return "done" if row["finishedAt"] else "not done"
