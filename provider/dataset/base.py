"""Dataset: one thing the partner exposes, in any Python."""

import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from marshmallow import Schema

from provider.contract.identity import Phone
from provider.contract.record import flat
from provider.database.sources import Sources
from provider.dataset.masks import visible_part
from provider.errors import ConfigurationError

Found = dict[str, Any]

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True, slots=True)
class Query:
    """One lookup as a dataset sees it: clean and validated.

    `phone` and `email` are canonical, None when not sent. `identifiers` holds the dataset's own ones that were sent,
    `parameters` what the dataset's parameters schema loaded.
    """

    phone: Phone | None = None
    email: str | None = None
    identifiers: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)


class Dataset:
    """A dataset whose records come from a function.

    `fetch(query)` gives the record as a mapping, or None when nobody matches. `record` is a marshmallow schema: only
    the fields it declares leave the service. `parameters`, another one, validates the parameters the dataset wants
    beside the identifiers. `identifiers` are what a person is looked up by; at least one must be sent. `example` holds
    parameters that find somebody, for the curl lines we print.
    """

    parameters: Schema | None = None
    record_schema: Schema | None = None
    hash_key: bytes = b""
    shape = "object"

    def __init__(
        self,
        *,
        name: str,
        record: type[Schema],
        fetch: Callable[[Query], Mapping[str, Any] | None],
        parameters: type[Schema] | None = None,
        identifiers: Sequence[str] = ("phone", "email"),
        example: Mapping[str, str] | None = None,
    ) -> None:
        self._describe(name=name, identifiers=tuple(identifiers), example=example)
        self._fetch = fetch
        self._record = self.record_schema = record()
        self.parameters = parameters() if parameters else None

    def _describe(self, *, name: str, identifiers: tuple[str, ...], example: Mapping[str, str] | None) -> None:
        self.where = _caller()
        if not _NAME.fullmatch(name):
            raise ConfigurationError(
                f"{self.where}: the name {name!r} cannot stand in an address. Use letters, digits, '-', '_' and '.'."
            )
        if not identifiers:
            raise ConfigurationError(f"{self.where}: {name} has no identifiers, so nobody can be looked up.")
        self.name = name
        self.identifiers = identifiers
        self.example = dict(example or {})
        self.description = ""

    @property
    def own_parameters(self) -> dict[str, bool]:
        """The names of the parameters the dataset wants beside the identifiers, each with whether it is required."""
        fields = self.parameters.load_fields if self.parameters else {}
        return {field.data_key or name: field.required for name, field in fields.items()}

    @property
    def record_fields(self) -> list[str]:
        """The names of the record's fields."""
        return [field.data_key or name for name, field in self._record.dump_fields.items()]

    def declares(self, name: str) -> bool:
        """Tell whether the record may have a field."""
        return name in self.record_fields

    def prepare(self, sources: Sources, *, hash_key: bytes = b"") -> None:  # noqa: ARG002 -- for those with a table
        """Get ready before the first lookup; ConfigurationError when the dataset cannot work.

        `hash_key` is what masks hash with.
        """
        self.hash_key = hash_key

    def fetch(self, query: Query) -> Mapping[str, Any] | None:
        """Find the record a query asks for, None when nobody matches."""
        return self._fetch(query)

    def answer(self, found: Mapping[str, Any], visible: Mapping[str, str | None] | None = None) -> dict[str, Any]:
        """Shape what was found: the declared fields, flat. `visible` names those that may be seen, and their masks."""
        if not isinstance(found, Mapping):
            # Schema.dump would make an empty record of it without a word.
            raise TypeError(f"{self.where}: fetch must return a mapping or None")
        return self.show(self._record.dump(found), visible)

    def show(self, record: Mapping[str, Any], visible: Mapping[str, str | None] | None) -> dict[str, Any]:
        """Make a record flat, and keep what the caller may see."""
        shown = flat(record)
        return shown if visible is None else visible_part(shown, visible, self.hash_key)


def _caller() -> str:
    """Name the file and line that makes a dataset, for messages about it."""
    frame = sys._getframe()  # noqa: SLF001 -- inspect.stack() reads every source file on the way
    while frame.f_back and frame.f_globals.get("__name__", "").startswith("provider.dataset."):
        frame = frame.f_back
    return location(frame.f_code.co_filename, frame.f_lineno)


def location(file: str, line: int) -> str:
    """Write a place in a file as a person would look for it: relative where that is shorter."""
    path, here = Path(file), Path.cwd()
    return f"{path.relative_to(here) if path.is_relative_to(here) else path}:{line}"
