"""`provider person`: shows, erases and suppresses the data of one person."""

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import click
from click.decorators import FC
from sqlalchemy import Engine

from provider.auth.callers import CACHE_SECONDS
from provider.errors import ConfigurationError
from provider.records.people.identifiers import CUSTOMER_ID, EMAIL, PHONE, Person, canonical_identifier
from provider.records.people.person_report import erase_person, find_person, report_person
from provider.records.people.suppression import IdentifierHasher, restore_person, suppress_person, suppressed_since
from provider.settings import Settings
from provider.store.provider_database import migrated_database

SEARCHED = (
    "Searched: the provider database: its entities, batches that wait to be sent, dead letters, webhooks, and the keys "
    "of records that were sent. Not searched: your own databases behind the datasets, backups, and Pango."
)


@click.group("person")
def command() -> None:
    """Show, erase and suppress what is held about one person.

    A person is named by phone, email or customer id. When two customers share an email, --customer-id says who is
    meant.
    """


def _person_options(function: FC) -> FC:
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print JSON."),
        click.option("--customer-id", "customers", multiple=True, metavar="ID", help="A customer id; may be repeated."),
        click.option("--email", "emails", multiple=True, help="An email address; may be repeated."),
        click.option("--phone", "phones", multiple=True, help="A phone, in any written form; may be repeated."),
    ):
        function = option(function)
    return function


@command.command()
@_person_options
def report(*, as_json: bool, **given: Sequence[str]) -> None:
    """Show everything that is held about a person."""
    with _open_database() as (settings, engine):
        with engine.connect() as connection:
            person = find_person(connection, _read_person(settings, given))
            held = report_person(connection, person, region=settings.phone_region)
        since = suppressed_since(engine, IdentifierHasher(settings.require_secret_key()), person)
    if as_json:
        called = {
            "phones": sorted(person.phones),
            "emails": sorted(person.emails),
            "customerIds": sorted(person.customers),
        }
        row = {"person": called, "suppressedSince": since and since.isoformat(), "held": held, "searched": SEARCHED}
        click.echo(json.dumps(row, indent=2, ensure_ascii=False))
        return
    for kind, value in person:
        click.echo(f"{kind:<12} {value}")
    click.echo(f"{'suppressed':<12} {f'since {since:%Y-%m-%d %H:%M} UTC' if since else 'no'}")
    for table, rows in held.items():
        click.echo(f"\n{click.style(table, bold=True)}")
        for row in rows:
            click.echo(f"  {json.dumps(row, ensure_ascii=False)}")
    click.echo(f"\n{'' if held else 'Nothing is held. '}{SEARCHED}")


@command.command()
@_person_options
@click.option("--yes", is_flag=True, help="Do not ask.")
def erase(*, as_json: bool, yes: bool, **given: Sequence[str]) -> None:
    """Erase everything that is held about a person, for good.

    What is imported or pushed again comes back: take the person out of your own databases first.
    """
    if not yes and not sys.stdin.isatty():
        raise ConfigurationError("erase asks before it erases, and there is no terminal to ask on. Add --yes.")
    with _open_database() as (settings, engine):
        person = _find_one_person(engine, _read_person(settings, given))
        if not yes:
            with engine.connect() as connection:
                held = report_person(connection, person, region=settings.phone_region)
            _show_counts({table: len(rows) for table, rows in held.items()}, "Held")
            click.confirm("Erase all this? It cannot be undone", abort=True)
        gone = erase_person(engine, person, region=settings.phone_region)
    if as_json:
        click.echo(json.dumps({"erased": gone}, indent=2))
        return
    _show_counts(gone, "Erased")
    click.echo(SEARCHED)


@command.command()
@_person_options
def suppress(*, as_json: bool, **given: Sequence[str]) -> None:
    """Stop serving a person: every dataset answers as if nobody matched."""
    with _open_database() as (settings, engine):
        person = _find_one_person(engine, _read_person(settings, given))
        count = suppress_person(engine, IdentifierHasher(settings.require_secret_key()), person)
    if as_json:
        click.echo(json.dumps({"suppressed": count}))
        return
    click.echo(
        f"Suppressed under {_count_identifiers(count)}. Every worker follows within {CACHE_SECONDS} seconds; "
        "`provider person restore` undoes it."
    )


@command.command()
@_person_options
def restore(*, as_json: bool, **given: Sequence[str]) -> None:
    """Serve a suppressed person again, under all identifiers of that suppression."""
    with _open_database() as (settings, engine):
        hasher = IdentifierHasher(settings.require_secret_key())
        count = restore_person(engine, hasher, _read_person(settings, given))
    if not count:
        raise ConfigurationError("Nobody is suppressed under these identifiers together. Try one of them alone.")
    if as_json:
        click.echo(json.dumps({"restored": count}))
        return
    click.echo(f"Restored under {_count_identifiers(count)}. Every worker follows within {CACHE_SECONDS} seconds.")


@contextmanager
def _open_database() -> Iterator[tuple[Settings, Engine]]:
    settings = Settings.from_environment()
    with migrated_database(settings) as engine:
        yield settings, engine


def _read_person(settings: Settings, given: dict[str, Sequence[str]]) -> Person:
    """Read the identifiers of the options; ConfigurationError when there are none, or one is wrong."""
    phones, emails, customers = (
        frozenset(_canonical(kind, written, option, settings) for written in given[name])
        for kind, name, option in (
            (PHONE, "phones", "--phone"),
            (EMAIL, "emails", "--email"),
            (CUSTOMER_ID, "customers", "--customer-id"),
        )
    )
    person = Person(phones, emails, customers)
    if not person:
        raise ConfigurationError("Say who is meant: give --phone, --email or --customer-id.")
    return person


def _canonical(kind: str, written: str, option: str, settings: Settings) -> str:
    value = canonical_identifier(kind, written, region=settings.phone_region)
    if value is None:
        raise ConfigurationError(f"{option} is not a valid {kind}.")
    return value


def _find_one_person(engine: Engine, given: Person) -> Person:
    """Find all identifiers of the person; ConfigurationError when several customers have those that are given."""
    with engine.connect() as connection:
        person = find_person(connection, given)
    if len(person.customers) > 1 and not given.customers:
        ids = ", ".join(sorted(person.customers))
        raise ConfigurationError(f"Several customers have these identifiers: {ids}. Say who with --customer-id.")
    return person


def _show_counts(counts: dict[str, int], title: str) -> None:
    click.echo(f"{title}: {sum(counts.values())}")
    for table, count in counts.items():
        click.echo(f"  {table:<40} {count:>6}")


def _count_identifiers(count: int) -> str:
    return "one identifier" if count == 1 else f"{count} identifiers"
