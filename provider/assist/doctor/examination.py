"""A table's dataset under examination: the declarations that hold, where its rows are, and the findings so far."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Uuid, func, literal, select

from provider.assist.doctor.findings import Findings
from provider.assist.doctor.queries import query_by
from provider.database.sources import Source
from provider.database.statements import Statement
from provider.dataset.columns import Column, Field
from provider.dataset.conversion import base_type
from provider.dataset.lookup_statement import LookupStatement, Rules

_MOST_PEOPLE = 100
_MOST_ROWS = 5000


@dataclass
class Examination:
    """What the checks of a table's dataset share.

    `fields`, `identifiers` and `rules` are the dataset's, without what the table lacks or the database refuses.
    `found` lists, by identifier, sampled people whom a lookup should find.
    """

    source: Source
    chosen: FromClause
    table_name: str | None
    fields: Mapping[str, Field]
    identifiers: Mapping[str, Column]
    rules: Rules
    region: str
    findings: Findings
    found: dict[str, Sequence[str]] = field(default_factory=dict)

    @cached_property
    def statement(self) -> LookupStatement:
        """The statement of the dataset's lookups, as far as it works."""
        return self.write_statement(self.identifiers, self.rules)

    def write_statement(self, identifiers: Mapping[str, Column], rules: Rules) -> LookupStatement:
        """Write the statement of lookups by some identifiers; ConfigurationError."""
        dialect = self.source.engine.dialect
        return LookupStatement(dialect, self.chosen, fields=self.fields, identifiers=identifiers, rules=rules)

    def forms(self, key: str, value: str) -> Sequence[Any]:
        """List the values a lookup by one identifier compares with."""
        return self.statement.forms(key, query_by(key, value, region=self.region))

    def sampled_people(self, key: str) -> list[str]:
        """List up to 100 sampled people by an identifier, each once."""
        return list(dict.fromkeys(self.found.get(key, ())))[:_MOST_PEOPLE]

    def count_rows(self, key: str, people: Sequence[str], where: Sequence[ColumnElement[bool]]) -> Counter[str]:
        """Count the rows of each of these people, in any declared form; SourceUnavailable, Timeout."""
        person_of = {form: person for person in people for form in self.forms(key, person)}
        compared = self.statement.compared[key]
        if not person_of or isinstance(base_type(compared), Uuid):
            return Counter()
        if self.identifiers[key].case_insensitive:
            compared = func.lower(compared)
        among = compared.in_([literal(form) for form in person_of])
        wanted = select(compared.label("v0")).select_from(self.chosen).where(among, *where).limit(_MOST_ROWS)
        _, rows = self.source.fetch(Statement(wanted, self.source.engine.dialect), {}, _MOST_ROWS)
        person_of_text = {str(form).casefold(): person for form, person in person_of.items()}
        people_found = [person_of_text.get(str(value).strip().casefold()) for (value,) in rows]
        return Counter(person for person in people_found if person is not None)
