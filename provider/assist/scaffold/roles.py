"""Which columns of a table identify a person, which tells the newest row, and which may be shown."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Boolean, Integer, Numeric, String, Table, Uuid, case, func
from sqlalchemy.dialects.postgresql import CITEXT

from provider.assist.inspection.catalogue import suggest
from provider.assist.inspection.column_meaning import (
    field_name,
    likely_email,
    likely_harmless,
    likely_key,
    likely_phone,
    likely_row_date,
    likely_secret,
    personal_kind,
)
from provider.assist.inspection.sampling import sample
from provider.assist.inspection.value_meaning import looks_like_email, remove_separators
from provider.assist.scaffold.column_sample import CLEAN, SampledColumn, SampledTable
from provider.dataset.columns import PHONE_FORMS, Column
from provider.errors import ConfigurationError

_WORTH_AN_EXPRESSION = 0.02
"""The share of phones with separators from which on an expression is declared: it needs an index of its own."""

_PLAUSIBLE = 0.2
"""The share of values that must be what a column's name says."""

_MOST_TIERS = 20
"""Different values that a tier or a status may have."""


@dataclass(frozen=True)
class ChosenColumns:
    """The columns that the person who asks names, in place of guesses."""

    phone: str | None = None
    email: str | None = None
    key: str | None = None
    newest_by: str | None = None

    def require(self, table: Table) -> None:
        """Make sure that the table has these columns; ConfigurationError suggests one."""
        known = [it.name for it in table.columns]
        for name in (self.phone, self.email, self.key, self.newest_by):
            if name is not None and name not in known:
                raise ConfigurationError(f"{table.name} has no column {name!r}. {suggest(name, known, 'column')}")


@dataclass(frozen=True)
class Identifier:
    """A column that identifies a person, as a dataset declares it, with a summary of its values and warnings."""

    column: Column
    summary: str
    warnings: Sequence[str] = ()


@dataclass(frozen=True)
class Roles:
    """What each column is for. Each one is shown, hidden or secret, also an identifier's and the newest row's."""

    identifiers: Mapping[str, Identifier]
    newest: SampledColumn | None
    shown: Sequence[SampledColumn]
    hidden: Sequence[SampledColumn]
    secret: Sequence[SampledColumn]
    warnings: Sequence[str]


def find_roles(sampled: SampledTable, chosen: ChosenColumns) -> Roles:
    """Find the roles of columns; ConfigurationError when none identifies a person, SourceUnavailable, Timeout."""
    columns = sampled.columns
    identifiers = _find_identifiers(sampled, chosen)
    warnings = [warning for it in identifiers.values() for warning in it.warnings]
    newest = columns[chosen.newest_by] if chosen.newest_by else _find_newest(sampled)
    if not chosen.newest_by:
        warnings += [
            f"{it.name} cannot tell the newest row: it is text that does not sort by date."
            for it in columns.values()
            if likely_row_date(it.name) and it.is_text and it.values and not it.is_time
        ]
    shown = [it for it in columns.values() if it is not newest and _is_harmless(it)]
    secret = [it for it in columns.values() if likely_secret(it.name)]
    hidden = [it for it in columns.values() if it not in shown and it not in secret]
    return Roles(identifiers, newest, shown, hidden, secret, warnings)


def _find_identifiers(sampled: SampledTable, chosen: ChosenColumns) -> dict[str, Identifier]:
    columns = sampled.columns
    phone = columns[chosen.phone] if chosen.phone else _best(sampled, _score_phone)
    email = columns[chosen.email] if chosen.email else _best(sampled, _score_email)
    key = columns[chosen.key] if chosen.key else _find_key(sampled)
    if not (phone or email or key):
        raise ConfigurationError(
            f"No column of {sampled.table.name} looks like a phone, an email or a customer's code. Name one with "
            f"--phone, --email or --key. There are: {', '.join(columns)}."
        )
    identifiers: dict[str, Identifier] = {}
    if phone:
        identifiers["phone"] = _identify_by_phone(sampled, phone)
    if email:
        identifiers["email"] = _identify_by_email(sampled, email)
    if key:
        name = field_name(key.name) or "code"
        identifiers[f"{name}Code" if name in identifiers else name] = Identifier(Column(key.name), key.name)
    return identifiers


def _best(sampled: SampledTable, score: Callable[[SampledColumn], tuple[int, float]]) -> SampledColumn | None:
    best = max(sampled.columns.values(), key=score, default=None)  # of equals the first column wins
    return best if best and score(best)[0] > 0 else None


def _score_phone(it: SampledColumn) -> tuple[int, float]:
    named = likely_phone(it.name)
    if not isinstance(it.kind, (String, Integer, Numeric)) or isinstance(it.kind, Boolean):
        return (0, 0)
    if not it.values:
        return (named, 0)
    if len(it.values) > _MOST_TIERS and len(set(it.values)) <= _PLAUSIBLE * len(it.values) / 2:
        return (0, 0)  # a few phones in many rows are those of shops
    if named and it.holds_phones >= _PLAUSIBLE:
        return (named, it.holds_phones)
    if named == 2 and it.has_digits:  # noqa: PLR2004 -- 2 is a sure name
        return (1, 0)
    # The number of a card or a document may look like a phone: without a name that says so, only known forms count.
    formed = it.holds_formed_phones
    return (1, formed) if not named and personal_kind(it.name) is None and formed >= CLEAN else (0, 0)


def _score_email(it: SampledColumn) -> tuple[int, float]:
    named = likely_email(it.name)
    if not it.is_text:
        return (0, 0)
    if not it.values:
        return (named, 0)
    if named and it.holds_emails >= _PLAUSIBLE:
        return (named, it.holds_emails)
    return (1, it.holds_emails) if it.holds_emails >= CLEAN else (0, 0)


def _find_key(sampled: SampledTable) -> SampledColumn | None:
    primary = [it.name for it in sampled.table.primary_key]

    def score(it: SampledColumn) -> tuple[int, float]:
        if not likely_key(it.name) or not isinstance(it.kind, (String, Integer, Numeric, Uuid)):
            return (0, 0)
        distinct = len(set(map(str, it.values))) / len(it.values) if it.values else 0
        return (2 if it.is_text or isinstance(it.kind, Uuid) else 1, distinct + (primary == [it.name]))

    return _best(sampled, score)


def _find_newest(sampled: SampledTable) -> SampledColumn | None:
    def score(it: SampledColumn) -> tuple[int, float]:
        known = len(it.values) / sampled.rows if sampled.rows else 1.0
        return (likely_row_date(it.name), known) if known and it.is_time else (0, 0)

    return _best(sampled, score)


def _is_harmless(it: SampledColumn) -> bool:
    if not likely_harmless(it.name) or likely_secret(it.name) or it.personal_data:
        return False
    # A tier or a status has a few values in many rows. A text that differs in each row is something else.
    return not it.is_text or len(set(map(str, it.values))) <= min(_MOST_TIERS, max(2, len(it.values) / 2))


def _identify_by_phone(sampled: SampledTable, it: SampledColumn) -> Identifier:
    phones = [stored for stored in it.phones if stored.phone]
    forms = Counter(stored.form for stored in phones if stored.form)
    separated = [stored for stored in phones if stored.separators]
    problems = Counter(stored.problem for stored in it.phones if stored.form is None)
    warnings = []
    quoted = sampled.source.engine.dialect.identifier_preparer.quote(it.name)
    expression = None
    if phones and len(separated) / len(phones) >= _WORTH_AN_EXPRESSION:
        expression = remove_separators(quoted, {separator for stored in separated for separator in stored.separators})
    elif separated:
        warnings.append(
            f"{len(separated)} of {len(phones)} phones have blanks or dashes and will not be found: clean them, or "
            "declare an expression (it needs an index of its own)."
        )
    without_zero = problems["without the leading 0"]
    if without_zero and without_zero >= CLEAN * len(phones):
        expression = _put_zero_before(expression or quoted, sampled.source.engine.dialect.name)
        problems.pop("without the leading 0")
    summary = it.name
    if forms:
        counts = ", ".join(f"{count} {form}" for form, count in forms.most_common())
        among = f", {len(separated)} of them with blanks or dashes" if separated else ""
        summary += f": {counts} of {len(it.values)} sampled{among}"
    warnings += [
        f"{count} of {len(it.values)} sampled phones will not be found: {problem}."
        for problem, count in problems.most_common()
    ]
    stored = tuple(form for form in PHONE_FORMS if form in forms) or ("national",)
    return Identifier(Column(it.name, stored_as=stored, expression=expression), summary, warnings)


def _put_zero_before(expression: str, dialect: str) -> str:
    return f"concat('0', {expression})" if dialect in ("mysql", "mariadb", "mssql") else f"'0' || {expression}"


def _identify_by_email(sampled: SampledTable, it: SampledColumn) -> Identifier:
    mixed = [value for value in it.values if looks_like_email(value) and value != value.lower()]
    if not mixed:
        return Identifier(Column(it.name), it.name)
    summary = f"{it.name}: {len(mixed)} of {len(it.values)} have capitals"
    if _ignores_case(sampled, it):
        return Identifier(Column(it.name), f"{summary}, which the column ignores by itself")
    return Identifier(Column(it.name, case_insensitive=True), summary)


def _ignores_case(sampled: SampledTable, it: SampledColumn) -> bool:
    """Ask the database whether it ignores case when it compares a column, as MySQL's usual collations do."""
    if isinstance(it.kind, CITEXT):
        return True
    equals_lower = case((it.column == func.lower(it.column), 1), else_=0)
    _, rows = sample(sampled.source, sampled.table, [it.column, equals_lower])
    equal = [equal for value, equal in rows if isinstance(value, str) and value != value.lower()]
    return bool(equal) and all(equal)
