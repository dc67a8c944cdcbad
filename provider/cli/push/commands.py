"""`provider push`: sends records to Pango, and the commands that show or continue a push."""

from contextlib import closing
from pathlib import Path
from typing import Any

import click
from sqlalchemy import RowMapping

from provider.cli.push.options import (
    DEFAULT_SOURCE,
    Members,
    Time,
    check_type,
    choose_source,
    join_members,
    read_request,
    refuse_options_with_resume,
    warn_of_mistakes,
)
from provider.cli.push.preview import show_first_request
from provider.cli.push.pushes import dead, list_, show
from provider.cli.push.sending import begin_push, open_tools, resume_push
from provider.errors import ConfigurationError
from provider.ingestion.push.dead_letters import requeue_dead_letters
from provider.ingestion.push.outbox import Outbox


class _GroupNamed(click.Context):
    """The context of `send`, which help and errors show under the name of the group."""

    @property
    def command_path(self) -> str:
        """Return what is typed: `provider push`."""
        return self.parent.command_path if self.parent else ""


class PushGroup(click.Group):
    """A group in which any word that is no command is an object type: `provider push OBJECT_TYPE`."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; `send` when the first word is none."""
        return super().resolve_command(ctx, args) if args[0] in self.commands else ("", self.commands["send"], args)


@click.group(
    "push",
    cls=PushGroup,
    no_args_is_help=False,
    invoke_without_command=True,
    add_help_option=False,
    context_settings={"ignore_unknown_options": True},
)
@click.pass_context
def command(context: click.Context) -> None:
    """Push records to Pango's Data Ingestion, and see what became of them."""
    if context.invoked_subcommand is None:
        click.echo(send.get_help(_GroupNamed(send, parent=context)))


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
@click.option("--dry-run", is_flag=True, help="Show the first request; send and store nothing.")
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

    At most 50 go into one request, within Pango's rate limits. After an interruption, --resume continues it.
    """
    with open_tools() as tools:
        if resume is not None:
            refuse_options_with_resume(context)
            resume_push(tools, _find_push(tools.outbox, resume, object_type), given, as_json=as_json)
            return
        object_type = check_type(object_type)
        warn_of_mistakes(object_type, given["ignored"])
        source, request = choose_source(given), read_request(given)
        if dry_run:
            with closing(source.read(tools.context(object_type))) as records:
                show_first_request(
                    tools.client, records, object_type, request, given["callback"] or {}, as_json=as_json
                )
            return
        begin_push(tools, object_type, source, request, given, as_json=as_json)


send.context_class = _GroupNamed


@command.command()
@click.argument("push_id", metavar="ID")
@click.option("--callback", type=Members(), help="The same as when it was pushed.")
@click.option("--workers", type=click.IntRange(1, 64), default=8, show_default=True, help="Requests at the same time.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def retry(push_id: str, *, as_json: bool, **given: Any) -> None:
    """Send the dead letters of a push once more."""
    with open_tools() as tools:
        push = tools.outbox.get_push(push_id)
        join_members(push, given["callback"])
        count = requeue_dead_letters(tools.outbox, push_id, push["object_type"])
        if not as_json:
            left = push["dead"] - count
            others = f" {left:,} our own check refuses: correct them in your data and push them again." if left else ""
            click.echo(f"{count:,} records are sent once more.{others}")
        resume_push(tools, tools.outbox.get_push(push_id), given, as_json=as_json)


def _find_push(outbox: Outbox, push_id: str, object_type: str | None) -> RowMapping:
    """Return the push with this id, or the only unfinished one (of this type) for an empty id; ConfigurationError."""
    if push_id:
        return outbox.get_push(push_id)
    found = [push for push in outbox.list_pushes(unfinished=True) if object_type in (None, push["object_type"])]
    if not found:
        raise ConfigurationError("Every push is done. `provider push list` shows them.")
    if len(found) > 1:
        raise ConfigurationError(
            f"Several pushes are not done: {', '.join(push['id'] for push in found)}. "
            f"Name one: provider push --resume {found[0]['id']}"
        )
    return found[0]
