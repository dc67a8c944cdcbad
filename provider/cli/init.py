"""`provider init`: the settings file, with fresh secrets."""

import os
import secrets
from pathlib import Path

import click

ENV_FILE = Path(".env")

_TEMPLATE = """\
# Settings of this service; `provider settings` explains each, .env.example lists them all.
# Keep this file to yourself: whoever has PROVIDER_SECRET_KEY can forge what the service issues.
PROVIDER_SECRET_KEY={secret_key}
PROVIDER_SOURCE_DEMO_URL=sqlite:///demo.db
"""


def write_env() -> bool:
    """Write .env with fresh secrets, readable by its owner alone; False when there is one already."""
    try:
        descriptor = os.open(ENV_FILE, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return False
    with os.fdopen(descriptor, "w") as file:
        file.write(_TEMPLATE.format(secret_key=secrets.token_urlsafe(48)))
    return True


@click.command("init")
def command() -> None:
    """Write .env with fresh secrets. Never overwrites one."""
    if not write_env():
        raise click.ClickException(
            f"{ENV_FILE.resolve()} exists already and was left as it is. "
            "If it has no PROVIDER_SECRET_KEY, move it away and run this again."
        )
    click.echo(f"Wrote {ENV_FILE.resolve()} with a fresh secret key. Next: provider db upgrade")
