"""The patient: a table's dataset under examination, as far as what it declares is there."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Uuid, func, literal, select

from provider.assist.doctor.findings import Finding
from provider.contract.identity import Phone, canonical_email, canonical_phone, example_phone
from provider.database.sources import Source
from provider.database.statements import Statement
from provider.dataset.base import Query
from provider.dataset.columns import Column, Field
from provider.dataset.conversion import base_type
from provider.dataset.lookup_statement import LookupStatement, Rules

PROBE_EMAIL = "dee@bytetech.io"
PROBE_DIGITS = "735912684"
_PROBE_CODES = (PROBE_DIGITS, f"00000000-0000-4000-8000-000{PROBE_DIGITS}")

ASKED_AGAIN = 100
"""Sampled people who are asked for again, to see in how many rows they are."""

_MOST_ROWS = 5000


@dataclass
class Patient:
    """What is sound of a dataset, where its rows are, and what was found so far.

    `found` lists, by identifier, sampled people whom a lookup should find.
    """

    source: Source
    chosen: FromClause
    probe: LookupStatement
    table_name: str | None
    fields: Mapping[str, Field]
    identifiers: Mapping[str, Column]
    rules: Rules
    region: str
    findings: list[Finding]
    found: dict[str, Sequence[str]] = field(default_factory=dict)

    def say(self, level: str, check: str, message: str, advice: str = "") -> None:
        """Note a finding."""
        self.findings.append(Finding(level, check, message, advice))

    def forms_of_phone(self, phone: str) -> Sequence[Any]:
        """List the values a lookup by a phone compares with."""
        return self.probe.forms("phone", query("phone", phone, region=self.region))

    def some(self, key: str) -> list[str]:
        """List some people of the sample, each once."""
        return list(dict.fromkeys(self.found.get(key, ())))[:ASKED_AGAIN]

    def count(self, key: str, people: Sequence[str], where: Sequence[ColumnElement[bool]]) -> Counter[str]:
        """Count the rows of people, in whatever form they stand there; SourceUnavailable, Timeout."""
        forms = [(form, it) for it in people for form in self.probe.forms(key, query(key, it, region=self.region))]
        compared = self.probe.compared[key]
        if not forms or isinstance(base_type(compared), Uuid):
            return Counter()
        if self.identifiers[key].case_insensitive:
            compared = func.lower(compared)
        among = compared.in_([literal(form) for form, _ in forms])
        wanted = select(compared.label("v0")).select_from(self.chosen).where(among, *where).limit(_MOST_ROWS)
        _, rows = self.source.fetch(Statement(wanted, self.source.engine.dialect), {}, _MOST_ROWS)
        meant = {str(form).casefold(): it for form, it in forms}
        held = [meant.get(str(value).strip().casefold()) for (value,) in rows]
        return Counter([it for it in held if it is not None])


def query(key: str, value: str, *, region: str) -> Query:
    """Make the query of a lookup by one identifier."""
    if key == "phone":
        return Query(phone=canonical_phone(value, region=region))
    if key == "email":
        return Query(email=canonical_email(value))
    return Query(identifiers={key: value})


def probe_phone(region: str) -> Phone:
    """Make a phone of nobody in particular: the numbering plan's own example."""
    return canonical_phone(example_phone(region), region=region)


def nobody(probe: LookupStatement, key: str, *, region: str) -> tuple[Query, str]:
    """Make a query of nobody in particular; give what of it a plan shows, too."""
    if key == "phone":
        phone = probe_phone(region)
        return Query(phone=phone), (phone.national or phone.international)[1:]
    if key == "email":
        return Query(email=PROBE_EMAIL), PROBE_EMAIL
    queries = [Query(identifiers={key: code}) for code in _PROBE_CODES]
    return next((it for it in queries if probe.bind(it)[0]), queries[-1]), PROBE_DIGITS
