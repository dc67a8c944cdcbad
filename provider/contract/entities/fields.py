"""The types of an entity's fields, as Pango's entity pages list them under "Type".

The first argument of every field is its meaning. `required` is as the page says, `example` is a valid value.
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
"""The most characters of a text in a key: an index of MySQL has at most 3,072 bytes."""

_INT32, _INT64 = 2**31, 2**63
_YEAR_1, _YEAR_9999 = -62_135_596_800_000, 253_402_300_799_999
_LIKELY_SECONDS_BELOW = 100_000_000_000
"""In milliseconds, smaller values are before March 1973: the sender probably sent seconds."""

_SURROGATE = re.compile("[\ud800-\udfff]")
"""Half a character of UTF-16: JSON can hold it, UTF-8 cannot."""

Warn = Callable[[Any], str | None]


def is_blank(value: Any) -> bool:
    """Return whether a value counts as absent: null, or text of spaces only."""
    return value is None or (isinstance(value, str) and not value.strip())


def without_blanks(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return the record without blank values."""
    return {name: value for name, value in record.items() if not is_blank(value)}


def _options(meaning: str, example: Any, *, required: bool = False, warn: Warn | None = None) -> dict[str, Any]:
    """Return marshmallow's options for a field of any kind."""
    return {
        "required": required,
        "metadata": {"description": meaning, "example": example, "warn": warn},
        "error_messages": {"required": "is missing", "null": "must be text", "invalid": "must be a list of texts"},
    }


class Text(fields.Field[str]):
    """Text of at most `longest` characters.

    With `choices`, other values are refused; with an `open_list` (the page prints "etc"), they only give a warning.
    """

    def __init__(
        self,
        meaning: str,
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
        super().__init__(validate=_bounds(choices, longest), **_options(meaning, shown, required=required, warn=warn))

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> str:
        if not isinstance(value, str):
            raise ValidationError("must be text")
        if "\x00" in value:
            raise ValidationError("holds a NUL character, which is not text")
        if not value.isascii() and _SURROGATE.search(value):
            raise ValidationError("holds half a character, which is not text")
        return value


class PhoneText(Text):
    """A phone number in any written form; text that is no phone number gives a warning."""

    def __init__(self, meaning: str, *, required: bool = False, example: str = "0359677657") -> None:
        super().__init__(meaning, required=required, example=example, warn=_no_phone)


class EmailText(Text):
    """An email address; text that is not one gives a warning."""

    def __init__(
        self, meaning: str, *, required: bool = False, example: str = "dee@bytetech.io", longest: int | None = None
    ) -> None:
        super().__init__(meaning, required=required, example=example, longest=longest, warn=_no_email)


class TextDate(Text):
    """A day as text, `yyyy-MM-dd`."""

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> str:
        text = super()._deserialize(value, *args, **kwargs)
        if not _is_date(text):
            raise ValidationError("must be a day like 2001-10-31")
        return text


class Integer(fields.Field[int]):
    """A whole number of 32 bits."""

    lowest, highest, kind = -_INT32, _INT32 - 1, "a whole number between -2147483648 and 2147483647"

    def __init__(
        self, meaning: str, *, required: bool = False, example: int | None = None, warn: Warn | None = None
    ) -> None:
        super().__init__(**_options(meaning, example, required=required, warn=warn))

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not self.lowest <= value <= self.highest:
            raise ValidationError(f"must be {self.kind}")
        return value


class Long(Integer):
    """A whole number of 64 bits."""

    lowest, highest, kind = -_INT64, _INT64 - 1, "a whole number of at most 64 bits"


class Timestamp(Integer):
    """A point in time: milliseconds since 1970-01-01 UTC, as a whole number."""

    lowest, highest, kind = _YEAR_1, _YEAR_9999, "a time in milliseconds since 1970, like 1584507164000"

    def __init__(
        self, meaning: str, *, required: bool = False, example: int = 1584507164000, past: bool = False
    ) -> None:
        """Make the field; `past` is for times that may lie before 1973, like a birthday."""
        super().__init__(meaning, required=required, example=example, warn=None if past else _likely_seconds)


class Double(fields.Field[float]):
    """A number."""

    def __init__(self, meaning: str, *, required: bool = False, example: float | None = None) -> None:
        super().__init__(**_options(meaning, example, required=required))

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> float:
        if not isinstance(value, (int, float)) or isinstance(value, bool) or not _is_writable(value):
            raise ValidationError("must be a number")
        return value


class Boolean(fields.Field[bool]):
    """True or false."""

    def __init__(self, meaning: str, *, example: bool | None = None) -> None:
        super().__init__(**_options(meaning, example))

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> bool:
        if not isinstance(value, bool):
            raise ValidationError("must be true or false")
        return value


class TextList(fields.List[str]):
    """A list of texts."""

    def __init__(self, meaning: str, *, example: Sequence[str] = ("tag1",)) -> None:
        super().__init__(Text(""), **_options(meaning, list(example)))


class Parts(fields.Nested):
    """A list of objects of one schema; with `by_key`, an object that maps the sender's keys to such objects."""

    def __init__(self, schema: type[Schema], meaning: str, *, example: Any, by_key: bool = False) -> None:
        self.by_key = by_key
        super().__init__(schema, **_options(meaning, example, required=True))

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> Any:
        members: Iterable[tuple[Any, Any]]
        if self.by_key and isinstance(value, dict):
            members = value.items()
        elif not self.by_key and isinstance(value, list):
            members = enumerate(value)
        else:
            raise ValidationError(f"must be {'an object of objects' if self.by_key else 'a list of objects'}")
        if errors := {key: problems for key, part in members if (problems := self._problems(part))}:
            raise ValidationError(errors)
        return value

    def _problems(self, part: Any) -> Any:
        return self.schema.validate(without_blanks(part)) if isinstance(part, dict) else ["must be an object"]


class CustomFields(fields.Field[dict[str, Any]]):
    """Custom fields of one type, by name: `customField01`, `customField02` and so on, with two digits or more."""

    def __init__(self, meaning: str, *, stem: str, of: fields.Field[Any], example: Any) -> None:
        self.names, self.of = re.compile(rf"{stem}\d\d+", re.ASCII), of
        self.first = f"{stem}01"
        super().__init__(**_options(meaning, {self.first: example}, warn=self._warn))

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
        return next((f"{name} {message}" for name, member in sent if (message := warn(member))), None)


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
    return "looks like seconds; times are in milliseconds" if 0 < value < _LIKELY_SECONDS_BELOW else None


def over_32_bits(value: int) -> str | None:
    """Warn of a number that the forms of Pango's console do not accept (page "Textbox")."""
    return None if -_INT32 <= value < _INT32 else "is over 32 bits, which Pango's own forms do not admit"


def _is_writable(number: float) -> bool:
    """Return whether JSON can hold a number: not infinity, and not a whole number over 64 bits."""
    return isfinite(number) if isinstance(number, float) else -_INT64 <= number < _INT64


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text  # it reads other forms of ISO 8601 too
    except ValueError:
        return False
