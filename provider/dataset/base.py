"""The base class of datasets, which answers with a function that the partner writes."""

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

SHAPES = ("object", "list")
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

    `fetch(query)` returns the record as a mapping, or None when nobody matches. `record` is a marshmallow schema: only
    the fields it declares leave the service. `parameters` is the marshmallow schema of the parameters that the dataset
    wants beside the identifiers. A person is looked up by `identifiers`, of which at least one must be sent. `example`
    holds parameters that find somebody, for the curl lines we print.
    """

    parameters: Schema | None = None
    record_schema: Schema | None = None
    hash_key: bytes = b""

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
        self._declare(name=name, identifiers=tuple(identifiers), example=example)
        self._fetch = fetch
        self.record_schema = record()
        self.parameters = parameters() if parameters else None

    def _declare(
        self,
        *,
        name: str,
        identifiers: tuple[str, ...],
        example: Mapping[str, str] | None,
        shape: str = "object",
        limit: int = 0,
    ) -> None:
        """Keep what every dataset declares; ConfigurationError. `limit` is how many items a list may have."""
        self.declared_at = _declaration_place()
        self._refuse(
            {
                f"the name {name!r} cannot stand in an address. Use letters, digits, '-', '_' and '.'.": (
                    not _NAME.fullmatch(name)
                ),
                f"{name} has no identifiers, so nobody can be looked up.": not identifiers,
                f"shape cannot be {shape!r}. Choose among: {', '.join(SHAPES)}.": shape not in SHAPES,
                "limit must be a number of items, at least 1.": shape == "list" and limit < 1,
            }
        )
        self.name = name
        self.identifiers = identifiers
        self.example = dict(example or {})
        self.shape = shape
        self.limit = limit if shape == "list" else 0
        self.description = ""

    def _refuse(self, problems: Mapping[str, bool]) -> None:
        """Raise ConfigurationError, with file and line, for the first message whose condition is true."""
        for problem, found in problems.items():
            if found:
                raise ConfigurationError(f"{self.declared_at}: {problem}")

    @property
    def own_parameters(self) -> dict[str, bool]:
        """The names of the parameters beside the identifiers, each with whether it is required."""
        fields = self.parameters.load_fields if self.parameters else {}
        return {field.data_key or name: field.required for name, field in fields.items()}

    @property
    def record_fields(self) -> list[str]:
        """The names of the record's fields."""
        fields = self.record_schema.dump_fields if self.record_schema else {}
        return [field.data_key or name for name, field in fields.items()]

    def declares(self, name: str) -> bool:
        """Return whether the record may have a field."""
        return name in self.record_fields

    def prepare(self, sources: Sources, *, hash_key: bytes = b"") -> None:  # noqa: ARG002 -- for those with a table
        """Prepare for the first lookup; ConfigurationError when the dataset cannot work.

        `hash_key` is the key of the mask `hash`.
        """
        self.hash_key = hash_key

    def fetch(self, query: Query) -> Mapping[str, Any] | None:
        """Find the record a query asks for, None when nobody matches."""
        return self._fetch(query)

    def answer(self, found: Mapping[str, Any], visible: Mapping[str, str | None] | None = None) -> dict[str, Any]:
        """Shape what was found: a flat record, or the list of them with its total.

        `visible` names the fields the caller may see, each with its mask; None for all of them as they are.
        """
        if self.shape == "list":
            return {"total": found["total"], "items": [self.flat_record(item, visible) for item in found["items"]]}
        return self.flat_record(found, visible)

    def flat_record(self, record: Mapping[str, Any], visible: Mapping[str, str | None] | None = None) -> dict[str, Any]:
        """Make a flat record of the declared fields, and keep what the caller may see."""
        if self.record_schema is not None:
            if not isinstance(record, Mapping):
                # Schema.dump would make an empty record of it, without an error.
                raise TypeError(f"{self.declared_at}: fetch must return a mapping or None")
            record = self.record_schema.dump(record)
        shown = flat(record)
        return shown if visible is None else visible_part(shown, visible, self.hash_key)


def _declaration_place() -> str:
    """Return the file and line where a dataset is being declared, for error messages."""
    frame = sys._getframe()  # noqa: SLF001 -- inspect.stack() reads every source file on the way
    while frame.f_back and frame.f_globals.get("__name__", "").startswith("provider.dataset."):
        frame = frame.f_back
    return location(frame.f_code.co_filename, frame.f_lineno)


def location(file: str, line: int) -> str:
    """Write a place in a file: relative to the working folder where it is inside."""
    path, here = Path(file), Path.cwd()
    return f"{path.relative_to(here) if path.is_relative_to(here) else path}:{line}"
