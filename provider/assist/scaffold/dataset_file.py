"""Drafts: the text of a dataset file for a table that exists."""

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Dialect
from sqlalchemy.exc import SQLAlchemyError

from provider.assist.inspection.column_meaning import field_name
from provider.assist.scaffold.column_sample import SampledColumn, SampledTable, sample_table
from provider.assist.scaffold.roles import Choice, Roles, find_roles
from provider.database.sources import Source
from provider.dataset.columns import Column

_WIDTH = 120
_LONGEST_TYPE = 30


@dataclass(frozen=True)
class Draft:
    """A dataset file's text, and what to tell whoever asked for it: what was found, and what to look at."""

    text: str
    found: Sequence[tuple[str, str]]
    cautions: Sequence[str]


def draft(source: Source, *, name: str, table: str, schema: str | None, region: str, choice: Choice) -> Draft:
    """Write a dataset file for a table or a view. ConfigurationError, SourceUnavailable, Timeout."""
    described = source.describe(table, schema)
    choice.require(described)
    sampled = sample_table(source, described, region=region, phone=choice.phone)
    roles = find_roles(sampled, choice)
    names = _field_names([*roles.shown, *roles.hidden])
    return Draft(_write(name, sampled, roles, names), _tell(roles, names), [*sampled.cautions, *roles.cautions])


def _field_names(columns: Sequence[SampledColumn]) -> dict[str, str]:
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


def _tell(roles: Roles, names: Mapping[str, str]) -> list[tuple[str, str]]:
    newest = roles.newest.name if roles.newest else "no date column tells; see several= in the docs"
    found = [*((name, it.seen) for name, it in roles.identifiers.items()), ("newest row", newest)]
    told = ", ".join(names[it.name] for it in roles.shown)
    found.append(("record", told or "nothing yet, as no column is certain to be harmless"))
    if roles.hidden:
        hinted = sum(it.personal_data is not None for it in roles.hidden)
        also = f" ({hinted} may be personal data)" if hinted else ""
        found.append(("not shown", f"{len(roles.hidden)} more columns, commented out in the file{also}"))
    if roles.secret:
        secret = ", ".join(it.name for it in roles.secret)
        found.append(("left out", f"{secret}: never to be shown, by the look of the name"))
    return found


def _write(name: str, sampled: SampledTable, roles: Roles, names: Mapping[str, str]) -> str:
    table, source, newest = sampled.table, sampled.source, roles.newest
    record = [f"        {literal(names[it.name])}: {literal(it.name)}," for it in roles.shown]
    imports = ["Column"] if any(_options(it.column) for it in roles.identifiers.values()) else []
    if not record:
        imports.append("Constant")
        record = ['        "found": Constant(value=True),  # nothing else is certain to be harmless']
    if roles.hidden:
        record.append("        # Not shown. Uncomment what every client that may read this dataset is to see:")
        record += [_commented(names[it.name], it, source.engine.dialect) for it in roles.hidden]
    declared = [
        f"    name={literal(name)},",
        f"    source={literal(source.name)},",
        f"    table={literal(table.name)},",
        *([f"    schema={literal(table.schema)},"] if table.schema else []),
        "    identifiers={",
        *[line for key, it in roles.identifiers.items() for line in _identifier(key, it.column)],
        "    },",
        "    record={",
        *record,
        "    },",
        *([f"    newest_by={literal(newest.name)},"] if newest else []),
    ]
    shown_name = table.name if table.name.isascii() and table.name.isidentifier() else "a table"
    head = [f'"""What {shown_name} of {source.name} knows of a person{": the newest row" if newest else ""}."""', ""]
    if noqa := _noqa(declared, commented=bool(roles.hidden)):
        head += [noqa, ""]
    imported = ", ".join([*imports, "TableDataset"])
    head += [f"from provider.dataset import {imported}", "", "dataset = TableDataset("]
    return "\n".join([*head, *declared, ")", ""])


def _identifier(key: str, column: Column) -> list[str]:
    start = f"        {literal(key)}: "
    options = _options(column)
    if not options:
        return [f"{start}{literal(column.name)},"]
    arguments = [literal(column.name), *options]
    if len(line := f"{start}Column({', '.join(arguments)}),") <= _WIDTH:
        return [line]
    return [f"{start}Column(", *[f"            {argument}," for argument in arguments], "        ),"]


def _options(column: Column) -> list[str]:
    """Write what of a column is not as usual."""
    options = []
    if column.stored_as != ("national",):
        forms = ", ".join(map(literal, column.stored_as))
        options.append(f"stored_as=({forms}{',' if len(column.stored_as) == 1 else ''})")
    if column.case_insensitive:
        options.append("case_insensitive=True")
    if column.expression:
        options.append(f"expression={literal(column.expression)}")
    return options


def _commented(name: str, it: SampledColumn, dialect: Dialect) -> str:
    note = _type_name(it, dialect) + (f"; personal: {it.personal_data}" if it.personal_data else "")
    return f"        # {literal(name)}: {literal(it.name)},  # {note}"


def _type_name(it: SampledColumn, dialect: Dialect) -> str:
    try:
        name = it.column.type.compile(dialect)
    except SQLAlchemyError:
        name = type(it.column.type).__name__
    name = "".join(letter if letter.isascii() and letter.isprintable() else "?" for letter in name)
    return name if len(name) <= _LONGEST_TYPE else f"{name[:_LONGEST_TYPE]}..."


def _noqa(lines: Iterable[str], *, commented: bool) -> str:
    codes = ["ERA001"] if commented else []
    codes += ["E501"] if any(len(line) > _WIDTH for line in lines) else []
    return f"# ruff: noqa: {', '.join(codes)} -- the columns that are not shown are listed" if codes else ""


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
