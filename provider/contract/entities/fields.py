"""The kinds of value an entity's field can have, as Pango's entity pages print them under "Type".

Every field begins with what it means, in our own words. `required` is the page's mark, `example` shows a value.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from functools import partial
from math import isfinite
from typing import Any

from marshmallow import Schema, ValidationError, fields, validate

from provider.contract.identity import email_or_none, phone_or_none

LONGEST_KEY = 190
"""Characters of a text that is part of a key: more cannot be indexed in MySQL, whose index ends at 3,072 bytes."""

_INT32, _INT64 = 2**31, 2**63
_YEAR_1, _YEAR_9999 = -62_135_596_800_000, 253_402_300_799_999
_MOST_LIKELY_SECONDS = 100_000_000_000
"""Read as milliseconds, times below this are before March 1973: more likely somebody sent seconds."""

_SURROGATE = re.compile("[\ud800-\udfff]")
"""Half a character of UTF-16, which JSON can write and UTF-8 cannot."""

Warn = Callable[[Any], str | None]


def is_blank(value: Any) -> bool:
    """Say whether a value is the same as none: null, or text of nothing but spaces."""
    return value is None or (isinstance(value, str) and not value.strip())


def without_blanks(record: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what is the same as absent."""
    return {name: value for name, value in record.items() if not is_blank(value)}


def _declared(means: str, example: Any, *, required: bool = False, warn: Warn | None = None) -> dict[str, Any]:
    """Give what every kind of field hands to marshmallow."""
    return {
        "required": required,
        "metadata": {"description": means, "example": example, "warn": warn},
        "error_messages": {"required": "is missing", "null": "must be text", "invalid": "must be a list of texts"},
    }


class Text(fields.Field[str]):
    """Text. `choices` is a closed list, which refuses others; an `open_list`, printed with "etc", only warns.

    `longest` bounds its length in characters.
    """

    def __init__(
        self,
        means: str,
        *,
        required: bool = False,
        example: str | None = None,
        choices: Sequence[str] | None = None,
        open_list: Sequence[str] | None = None,
        longest: int | None = None,
        warn: Warn | None = None,
    ) -> None:
        listed = choices or open_list
        self.choices, self.open_list, self.longest = choices, open_list, longest
        if open_list:
            warn = partial(_unlisted, listed=open_list)
        shown = example or (listed[0] if listed else None)
        super().__init__(validate=_bounds(choices, longest), **_declared(means, shown, required=required, warn=warn))

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> str:
        if not isinstance(value, str):
            raise ValidationError("must be text")
        if "\x00" in value:
            raise ValidationError("holds a NUL character, which is not text")
        if not value.isascii() and _SURROGATE.search(value):
            raise ValidationError("holds half a character, which is not text")
        return value


class Phone(Text):
    """A phone number, in any written form; one that is none is passed on with a warning."""

    def __init__(self, means: str, *, required: bool = False, example: str = "0359677657") -> None:
        super().__init__(means, required=required, example=example, warn=_no_phone)


class Email(Text):
    """An email address; one that is none is passed on with a warning."""

    def __init__(
        self, means: str, *, required: bool = False, example: str = "dee@bytetech.io", longest: int | None = None
    ) -> None:
        super().__init__(means, required=required, example=example, longest=longest, warn=_no_email)


class TextDate(Text):
    """A day as text, `yyyy-MM-dd`."""

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> str:
        text = super()._deserialize(value, *args, **kwargs)
        if not re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.ASCII) or not _is_date(text):
            raise ValidationError("must be a day like 2001-10-31")
        return text


class Integer(fields.Field[int]):
    """A whole number of 32 bits."""

    bound, kind = _INT32, "a whole number between -2147483648 and 2147483647"

    def __init__(
        self, means: str, *, required: bool = False, example: int | None = None, warn: Warn | None = None
    ) -> None:
        super().__init__(**_declared(means, example, required=required, warn=warn))

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not -self.bound <= value < self.bound:
            raise ValidationError(f"must be {self.kind}")
        return value


class Long(Integer):
    """A whole number of 64 bits."""

    bound, kind = _INT64, "a whole number of at most 64 bits"


class Timestamp(Integer):
    """A point in time: milliseconds since 1970-01-01 UTC, as a whole number."""

    def __init__(self, means: str, *, required: bool = False, example: int = 1584507164000, past: bool = False) -> None:
        """`past` is for times that may well lie before 1973, like a birthday."""
        super().__init__(means, required=required, example=example, warn=None if past else _likely_seconds)

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not _YEAR_1 <= value <= _YEAR_9999:
            raise ValidationError("must be a time in milliseconds since 1970, like 1584507164000")
        return value


class Double(fields.Field[float]):
    """A number."""

    def __init__(self, means: str, *, required: bool = False, example: float | None = None) -> None:
        super().__init__(**_declared(means, example, required=required))

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> float:
        if not isinstance(value, (int, float)) or isinstance(value, bool) or not _is_writable(value):
            raise ValidationError("must be a number")
        return value


class Boolean(fields.Field[bool]):
    """True or false."""

    def __init__(self, means: str, *, example: bool | None = None) -> None:
        super().__init__(**_declared(means, example))

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> bool:
        if not isinstance(value, bool):
            raise ValidationError("must be true or false")
        return value


class TextList(fields.List[str]):
    """A list of texts."""

    def __init__(self, means: str, *, example: Sequence[str] = ("tag1",)) -> None:
        super().__init__(Text(""), **_declared(means, list(example)))


class Parts(fields.Nested):
    """A list of objects of one schema, or with `by_key` an object that maps keys of the sender's to such objects."""

    def __init__(self, schema: type[Schema], means: str, *, example: Any, by_key: bool = False) -> None:
        self.by_key = by_key
        super().__init__(schema, **_declared(means, example, required=True))

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> Any:
        members: Iterable[tuple[Any, Any]]
        if self.by_key and isinstance(value, dict):
            members = value.items()
        elif not self.by_key and isinstance(value, list):
            members = enumerate(value)
        else:
            raise ValidationError(f"must be {'an object of objects' if self.by_key else 'a list of objects'}")
        if errors := {key: wrong for key, part in members if (wrong := self._wrong(part))}:
            raise ValidationError(errors)
        return value

    def _wrong(self, part: Any) -> Any:
        return self.schema.validate(without_blanks(part)) if isinstance(part, dict) else ["must be an object"]


class CustomFields(fields.Field[dict[str, Any]]):
    """The custom fields of one type, by name: `customField01`, `customField02`, ... in two digits or more."""

    def __init__(self, means: str, *, stem: str, of: fields.Field[Any], example: Any) -> None:
        self.names, self.of = re.compile(rf"{stem}\d\d+", re.ASCII), of
        self.first = f"{stem}01"
        super().__init__(**_declared(means, {self.first: example}, warn=self._warn))

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise ValidationError(f"must be an object of custom fields, like {{{self.first}: ...}}")
        errors: dict[Any, Any] = {}
        for name, member in value.items():
            if not self.names.fullmatch(name):
                errors[name] = [f"is no name for this type of custom field; they are called like {self.first}"]
                continue
            try:
                if not is_blank(member):
                    self.of.deserialize(member)
            except ValidationError as error:
                errors[name] = error.messages
        if errors:
            raise ValidationError(errors)
        return value

    def _warn(self, value: Mapping[str, Any]) -> str | None:
        warn = self.of.metadata["warn"]
        sent = without_blanks(value).items() if warn else ()
        return next((f"{name} {said}" for name, member in sent if (said := warn(member))), None)


def _bounds(choices: Sequence[str] | None, longest: int | None) -> list[validate.Validator]:
    bounds: list[validate.Validator] = []
    if choices:
        bounds.append(validate.OneOf(choices, error=f"must be one of: {', '.join(choices)}"))
    if longest:
        bounds.append(validate.Length(max=longest, error=f"is longer than {longest} characters"))
    return bounds


def _unlisted(value: str, listed: Sequence[str]) -> str | None:
    return None if value in listed else f"is none of the values Pango's page lists: {', '.join(listed)}"


def _no_phone(value: str) -> str | None:
    return None if phone_or_none(value) else "is not a phone number, so nobody is found by it"


def _no_email(value: str) -> str | None:
    return None if email_or_none(value) else "is not an email address, so nobody is found by it"


def _likely_seconds(value: int) -> str | None:
    return "looks like seconds; times are in milliseconds" if 0 < value < _MOST_LIKELY_SECONDS else None


def over_32_bits(value: int) -> str | None:
    """Warn of a number that the forms of Pango's console do not admit (page "Textbox")."""
    return None if -_INT32 <= value < _INT32 else "is over 32 bits, which Pango's own forms do not admit"


def _is_writable(number: float) -> bool:
    """Say whether JSON can be written of a number: not of infinity, and not of whole numbers over 64 bits."""
    return isfinite(number) if isinstance(number, float) else -_INT64 <= number < _INT64


def _is_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True
