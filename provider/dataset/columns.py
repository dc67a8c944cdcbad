"""What a table's dataset declares: the column of an identifier, a field of the record, a constant."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from provider.dataset.conversion import CONVERSIONS, Convert, lenient, nothing
from provider.dataset.masks import MASKS, mask
from provider.errors import ConfigurationError

PHONE_FORMS = ("national", "e164", "international")


@dataclass(frozen=True)
class Column:
    """An identifier's column and how the table stores it.

    `stored_as` lists the forms of a phone: `national` 0359677657, `e164` +84359677657, `international` 84359677657.
    `case_insensitive` compares in lower case, on the database's side too: an index on lower(column) keeps that fast.
    `expression` is SQL to compare with in place of the column, for phones stored with blanks or dashes:
    "replace(replace(mobile, ' ', ''), '-', '')"; an index on the same expression keeps that fast.
    """

    name: str
    stored_as: Sequence[str] = ("national",)
    case_insensitive: bool = False
    expression: str | None = None

    def __post_init__(self) -> None:
        if isinstance(self.stored_as, str):
            raise ConfigurationError(f"stored_as is a list: write stored_as=({self.stored_as!r},).")
        if unknown := sorted(set(self.stored_as) - set(PHONE_FORMS)):
            raise ConfigurationError(f"stored_as cannot be {unknown[0]!r}. Choose among: {', '.join(PHONE_FORMS)}.")
        if not self.stored_as:
            raise ConfigurationError(f"stored_as is empty. Choose among: {', '.join(PHONE_FORMS)}.")


@dataclass(frozen=True)
class Field:
    """A record's field: a column, and what is done with its value, in the order of the parameters.

    `convert` is a function, or the name of what the value becomes: `text`, `integer`, `number`, `boolean`, `date`,
    `datetime`, or `epoch_ms` for a datetime from milliseconds since 1970. A value that cannot be converted is left out.
    `values` maps what the table holds to what is shown; every other value is shown as `otherwise`. `mask` is `last4`,
    `hash`, `year` or `hide`.
    """

    column: str
    convert: str | Callable[[Any], Any] | None = None
    values: Mapping[Any, Any] | None = None
    otherwise: Any = None
    mask: str | None = None

    def __post_init__(self) -> None:
        if isinstance(self.convert, str) and self.convert not in CONVERSIONS:
            raise ConfigurationError(f"convert cannot be {self.convert!r}. Choose among: {', '.join(CONVERSIONS)}.")
        if self.mask is not None and self.mask not in MASKS:
            raise ConfigurationError(f"mask cannot be {self.mask!r}. Choose among: {', '.join(MASKS)}.")

    def conversion(self, driver: Convert | None, hash_key: bytes) -> Convert | None:
        """Return the function that converts a value that is not null; None when values stay as they are."""
        steps = [driver] if driver else []
        if self.convert is not None:
            convert = CONVERSIONS[self.convert] if isinstance(self.convert, str) else self.convert
            steps.append(lenient(convert, nothing))
        if (values := self.values) is not None:
            # An array cannot be looked up in a mapping.
            steps.append(lenient(lambda value: values.get(value, self.otherwise), lambda _: self.otherwise))
        if (how := self.mask) is not None:
            steps.append(lambda value: mask(value, how, hash_key))
        if len(steps) <= 1:
            return steps[0] if steps else None

        def convert_all(value: Any) -> Any:
            for step in steps:
                value = None if value is None else step(value)
            return value

        return convert_all


@dataclass(frozen=True)
class Constant:
    """A field that is the same in every record."""

    value: Any
