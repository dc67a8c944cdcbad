"""The standard suite: tests of what every dataset must do, which a partner adds with one line of a test file."""

import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, suppress
from typing import Any

import orjson
import pytest

from provider.contract.identity import canonical_phone, example_phone, phone_or_none
from provider.database.sources import Sources
from provider.dataset import Dataset
from provider.dataset.builtin import served
from provider.errors import (
    ConfigurationError,
    InvalidEmail,
    InvalidPhone,
    InvalidRequest,
    MissingIdentifier,
    NotFound,
    ProviderError,
    SourceUnavailable,
)
from provider.lookup import lookup
from provider.settings import Settings

_TRIES = 5
"""How many unknown people are made up: one of them may happen to exist."""

_JUNK_PHONES = ("abc", "1", "+", "0359", "0" * 70, "035967765a", "'; DROP TABLE members; --")
_JUNK_EMAILS = ("abc", "@", "a@", "@b.vn", "a b c", "a@b@c.vn", "' OR '1'='1")
_JUNK = ("' OR '1'='1", '"; --', "%", "\\", "x" * 5000, "\u200b", "\U0001f600")
_NOT_TEXT: tuple[object, ...] = ("a\x00b", "a\ufffdb", ["0359677657"], {"a": 1}, True)


class Subject:
    """The dataset under test, prepared on the configured sources as the service does."""

    def __init__(self, dataset: Dataset, settings: Settings) -> None:
        self.dataset = dataset
        self.settings = settings
        self.identifiers = {key: value for key, value in dataset.example.items() if key in dataset.identifiers}
        self.parameters = {key: value for key, value in dataset.example.items() if key not in dataset.identifiers}

    def ask(self, raw: Mapping[str, object]) -> dict[str, Any]:
        """Return the record of a lookup, as the service answers it; ProviderError."""
        return lookup(self.dataset, raw, region=self.settings.phone_region)

    def outcome(self, **identifiers: object) -> Any:
        """Return the record of a lookup, or the code of its error."""
        try:
            return self.ask(self.parameters | identifiers)
        except ProviderError as error:
            return error.code

    def records(self) -> list[dict[str, Any]]:
        """Return the example's record, or the items of its list."""
        answer = self.ask(self.dataset.example)
        if self.dataset.shape == "list":
            assert set(answer) == {"total", "items"}
            assert answer["total"] >= len(answer["items"]) > 0
            return list(answer["items"])
        return [answer]


def standard_suite(name: str, *, settings: Callable[[], Settings] = Settings.from_environment) -> type:
    """Make the test class of a dataset.

    Write `TestVoucher = standard_suite("voucher")` in a test file. The tests look up the dataset's own `example` on the
    configured source. `settings` are those of the environment and `.env` unless given.
    """

    class StandardSuite(_StandardSuite):
        @pytest.fixture
        def subject(self) -> Iterator[Subject]:
            """Prepare the dataset, and the others, which it may use."""
            yield from _subject(name, settings())

    return StandardSuite


def _subject(name: str, settings: Settings) -> Iterator[Subject]:
    datasets = served(settings.datasets)
    assert name in datasets, f"{settings.datasets} has no dataset {name!r}. It has: {', '.join(datasets)}."
    with closing(Sources.of(settings)) as sources:
        for other in datasets.values():
            if other.name != name:
                with suppress(ConfigurationError, SourceUnavailable):
                    other.prepare(sources)
        datasets[name].prepare(sources)
        yield Subject(datasets[name], settings)


class _StandardSuite:
    """What every dataset must do. Assertions have messages: a partner reads them in their own test run."""

    def test_its_example_finds_somebody(self, subject: Subject) -> None:
        """The dataset's example finds a record, in time."""
        assert subject.identifiers, "The dataset needs example={...}, parameters that find somebody."
        began = time.monotonic()
        try:
            records = subject.records()
        except NotFound:
            pytest.fail(f"The example {sorted(subject.dataset.example)} finds nobody on this source.")
        assert all(records), "The record is empty: no declared field has a value for the example."
        assert time.monotonic() - began < subject.settings.lookup_timeout

    def test_a_record_is_flat_json(self, subject: Subject) -> None:
        """A record holds text, numbers and booleans, and nothing that JSON cannot write."""
        for record in subject.records():
            odd = {name: type(value).__name__ for name, value in record.items() if type(value) not in _SCALARS}
            assert not odd, f"fields that are not text, a number or a boolean: {odd}"
            assert orjson.loads(orjson.dumps(record)) == record

    def test_only_declared_fields_leave(self, subject: Subject) -> None:
        """A record has no field that the dataset does not declare."""
        for record in subject.records():
            assert all(subject.dataset.declares(name) for name in record)

    def test_the_same_question_gets_the_same_answer(self, subject: Subject) -> None:
        """Asking again changes nothing."""
        assert subject.records() == subject.records()

    def test_an_unknown_person_is_a_miss(self, subject: Subject) -> None:
        """Somebody who is not in the data is NotFound, by each identifier and by all of them."""
        for keys in ([key] for key in subject.dataset.identifiers):
            assert self._misses(subject, keys), f"an unknown {keys[0]} finds somebody"
        assert self._misses(subject, subject.dataset.identifiers), "a person nobody knows finds somebody"

    def test_every_way_to_write_a_phone_finds_the_same(self, subject: Subject) -> None:
        """A phone written with 0, 84 or +84, with blanks or dashes, finds the same record."""
        if "phone" not in subject.identifiers:
            return
        written = subject.identifiers["phone"]
        found = subject.outcome(phone=written)
        for other in _ways_to_write(written, subject.settings.phone_region):
            assert subject.outcome(phone=other) == found, f"the example's phone finds another answer as {other!r}"

    def test_every_way_to_write_an_email_finds_the_same(self, subject: Subject) -> None:
        """An email with capital letters or blanks around it finds the same record."""
        if "email" not in subject.identifiers:
            return
        written = subject.identifiers["email"]
        for other in (written.upper(), f" {written} ", written.title()):
            assert subject.outcome(email=other) == subject.outcome(email=written)

    def test_junk_is_refused(self, subject: Subject) -> None:
        """A value that is not a phone or an email is refused as such; any other junk finds nobody, without an error."""
        refused = {"phone": (_JUNK_PHONES, InvalidPhone), "email": (_JUNK_EMAILS, InvalidEmail)}
        for key in subject.dataset.identifiers:
            junk, code = refused.get(key, (_JUNK, NotFound))
            for sent in junk:
                assert subject.outcome(**{key: sent}) == code.code, f"{key}={sent[:40]!r}"
            for odd in _NOT_TEXT:
                assert subject.outcome(**{key: odd}) == InvalidRequest.code, f"{key}={odd!r}"

    def test_somebody_must_be_asked_for(self, subject: Subject) -> None:
        """A lookup without an identifier is refused."""
        assert subject.outcome() == MissingIdentifier.code
        assert subject.outcome(**dict.fromkeys(subject.dataset.identifiers, " ")) == MissingIdentifier.code

    def test_required_parameters_are_demanded(self, subject: Subject) -> None:
        """A lookup without a required parameter is refused."""
        required = [name for name, needed in subject.dataset.own_parameters.items() if needed]
        for name in required:
            assert name in subject.parameters, f"The dataset's example lacks the required parameter {name}."
            rest = {key: value for key, value in subject.dataset.example.items() if key != name}
            with pytest.raises(InvalidRequest, match=name):
                subject.ask(rest)

    @staticmethod
    def _misses(subject: Subject, keys: Any) -> bool:
        """Say whether made-up identifiers find nobody; several are tried, since one may happen to exist."""
        for _ in range(_TRIES):
            made_up = {key: _made_up(key, subject.settings.phone_region) for key in keys}
            if subject.outcome(**made_up) == NotFound.code:
                return True
        return False


_SCALARS = (str, bool, int, float)


def _made_up(key: str, region: str) -> str:
    """Make up an identifier."""
    if key == "email":
        return f"nobody-{secrets.token_hex(6)}@example.com"
    if key != "phone":
        return f"nobody-{secrets.token_hex(6)}"
    example = example_phone(region)
    while True:
        if phone := phone_or_none(f"{example[:-6]}{secrets.randbelow(10**6):06d}", region=region):
            return phone.e164


def _ways_to_write(written: str, region: str) -> list[str]:
    phone = canonical_phone(written, region=region)
    ways = [phone.e164, phone.international, f"00{phone.international}", f" {phone.e164} "]
    if phone.national:
        national = phone.national
        ways += [national, f"{national[:4]} {national[4:7]} {national[7:]}", f"{national[:4]}-{national[4:]}"]
    return ways
