"""The root of the `provider` command: its commands in the order a newcomer needs them, and errors in one line."""

import importlib
import sys
import traceback
from typing import Any

import click

from provider.errors import ConfigurationError

COMMANDS = {
    "init": ("provider.cli.init", "Write .env with fresh secrets."),
    "db": ("provider.cli.db", "Make and update the service's own tables."),
    "demo": ("provider.cli.demo", "Make everything for a first look: .env, tables, sample data, a client."),
    "serve": ("provider.cli.serve", "Start the service."),
    "client": ("provider.cli.client.commands", "Create clients, show them, rotate and revoke their keys."),
    "person": ("provider.cli.person", "Show, erase and suppress what is held about one person."),
    "connect": (
        "provider.cli.connect",
        "Print what to type into Pango's console for CLIENT, and curl lines that work.",
    ),
    "dataset": (
        "provider.cli.dataset.commands",
        "See the datasets, draft one from a table, check them against the real database.",
    ),
    "import": ("provider.cli.import_", "Import a file of records: CSV, JSON Lines or Excel."),
    "push": ("provider.cli.push.commands", "Push records to Pango's Data Ingestion, and see what became of them."),
    "simulate": (
        "provider.cli.simulate.commands",
        "Simulate PangoCDP: issue tokens, take ingests, count the rate windows, call back.",
    ),
    "webhook": ("provider.cli.webhook", "List received webhooks, show one, try one again."),
    "settings": ("provider.cli.settings", "Print every setting with its meaning and value."),
}
"""Of each command: the module that has it as `command`, and the first sentence of its help."""


class LazyGroup(click.Group):
    """Imports a command when it is called. The list of commands in `provider --help` imports none of them."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """List the commands in reading order."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import a command; None for a name that is not a command."""
        if cmd_name not in COMMANDS:
            return None
        module, _ = COMMANDS[cmd_name]
        command: click.Command = importlib.import_module(module).command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the list of commands."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, short_help) for name, (_, short_help) in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command. Whatever goes wrong ends as one line and exit code 1, never as a traceback."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise
        except ConfigurationError as error:
            raise click.ClickException(str(error)) from None
        except Exception as error:  # noqa: BLE001 -- nothing may end as a traceback
            raise click.ClickException(_explain_unexpected(error)) from None


def _explain_unexpected(error: Exception) -> str:
    from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415 -- takes most of the time of a command without a database

    if isinstance(error, SQLAlchemyError):
        cause = getattr(error, "orig", None) or error
        return f"The database refused ({type(cause).__name__}: {cause}). Run `provider db upgrade`, then try again."
    if isinstance(error, UnicodeEncodeError) and error.reason == "surrogates not allowed":
        return "An argument holds bytes that are not text in UTF-8. Write it in UTF-8."
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"Unexpected {type(error).__name__}: {error} (at {frame.filename}:{frame.lineno}). Please report it."


@click.command(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="First steps, on sample data: provider init, provider demo, provider serve. "
    "Then your own: provider dataset new, provider client create pango, provider connect pango.",
)
@click.version_option(package_name="access-data-provider")
def provider() -> None:
    """Serve your customers' data to PangoCDP over its Access Data API.

    Settings come from the environment and from .env in the working folder; `provider settings` explains them.
    """


def main() -> None:
    """Run the command."""
    provider(prog_name="provider", args=sys.argv[1:])
