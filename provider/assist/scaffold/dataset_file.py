"""The text of a dataset file for a table that exists."""

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Dialect
from sqlalchemy.exc import SQLAlchemyError

from provider.assist.inspection.column_meaning import field_name
from provider.assist.scaffold.column_sample import SampledColumn, SampledTable, sample_table
from provider.assist.scaffold.roles import ChosenColumns, Roles, find_roles
from provider.database.sources import Source
from provider.dataset.columns import Column

_WIDTH = 120
_LONGEST_TYPE = 30


@dataclass(frozen=True)
class DatasetFile:
    """A dataset file's text, and what the command prints: what was found, by topic, and warnings."""

    text: str
    found: Sequence[tuple[str, str]]
    warnings: Sequence[str]


def write_dataset(
    source: Source, *, name: str, table: str, schema: str | None, region: str, chosen: ChosenColumns
) -> DatasetFile:
    """Write the text of a dataset over a table or a view; ConfigurationError, SourceUnavailable, Timeout."""
    described = source.describe(table, schema)
    chosen.require(described)
    sampled = sample_table(source, described, region=region, phone=chosen.phone)
    roles = find_roles(sampled, chosen)
    names = _field_names([*roles.shown, *roles.hidden])
    text = _write_text(name, sampled, roles, names)
    return DatasetFile(text, _summarize(roles, names), [*sampled.warnings, *roles.warnings])


def _field_names(columns: Sequence[SampledColumn]) -> dict[str, str]:
    """Name the record's fields by column; no two have the same name."""
    names: dict[str, str] = {}
    taken: set[str] = set()
    for position, it in enumerate(columns, 1):
        name = wanted = field_name(it.name) or f"column{position}"
        number = 2
        while name in taken:
            name, number = f"{wanted}{number}", number + 1
        taken.add(name)
        names[it.name] = name
    return names


def _summarize(roles: Roles, names: Mapping[str, str]) -> list[tuple[str, str]]:
    newest = roles.newest.name if roles.newest else "no date column tells; see several= in the docs"
    found = [*((name, it.summary) for name, it in roles.identifiers.items()), ("newest row", newest)]
    shown = ", ".join(names[it.name] for it in roles.shown)
    found.append(("record", shown or "nothing yet, as no column is certain to be harmless"))
    if roles.hidden:
        hinted = sum(it.personal_data is not None for it in roles.hidden)
        also = f" ({hinted} may be personal data)" if hinted else ""
        found.append(("not shown", f"{len(roles.hidden)} more columns, commented out in the file{also}"))
    if roles.secret:
        secret = ", ".join(it.name for it in roles.secret)
        found.append(("left out", f"{secret}: the name looks like a secret, which is never shown"))
    return found


def _write_text(name: str, sampled: SampledTable, roles: Roles, names: Mapping[str, str]) -> str:
    table, source, newest = sampled.table, sampled.source, roles.newest
    record = [f"        {python_string(names[it.name])}: {python_string(it.name)}," for it in roles.shown]
    imports = ["Column"] if any(_column_options(it.column) for it in roles.identifiers.values()) else []
    if not record:
        imports.append("Constant")
        record = ['        "found": Constant(value=True),  # nothing else is certain to be harmless']
    if roles.hidden:
        record.append("        # Not shown. Uncomment what every client that may read this dataset is to see:")
        record += [_commented(names[it.name], it, source.engine.dialect) for it in roles.hidden]
    declared = [
        f"    name={python_string(name)},",
        f"    source={python_string(source.name)},",
        f"    table={python_string(table.name)},",
        *([f"    schema={python_string(table.schema)},"] if table.schema else []),
        "    identifiers={",
        *[line for key, it in roles.identifiers.items() for line in _identifier_lines(key, it.column)],
        "    },",
        "    record={",
        *record,
        "    },",
        *([f"    newest_by={python_string(newest.name)},"] if newest else []),
    ]
    shown_name = table.name if table.name.isascii() and table.name.isidentifier() else "a table"
    head = [f'"""What {shown_name} of {source.name} knows of a person{": the newest row" if newest else ""}."""', ""]
    if noqa := _noqa(declared, commented=bool(roles.hidden)):
        head += [noqa, ""]
    imported = ", ".join([*imports, "TableDataset"])
    head += [f"from provider.dataset import {imported}", "", "dataset = TableDataset("]
    return "\n".join([*head, *declared, ")", ""])


def _identifier_lines(key: str, column: Column) -> list[str]:
    start = f"        {python_string(key)}: "
    options = _column_options(column)
    if not options:
        return [f"{start}{python_string(column.name)},"]
    arguments = [python_string(column.name), *options]
    if len(line := f"{start}Column({', '.join(arguments)}),") <= _WIDTH:
        return [line]
    return [f"{start}Column(", *[f"            {argument}," for argument in arguments], "        ),"]


def _column_options(column: Column) -> list[str]:
    """Write the options of a Column that differ from the defaults."""
    options = []
    if column.stored_as != ("national",):
        forms = ", ".join(map(python_string, column.stored_as))
        options.append(f"stored_as=({forms}{',' if len(column.stored_as) == 1 else ''})")
    if column.case_insensitive:
        options.append("case_insensitive=True")
    if column.expression:
        options.append(f"expression={python_string(column.expression)}")
    return options


def _commented(name: str, it: SampledColumn, dialect: Dialect) -> str:
    note = _type_name(it, dialect) + (f"; personal: {it.personal_data}" if it.personal_data else "")
    return f"        # {python_string(name)}: {python_string(it.name)},  # {note}"


def _type_name(it: SampledColumn, dialect: Dialect) -> str:
    try:
        name = it.column.type.compile(dialect)
    except SQLAlchemyError:
        name = type(it.column.type).__name__
    name = "".join(char if char.isascii() and char.isprintable() else "?" for char in name)
    return name if len(name) <= _LONGEST_TYPE else f"{name[:_LONGEST_TYPE]}..."


def _noqa(lines: Iterable[str], *, commented: bool) -> str:
    codes = ["ERA001"] if commented else []
    codes += ["E501"] if any(len(line) > _WIDTH for line in lines) else []
    return f"# ruff: noqa: {', '.join(codes)} -- the columns that are not shown are listed" if codes else ""


def python_string(text: str) -> str:
    """Write text as a Python string, quoted as the formatter does; other alphabets than the Latin are escaped."""
    quote = "'" if text.count('"') > text.count("'") else '"'
    return f"{quote}{''.join(_escape(character, quote) for character in text)}{quote}"


def _escape(character: str, quote: str) -> str:
    if character in ("\\", quote):
        return f"\\{character}"
    base = unicodedata.normalize("NFD", character)[0]
    if character.isascii() and character.isprintable():
        return character
    if character in "đĐ" or (
        base.isascii() and base.isalpha() and unicodedata.normalize("NFC", character) == character
    ):
        return character
    code = ord(character)
    return f"\\x{code:02x}" if code <= 0xFF else f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"  # noqa: PLR2004
