"""Drafts: a dataset file for a table that exists, written from its columns and a sample of its rows."""

import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import (
    CHAR,
    Boolean,
    Date,
    DateTime,
    Dialect,
    Integer,
    LargeBinary,
    Numeric,
    String,
    Table,
    Uuid,
    case,
    func,
)
from sqlalchemy import Column as TableColumn
from sqlalchemy.dialects.postgresql import CITEXT
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.types import TypeEngine

from provider.dataset.columns import PHONE_FORMS
from provider.dataset.guess import (
    Written,
    field_name,
    how_written,
    likely_age,
    likely_email,
    likely_harmless,
    likely_key,
    likely_phone,
    likely_secret,
    looks_like_email,
    personal,
)
from provider.dataset.rows import kind_of, sample, suggestion
from provider.errors import ConfigurationError, SourceUnavailable, Timeout
from provider.sources import Source

_WIDTH = 120
_WORTH_AN_EXPRESSION = 0.02
"""The share of phones with separators from which on an expression pays: it takes an index of its own."""

_DIRTY, _CLEAN = 0.2, 0.8
"""The share of values that must be what a column's name says, and what a column must be to need no such name."""

_KINDS_OF_TIER = 20
_FEW_DIGITS = 7
_LONGEST_TYPE = 30


@dataclass(frozen=True)
class Choice:
    """The columns a person names, in place of guesses."""

    phone: str | None = None
    email: str | None = None
    key: str | None = None
    newest_by: str | None = None


@dataclass(frozen=True)
class Draft:
    """A dataset file's text, and what to tell whoever asked for it: what was found, and what to look at."""

    text: str
    found: Sequence[tuple[str, str]]
    cautions: Sequence[str]


@dataclass
class _Seen:
    """One column and the values met in it."""

    column: TableColumn[Any]
    values: list[Any] = field(default_factory=list)
    written: list[Written] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.column.name

    @property
    def kind(self) -> TypeEngine[Any]:
        return kind_of(self.column)

    @property
    def is_text(self) -> bool:
        return isinstance(self.kind, String)

    @property
    def holds_phones(self) -> float:
        return sum(it.phone is not None for it in self.written) / len(self.written) if self.written else 0.0

    @property
    def holds_emails(self) -> float:
        return sum(map(looks_like_email, self.values)) / len(self.values) if self.values else 0.0


def draft(source: Source, *, name: str, table: str, schema: str | None, region: str, choice: Choice) -> Draft:
    """Write a dataset file for a table or a view. ConfigurationError, SourceUnavailable, Timeout."""
    described = source.describe(table, schema)
    return _Drafting(source, described, name, region, choice).write()


@dataclass(frozen=True)
class _Stored:
    """An identifier's column as the file declares it."""

    name: str
    options: Mapping[str, str] = field(default_factory=dict)

    def lines(self, key: str) -> list[str]:
        start = f"        {literal(key)}: "
        if not self.options:
            return [f"{start}{literal(self.name)},"]
        arguments = [literal(self.name), *[f"{name}={value}" for name, value in self.options.items()]]
        if len(line := f"{start}Column({', '.join(arguments)}),") <= _WIDTH:
            return [line]
        return [f"{start}Column(", *[f"            {argument}," for argument in arguments], "        ),"]


class _Drafting:
    """One draft on its way."""

    def __init__(self, source: Source, table: Table, name: str, region: str, choice: Choice) -> None:
        self.source, self.table, self.name, self.region, self.choice = source, table, name, region, choice
        self.found: list[tuple[str, str]] = []
        self.cautions: list[str] = []
        self.rows = 0
        self.columns = {it.name: _Seen(it) for it in table.columns}
        for role in (choice.phone, choice.email, choice.key, choice.newest_by):
            if role is not None and role not in self.columns:
                raise ConfigurationError(
                    f"{table.name} has no column {role!r}. {suggestion(role, list(self.columns), 'column')}"
                )
        self._look()

    def write(self) -> Draft:
        phone, email, key = self._phone(), self._email(), self._key()
        if not (phone or email or key):
            raise ConfigurationError(
                f"No column of {self.table.name} looks like a phone, an email or a customer's code. Name one with "
                f"--phone, --email or --key. There are: {', '.join(self.columns)}."
            )
        identifiers: dict[str, _Stored] = {}
        if phone:
            identifiers["phone"] = self._phone_column(phone)
        if email:
            identifiers["email"] = self._email_column(email)
        if key:
            own = field_name(key.name) or "code"
            own = f"{own}Code" if own in identifiers else own
            identifiers[own] = _Stored(key.name)
            self.found.append((own, key.name))
        newest = self._newest()
        self.found.append(("newest row", newest.name if newest else "no date column tells; see several= in the docs"))
        return Draft(self._text(identifiers, newest), self.found, self.cautions)

    # What is in the table

    def _look(self) -> None:
        readable = [it for it in self.columns.values() if not isinstance(it.kind, LargeBinary)]
        readable = [it for it in readable if not likely_secret(it.name)]
        try:
            _, rows = sample(self.source, self.table, [it.column for it in readable])
        except (Timeout, SourceUnavailable, UnicodeError):
            self.cautions.append("Its rows could not be read, or not in time: the guesses are from the names alone.")
            return
        self.rows = len(rows)
        if not rows:
            self.cautions.append("It has no rows: the guesses are from the names alone.")
        for seen, values in zip(readable, zip(*rows, strict=True), strict=False):
            padded = isinstance(seen.kind, CHAR)
            seen.values = [
                value.rstrip(" ") if padded and isinstance(value, str) else value
                for value in values
                if value is not None and str(value).strip()
            ]
            if likely_phone(seen.name) or seen.name == self.choice.phone or self._digits(seen):
                seen.written = [how_written(value, region=self.region) for value in seen.values]

    def _digits(self, seen: _Seen) -> bool:
        """Tell whether most of a text column's values have as many digits as a phone: parsing them all takes time."""
        if not seen.is_text or not seen.values:
            return False
        digits = [sum(letter.isdigit() for letter in str(value)) for value in seen.values]
        return sum(_FEW_DIGITS < count < 2 * _FEW_DIGITS + 2 for count in digits) / len(digits) >= _CLEAN

    # What is what

    def _phone(self) -> _Seen | None:
        if self.choice.phone:
            return self.columns[self.choice.phone]

        def score(seen: _Seen) -> tuple[int, float]:
            named = likely_phone(seen.name)
            if not isinstance(seen.kind, (String, Integer, Numeric)) or isinstance(seen.kind, Boolean):
                return (0, 0)
            if not seen.values:
                return (named, 0)
            if len(seen.values) > _KINDS_OF_TIER and len(set(seen.values)) <= _DIRTY * len(seen.values) / 2:
                return (0, 0)  # the same few again and again are a shop's
            if named and seen.holds_phones >= _DIRTY:
                return (named, seen.holds_phones)
            if named == 2 and self._digits(seen):  # noqa: PLR2004 -- the name leaves no doubt
                return (1, 0)
            # Numbers of cards and papers may be valid phones as well: only the form of one counts.
            formed = sum(it.form is not None for it in seen.written) / len(seen.values)
            return (1, formed) if not named and personal(seen.name) is None and formed >= _CLEAN else (0, 0)

        return self._best(score)

    def _email(self) -> _Seen | None:
        if self.choice.email:
            return self.columns[self.choice.email]

        def score(seen: _Seen) -> tuple[int, float]:
            named = likely_email(seen.name)
            if not seen.is_text:
                return (0, 0)
            if not seen.values:
                return (named, 0)
            if named and seen.holds_emails >= _DIRTY:
                return (named, seen.holds_emails)
            return (1, seen.holds_emails) if seen.holds_emails >= _CLEAN else (0, 0)

        return self._best(score)

    def _key(self) -> _Seen | None:
        if self.choice.key:
            return self.columns[self.choice.key]
        primary = [it.name for it in self.table.primary_key]

        def score(seen: _Seen) -> tuple[int, float]:
            if not likely_key(seen.name) or not isinstance(seen.kind, (String, Integer, Numeric, Uuid)):
                return (0, 0)
            distinct = len(set(map(str, seen.values))) / len(seen.values) if seen.values else 0
            return (2 if seen.is_text or isinstance(seen.kind, Uuid) else 1, distinct + (primary == [seen.name]))

        return self._best(score)

    def _newest(self) -> _Seen | None:
        if self.choice.newest_by:
            return self.columns[self.choice.newest_by]

        def score(seen: _Seen) -> tuple[int, float]:
            known = len(seen.values) / self.rows if self.rows else 1.0
            return (likely_age(seen.name), known) if known and _is_time(seen) else (0, 0)

        found = self._best(score)
        for seen in self.columns.values():
            if likely_age(seen.name) and seen.is_text and seen.values and not _is_time(seen):
                self.cautions.append(f"{seen.name} cannot tell the newest row: it is text that does not sort by date.")
        return found

    def _best(self, score: Any) -> _Seen | None:
        ranked = sorted(self.columns.values(), key=score, reverse=True)  # the first of equals stays the first
        return ranked[0] if ranked and score(ranked[0])[0] > 0 else None

    # How identifiers are stored

    def _phone_column(self, seen: _Seen) -> _Stored:
        phones = [it for it in seen.written if it.phone]
        forms = Counter(it.form for it in phones if it.form)
        separated = [it for it in phones if it.separators]
        troubles = Counter(it.trouble for it in seen.written if it.form is None)
        options: dict[str, str] = {}
        stored = tuple(form for form in PHONE_FORMS if form in forms) or ("national",)
        if stored != ("national",):
            options["stored_as"] = f"({', '.join(map(literal, stored))}{',' if len(stored) == 1 else ''})"
        expression = None
        if phones and len(separated) / len(phones) >= _WORTH_AN_EXPRESSION:
            expression = self._without(seen, {letter for it in separated for letter in it.separators})
        elif separated:
            self.cautions.append(
                f"{len(separated)} of {len(phones)} phones have blanks or dashes and will not be found: clean them, or "
                "declare an expression (it needs an index of its own)."
            )
        without_zero = troubles["without the leading 0"]
        if without_zero and without_zero >= _CLEAN * len(phones):
            expression = self._with_zero(expression or self._quoted(seen))
            troubles.pop("without the leading 0")
        if expression:
            options["expression"] = literal(expression)
        told = ", ".join(f"{count} {form}" for form, count in forms.most_common())
        if told:
            among = f", {len(separated)} of them with blanks or dashes" if separated else ""
            told = f": {told} of {len(seen.values)} sampled{among}"
        self.found.append(("phone", f"{seen.name}{told}"))
        self.cautions += [
            f"{count} of {len(seen.values)} sampled phones will not be found: {trouble}."
            for trouble, count in troubles.most_common()
        ]
        return _Stored(seen.name, options)

    def _without(self, seen: _Seen, letters: set[str]) -> str:
        expression = self._quoted(seen)
        for letter in sorted(letters):
            expression = f"replace({expression}, '{letter}', '')"
        return expression

    def _with_zero(self, inner: str) -> str:
        dialect = self.source.engine.dialect.name
        return f"concat('0', {inner})" if dialect in ("mysql", "mariadb", "mssql") else f"'0' || {inner}"

    def _quoted(self, seen: _Seen) -> str:
        return self.source.engine.dialect.identifier_preparer.quote(seen.column.name)

    def _email_column(self, seen: _Seen) -> _Stored:
        mixed = [value for value in seen.values if looks_like_email(value) and value != value.lower()]
        insensitive = bool(mixed) and not self._ignores_case(seen)
        told = f"{seen.name}: {len(mixed)} of {len(seen.values)} have capitals" if mixed else seen.name
        if mixed and not insensitive:
            told += ", which the column ignores by itself"
        self.found.append(("email", told))
        return _Stored(seen.name, {"case_insensitive": "True"} if insensitive else {})

    def _ignores_case(self, seen: _Seen) -> bool:
        """Ask the database whether it takes capitals for small letters, as MySQL's usual collations do."""
        if isinstance(seen.kind, CITEXT):
            return True
        small = case((seen.column == func.lower(seen.column), 1), else_=0)
        _, rows = sample(self.source, self.table, [seen.column, small])
        capitals = [same for value, same in rows if isinstance(value, str) and value != value.lower()]
        return bool(capitals) and all(capitals)

    # The file

    def _text(self, identifiers: Mapping[str, _Stored], newest: _Seen | None) -> str:
        shown = [it for it in self.columns.values() if self._is_harmless(it)]
        shown = [it for it in shown if not newest or it.name != newest.name]
        secret = [it.name for it in self.columns.values() if likely_secret(it.name)]
        others = [it for it in self.columns.values() if it not in shown and it.name not in secret]
        names = self._field_names([*shown, *others])
        record = [f"        {literal(names[it.name])}: {literal(it.name)}," for it in shown]
        imports = ["Column"] if any(it.options for it in identifiers.values()) else []
        if not record:
            imports.append("Constant")
            record = ['        "found": Constant(value=True),  # nothing else is certain to be harmless']
        self._tell_record([names[it.name] for it in shown], others, secret)
        if others:
            record.append("        # Not shown. Uncomment what every client that may read this dataset is to see:")
            record += [self._commented(names[it.name], it) for it in others]
        declared = [
            f"    name={literal(self.name)},",
            f"    source={literal(self.source.name)},",
            f"    table={literal(self.table.name)},",
            *([f"    schema={literal(self.table.schema)},"] if self.table.schema else []),
            "    identifiers={",
            *[line for key, stored in identifiers.items() for line in stored.lines(key)],
            "    },",
            "    record={",
            *record,
            "    },",
            *([f"    newest_by={literal(newest.name)},"] if newest else []),
        ]
        head = [f'"""{self._title(newest)}"""', ""]
        if noqa := self._noqa(declared, others):
            head += [noqa, ""]
        imported = ", ".join([*imports, "TableDataset"])
        head += [f"from provider.dataset import {imported}", "", "dataset = TableDataset("]
        return "\n".join([*head, *declared, ")", ""])

    def _title(self, newest: _Seen | None) -> str:
        table = self.table.name if self.table.name.isascii() and self.table.name.isidentifier() else "a table"
        return f"What {table} of {self.source.name} knows of a person{': the newest row' if newest else ''}."

    def _noqa(self, lines: Iterable[str], others: Sequence[_Seen]) -> str:
        codes = ["ERA001"] if others else []
        codes += ["E501"] if any(len(line) > _WIDTH for line in lines) else []
        return f"# ruff: noqa: {', '.join(codes)} -- the columns that are not shown are listed" if codes else ""

    def _field_names(self, columns: Sequence[_Seen]) -> dict[str, str]:
        """Name the fields, each once."""
        names: dict[str, str] = {}
        taken: set[str] = set()
        for position, it in enumerate(columns, 1):
            name = wanted = field_name(it.name) or f"column{position}"
            again = 2
            while name in taken:
                name, again = f"{wanted}{again}", again + 1
            taken.add(name)
            names[it.name] = name
        return names

    def _is_harmless(self, seen: _Seen) -> bool:
        if not likely_harmless(seen.name) or likely_secret(seen.name) or self._held(seen):
            return False
        # A tier or a status has a few values that come again and again; a text that is another in each row has not.
        return not seen.is_text or len(set(map(str, seen.values))) <= min(_KINDS_OF_TIER, max(2, len(seen.values) / 2))

    def _held(self, seen: _Seen) -> str | None:
        """Say what personal data a column's values hint at, whatever its name."""
        if seen.holds_emails >= 1 - _CLEAN:
            return "email"
        formed = sum(it.form is not None for it in seen.written)
        return "phone" if formed and formed / len(seen.values) >= 1 - _CLEAN else None

    def _commented(self, name: str, seen: _Seen) -> str:
        hint = personal(seen.name) or self._held(seen)
        note = _type_name(seen.column, self.source.engine.dialect) + (f"; personal: {hint}" if hint else "")
        return f"        # {literal(name)}: {literal(seen.name)},  # {note}"

    def _tell_record(self, shown: Sequence[str], others: Sequence[_Seen], secret: Sequence[str]) -> None:
        hinted = sum(bool(personal(it.name) or self._held(it)) for it in others)
        told = ", ".join(shown) if shown else "nothing yet, as no column is certain to be harmless"
        self.found.append(("record", told))
        if others:
            also = f" ({hinted} may be personal data)" if hinted else ""
            self.found.append(("not shown", f"{len(others)} more columns, commented out in the file{also}"))
        if secret:
            self.found.append(("left out", f"{', '.join(secret)}: never to be shown, by the look of the name"))


def literal(text: str) -> str:
    """Write text as Python, the way the formatter quotes it; letters other than Latin ones are escaped."""
    quote = "'" if text.count('"') > text.count("'") else '"'
    return f"{quote}{''.join(_escaped(letter, quote) for letter in text)}{quote}"


def _escaped(letter: str, quote: str) -> str:
    if letter in ("\\", quote):
        return f"\\{letter}"
    base = unicodedata.normalize("NFD", letter)[0]
    if letter.isascii() and letter.isprintable():
        return letter
    if letter in "đĐ" or (base.isascii() and base.isalpha() and unicodedata.normalize("NFC", letter) == letter):
        return letter
    code = ord(letter)
    return f"\\x{code:02x}" if code <= 0xFF else f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"  # noqa: PLR2004


def _type_name(column: TableColumn[Any], dialect: Dialect) -> str:
    try:
        name = column.type.compile(dialect)
    except SQLAlchemyError:
        name = type(column.type).__name__
    name = "".join(letter if letter.isascii() and letter.isprintable() else "?" for letter in name)
    return name if len(name) <= _LONGEST_TYPE else f"{name[:_LONGEST_TYPE]}..."


def _is_time(seen: _Seen) -> bool:
    if isinstance(seen.kind, (Date, DateTime)):
        return True
    return seen.is_text and bool(seen.values) and all(map(_is_iso, seen.values))


def _is_iso(value: Any) -> bool:
    try:
        datetime.fromisoformat(str(value))
    except ValueError:
        return False
    return True
