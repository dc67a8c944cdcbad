"""The root of the command: the groups in the order a newcomer needs them, and errors as one clear line."""

import importlib
import sys
import traceback
from typing import Any

import click

from provider.errors import ConfigurationError

# Loaded when used: `provider serve` need not import what only `provider client` wants.
_COMMANDS = {
    "init": "provider.cli.init",
    "db": "provider.cli.db",
    "demo": "provider.cli.demo",
    "serve": "provider.cli.serve",
    "client": "provider.cli.client.commands",
    "person": "provider.cli.person",
    "connect": "provider.cli.connect",
    "dataset": "provider.cli.dataset.commands",
    "import": "provider.cli.import_",
    "push": "provider.cli.push.commands",
    "simulate": "provider.cli.simulate.commands",
    "webhook": "provider.cli.webhook",
    "settings": "provider.cli.settings",
}


class Commands(click.Group):
    """Loads each command from its own file."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """List the commands in reading order."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import a command."""
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = importlib.import_module(_COMMANDS[cmd_name]).command
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; whatever goes wrong ends as one line and exit code 1, never as a traceback."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise
        except ConfigurationError as error:
            raise click.ClickException(str(error)) from None
        except Exception as error:  # noqa: BLE001 -- the last line of defence against a traceback
            raise click.ClickException(_explain(error)) from None


def _explain(error: Exception) -> str:
    from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415 -- half the cost of `provider --help`

    if isinstance(error, SQLAlchemyError):
        cause = getattr(error, "orig", None) or error
        return f"The database refused ({type(cause).__name__}: {cause}). Run `provider db upgrade`, then try again."
    if isinstance(error, UnicodeEncodeError) and error.reason == "surrogates not allowed":
        return "An argument holds bytes that are not text in UTF-8. Write it in UTF-8."
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"Unexpected {type(error).__name__}: {error} (at {frame.filename}:{frame.lineno}). Please report it."


@click.command(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="First steps: provider init, provider db upgrade, provider client create pango, provider serve. "
    "To look around on sample data: provider demo, then provider serve.",
)
@click.version_option(package_name="access-data-provider")
def provider() -> None:
    """Serve your customers' data to PangoCDP over its Access Data API.

    Settings come from the environment and from .env in the working folder; `provider settings` explains them.
    """


def main() -> None:
    """Run the command."""
    provider(prog_name="provider", args=sys.argv[1:])
