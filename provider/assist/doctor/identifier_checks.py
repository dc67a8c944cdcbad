"""Whether a lookup can find the people of a sample, by their phones and emails as the table stores them."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from provider.assist.doctor.findings import ERROR, OK, WARNING, Findings
from provider.assist.inspection.value_meaning import StoredPhone, masked, read_stored_phone, remove_separators
from provider.contract.identity import canonical_email
from provider.dataset.columns import Column
from provider.errors import InvalidEmail

_EXAMPLES = {"national": "0359677657", "e164": "+84359677657", "international": "84359677657"}
_INVALID_EMAIL = "no valid email"
_CAPITALS = "they have capitals, and a lookup asks in lower case"
_BLANKS = "blanks or odd characters around them"
_CORRECT = "Correct them in the database: nobody is found by them."


@dataclass(frozen=True)
class StoredIdentifier:
    """A sampled value of an identifier."""

    value: Any
    equals_lower: bool = True
    """Whether the database treats the value as equal to its lower case."""

    equals_trimmed: bool = False
    """Whether the database treats the value as equal to itself without blanks at its end."""

    @property
    def compared(self) -> Any:
        """The value as the database compares it."""
        return self.value.rstrip(" ") if self.equals_trimmed and isinstance(self.value, str) else self.value


def check_phones(
    sampled: Sequence[StoredIdentifier],
    column: Column,
    forms_of: Callable[[str], Sequence[Any]],
    findings: Findings,
    *,
    region: str,
) -> list[str]:
    """Report the phones no lookup can match; give the others, as a caller sends them.

    `forms_of` gives the values a lookup by a phone compares with.
    """
    found: list[str] = []
    missed: list[tuple[str, Any]] = []
    separators: set[str] = set()
    for it in sampled:
        if it.value is None or not str(it.value).strip():
            continue
        stored = read_stored_phone(it.compared, region=region)
        if stored.phone and _is_among(it.compared, forms_of(stored.phone.e164)):
            found.append(stored.phone.e164)
        else:
            missed.append((_phone_problem(stored, region), it.value))
            separators.update(stored.separators)
    _report(findings, "phone", found, missed, lambda problem: _phone_advice(problem, column, separators))
    return found


def check_emails(sampled: Sequence[StoredIdentifier], column: Column, findings: Findings) -> list[str]:
    """Report the emails no lookup can match, as it asks in lower case; give the others, as a caller sends them."""
    found: list[str] = []
    missed: list[tuple[str, Any]] = []
    for it in sampled:
        if not isinstance(it.value, str) or not it.value.strip():
            continue
        try:
            email = canonical_email(it.value)
        except InvalidEmail:
            missed.append((_INVALID_EMAIL, it.value))
            continue
        if it.compared == email or (it.compared.lower() == email and (it.equals_lower or column.case_insensitive)):
            found.append(email)
        else:
            missed.append((_CAPITALS if it.compared.lower() == email else _BLANKS, it.value))
    case_insensitive = f"Declare Column({column.name!r}, case_insensitive=True)."
    _report(findings, "email", found, missed, lambda problem: case_insensitive if problem == _CAPITALS else _CORRECT)
    return found


def _report(
    findings: Findings,
    what: str,
    found: Sequence[str],
    missed: Sequence[tuple[str, Any]],
    advice: Callable[[str], str],
) -> None:
    """Report each problem once, with the number of values that have it and the first of them, masked."""
    count = len(found) + len(missed)
    examples = dict(reversed(missed))
    for problem, times in Counter(problem for problem, _ in missed).most_common():
        findings.add(
            WARNING if found else ERROR,
            f"{what}s",
            f"{times} of {count} sampled {what}s will not be found: {problem}, like {masked(examples[problem])}.",
            advice(problem),
        )
    if found and not missed:
        findings.add(OK, f"{what}s", f"all {count} sampled {what}s can be found")


def _is_among(value: Any, forms: Sequence[Any]) -> bool:
    if isinstance(value, str):
        return value in forms
    try:
        return any(int(form) == value for form in forms)
    except (TypeError, ValueError):
        return value in forms


def _phone_problem(stored: StoredPhone, region: str) -> str:
    if stored.phone is None:
        return f"{stored.problem} ({region})" if stored.problem == "no valid phone" else stored.problem
    if stored.form and stored.separators:
        return f"{stored.form} with blanks or dashes"
    return f"{stored.form} (as in {_EXAMPLES[stored.form]})" if stored.form else stored.problem


def _phone_advice(problem: str, column: Column, separators: set[str]) -> str:
    form = problem.partition(" ")[0]
    if "with blanks or dashes" in problem:
        expression = remove_separators(column.expression or column.name, separators)
        also = "" if form in column.stored_as else f" and add {form!r} to stored_as"
        return f"Clean them, or declare Column({column.name!r}, expression={expression!r}){also}."
    if form in _EXAMPLES:
        forms = ", ".join(repr(it) for it in _EXAMPLES if it == form or it in column.stored_as)
        return f"Declare them: stored_as=({forms})."
    if problem == "without the leading 0":
        return "Put the 0 back, or declare an expression that does."
    return _CORRECT
