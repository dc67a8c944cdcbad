"""The options of `provider push`: where the records are, and what is sent beside them."""

import json
import re
from collections.abc import Mapping
from datetime import datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource
from sqlalchemy import RowMapping

from provider.contract.entities import ENTITIES
from provider.errors import ConfigurationError
from provider.ingestion.push.record_sources import DatasetSource, FileSource, QuerySource, RecordSource, StoredSource
from provider.store.push_tables import LONGEST_TYPE

DEFAULT_SOURCE = "access-data-provider"
_OURS = ("objectType", "source", "entries", "jeConfigId", "jeEventKey", "ignoredUpdateCfs")
_WITH_RESUME = ("resume", "object_type", "callback", "workers", "as_json")
_SECRET = re.compile("key|token|secret|password|auth|credential|checksum|sign", re.IGNORECASE)


class Members(click.ParamType[dict[str, Any]]):
    """A JSON object, or @FILE that holds one."""

    name = "JSON|@FILE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> dict[str, Any]:
        """Read the object."""
        try:
            members = json.loads(Path(value[1:]).read_text(encoding="utf-8") if value.startswith("@") else value)
        except OSError as error:
            self.fail(f"{value[1:]} cannot be read ({error.strerror})", param, ctx)
        except ValueError:
            self.fail("write a JSON object, or @ and the name of a file that holds one", param, ctx)
        if not isinstance(members, dict):
            self.fail("this is JSON, but no object", param, ctx)
        if taken := sorted(set(members) & set(_OURS)):
            self.fail(f"leave out {taken[0]}: it is set by other options", param, ctx)
        return members


class Time(click.ParamType[datetime]):
    """A day or a time, in this machine's zone unless it names one."""

    name = "TIME"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Read a time."""
        try:
            return datetime.fromisoformat(value).astimezone()
        except ValueError:
            self.fail("write a time like 2026-01-31 or 2026-01-31T09:30", param, ctx)


def choose_source(given: Mapping[str, Any]) -> RecordSource:
    """Return the one record source that the options name; UsageError."""
    chosen = [name for name in ("file", "stored", "datasets", "sql") if given[name]]
    if len(chosen) != 1:
        raise click.UsageError("Say where the records are: one of --file, --stored, --dataset and --sql.")
    if given["since"] and not given["stored"]:
        raise click.UsageError("--since belongs to --stored.")
    if (given["sql"] is None) != (given["source_name"] is None):
        raise click.UsageError("--sql and --on belong together.")
    match chosen[0]:
        case "file":
            return FileSource.of(given["file"])
        case "stored":
            return StoredSource(given["since"] and given["since"].isoformat())
        case "datasets":
            return DatasetSource(list(given["datasets"]))
    return QuerySource(given["sql"], given["source_name"])


def check_type(object_type: str | None) -> str:
    """Return the object type; UsageError when it is missing or too long to be stored."""
    if not object_type:
        raise click.UsageError("Say what to push, like: provider push customer-identity --file customers.csv")
    if len(object_type) > LONGEST_TYPE:
        raise click.UsageError(f"An object type has at most {LONGEST_TYPE} characters.")
    return object_type


def read_request(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is stored of every request of the push. The members for callbacks are not: they hold a key."""
    members = {
        "source": given["source"],
        "jeConfigId": given["je_config_id"],
        "jeEventKey": given["je_event_key"],
        "ignoredUpdateCfs": list(given["ignored"]) or None,
    }
    return {
        "members": {name: value for name, value in members.items() if value is not None},
        "initData": given["init_data"],
        "callback": given["callback"] is not None,
    }


def refuse_options_with_resume(context: click.Context) -> None:
    """Refuse options that --resume would ignore: a push goes on with those it began with; UsageError."""
    for parameter in context.command.params:
        given = context.get_parameter_source(str(parameter.name)) is ParameterSource.COMMANDLINE
        if given and parameter.name not in _WITH_RESUME:
            raise click.UsageError(f"Leave out {parameter.opts[0]}: --resume goes on with what the push began with.")


def join_members(push: RowMapping, callback: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return what is sent beside the entries; ConfigurationError when the members for callbacks are missing."""
    request = push["request"]
    if request["callback"] and callback is None:
        raise ConfigurationError(
            f"Push {push['id']} awaits callbacks: give --callback again. It is not kept, as it holds a key."
        )
    return {**request["members"], **(callback or {})}


def mask_secrets(value: Any) -> Any:
    """Mask what looks like a secret among the members for callbacks."""
    if isinstance(value, dict):
        return {name: "***" if _SECRET.search(name) else mask_secrets(member) for name, member in value.items()}
    return [mask_secrets(member) for member in value] if isinstance(value, list) else value


def warn_of_mistakes(object_type: str, ignored: tuple[str, ...]) -> None:
    """Warn on standard error of an unknown object type, and of an option that the type does not support."""
    entity = ENTITIES.get(object_type)
    if entity is None:
        close = get_close_matches(object_type, ENTITIES, n=1)
        hint = f" Did you mean {close[0]}?" if close else ""
        _warn(f"{object_type} is no type we know: its records go out unchecked.{hint}")
    elif ignored and not entity.keeps_custom_fields:
        _warn(f"{object_type} does not support --ignored-update-cf: Pango may overwrite the fields all the same.")


def _warn(text: str) -> None:
    click.echo(f"Warning: {text}", err=True)
