"""`provider init`: the settings file with fresh secrets, and outside a checkout a package for datasets."""

import os
import secrets
from pathlib import Path

import click

ENV_FILE = Path(".env")

_ENV = """\
# Settings of this service; `provider settings` explains each of them.
# Keep this file to yourself: whoever has PROVIDER_SECRET_KEY can forge what the service issues.
PROVIDER_SECRET_KEY={secret_key}
PROVIDER_SOURCE_DEMO_URL=sqlite:///demo.db
"""

_PACKAGE = Path("my_datasets")

_EXAMPLE = '''\
"""The newest voucher of a person."""

# An example, on the sample data of `provider demo`. Delete this file when you have your own.

from provider.dataset import Column, TableDataset

dataset = TableDataset(
    name="voucher",  # answers at /v1/data/voucher
    source="demo",  # the database whose address is PROVIDER_SOURCE_DEMO_URL
    table="tbl_voucher",  # a table or a view
    identifiers={  # what a person is looked up by: parameter -> column
        "phone": Column("mobile", stored_as=("national", "e164", "international")),
        "email": "mail",
    },
    record={  # what is answered: name -> column; no other column leaves the database
        "code": "voucher_code",
        "expired": "is_expired",
        "value": "amount",
    },
    newest_by="created_on",  # when several rows match, the newest one counts
    example={"phone": "0359677657", "email": "dee@bytetech.io"},  # somebody who exists
)
'''


def write_env() -> bool:
    """Write .env with fresh secrets, readable by its owner alone; False when there is one already.

    Outside a checkout, where provider/datasets is not the user's to edit, it also writes a package for datasets.
    """
    is_checkout = Path(__file__).resolve().parents[2] == Path.cwd()
    text = _ENV.format(secret_key=secrets.token_urlsafe(48))
    if not is_checkout:
        text += f"PROVIDER_DATASETS={_PACKAGE}\n"
    try:
        descriptor = os.open(ENV_FILE, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return False
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    if not is_checkout and not _PACKAGE.exists():
        _write_package()
    return True


def _write_package() -> None:
    """Write the package for datasets, with one example."""
    _PACKAGE.mkdir()
    (_PACKAGE / "__init__.py").write_text('"""Our datasets: one file here is one dataset."""\n', encoding="utf-8")
    example = _PACKAGE / "voucher.py"
    example.write_text(_EXAMPLE, encoding="utf-8")
    click.echo(f"Wrote {example}, an example of a dataset, on the sample data of `provider demo`.")


@click.command("init")
def command() -> None:
    """Write .env with fresh secrets. Never overwrites one.

    Outside a checkout it also makes the folder my_datasets for your own datasets, with an example.
    """
    if not write_env():
        raise click.ClickException(
            f"{ENV_FILE.resolve()} exists already and was left as it is. "
            "If it has no PROVIDER_SECRET_KEY, move it away and run this again."
        )
    click.echo(f"Wrote {ENV_FILE.resolve()} with a fresh secret key. Next: provider db upgrade")
