"""The base classes of entities: record types of Pango's Data Ingestion, with fields, rules and keys."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, ClassVar

from marshmallow import INCLUDE, Schema, ValidationError
from marshmallow.fields import Field

from provider.contract.entities.fields import (
    CustomFields,
    Integer,
    Long,
    Text,
    TextList,
    Timestamp,
    Warn,
    over_32_bits,
    without_blanks,
)

Alternatives = Sequence[Sequence[str]]


class OpenSchema(Schema):
    """A schema that accepts unknown keys, because Pango's own samples have some."""

    class Meta:
        """Marshmallow's options."""

        unknown = INCLUDE


class Entity(OpenSchema):
    """A record type of Pango. Keys that its page does not list are accepted.

    `object_type` is its name in a request, `page` the page of Pango's documentation, and `known_in_part` says what of
    that page we could not read. Each condition of `needs` lists alternatives: all fields of at least one must be there.
    `key` and internalCompanyId are the natural key. `newest_by` are the timestamps that say which record of a person is
    the newest: the first one that is set counts. `person` maps identifiers to the fields that hold them.
    `keeps_custom_fields` is the page's tag SUPPORT_IGNORED_UPDATE_CFS: a request may list custom fields that must not
    be overwritten.
    """

    object_type: ClassVar[str]
    page: ClassVar[str]
    known_in_part: ClassVar[str] = ""
    keeps_custom_fields: ClassVar[bool] = False
    needs: ClassVar[Sequence[Alternatives]] = ()
    key: ClassVar[tuple[str, ...]]
    newest_by: ClassVar[tuple[str, ...]] = ()
    person: ClassVar[Mapping[str, str]] = {}

    def problems(self, record: Mapping[str, Any]) -> dict[str, str]:
        """Return what is wrong, by field; empty when the record may be sent. Null and blank count as absent."""
        sent = without_blanks(record)
        wrong = {name: "is missing" for name in self._required if name not in sent}
        for name, value in sent.items():
            if field := self.fields.get(name):
                wrong.update(_problems_of(field, name, value))
        for alternatives in self.needs:
            if not any(all(name in sent for name in names) for names in alternatives):
                wrong.setdefault(*_missing(alternatives, sent))
        return wrong

    def warnings(self, record: Mapping[str, Any]) -> dict[str, str]:
        """Return warnings by field, for a record without problems. A record with warnings is not refused."""
        sent = without_blanks(record)
        return {name: message for name, warn in self._warns.items() if name in sent and (message := warn(sent[name]))}

    @cached_property
    def _required(self) -> list[str]:
        return [name for name, field in self.fields.items() if field.required]

    @cached_property
    def _warns(self) -> dict[str, Warn]:
        return {name: warn for name, field in self.fields.items() if (warn := field.metadata["warn"])}

    def key_of(self, record: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the record's natural key, internalCompanyId first; an absent field is blank."""
        sent = without_blanks(record)
        return tuple(str(sent.get(name, "")) for name in ("internalCompanyId", *self.key))


class Sender(Entity):
    """The fields that nearly every entity begins with."""

    timezoneGmt = Integer("The offset of the record's times from GMT in hours, when they are not in GMT.", example=7)
    systemName = Text("The system that sends the record.", example="CRM")


class CompanySender(Sender):
    """The same fields, and the company, for senders that have several."""

    internalCompanyId = Text("The company the record belongs to, where one sender has several.", longest=64)


class WithCustomFields(Schema):
    """The custom fields of a model, in one map for each type."""

    customFieldTexts = CustomFields("Custom fields of text.", stem="customField", of=Text(""), example="tag:question")
    customFieldLongs = CustomFields(
        "Custom fields of whole numbers.", stem="customFieldLong", of=Long("", warn=over_32_bits), example=12
    )
    customFieldTimestamps = CustomFields(
        "Custom fields of times, in milliseconds.",
        stem="customFieldTimestamp",
        of=Timestamp(""),
        example=1584507164000,
    )
    customFieldListTexts = CustomFields(
        "Custom fields of lists of text.", stem="customFieldList", of=TextList(""), example=["tag1"]
    )


def record_status() -> Text:
    """Make the field that marks a record as deleted: Pango has no call to delete."""
    return Text("Active, or Deleted once the record is gone.", choices=("Active", "Deleted"))


def _problems_of(field: Field[Any], name: str, value: Any) -> Iterable[tuple[str, str]]:
    """Check one value; marshmallow's own `deserialize` takes four times as long, which an import feels."""
    try:
        field._deserialize(value, name, None)  # noqa: SLF001
        for validator in field.validators:
            validator(value)
    except ValidationError as error:
        return _flatten({name: error.messages})
    return ()


def _missing(alternatives: Alternatives, sent: Mapping[str, Any]) -> tuple[str, str]:
    """Return the first absent field of a broken condition, and a message with the alternatives."""
    ways = ", or ".join(" and ".join(names) for names in alternatives)
    absent = next(name for names in alternatives for name in names if name not in sent)
    return absent, f"is missing: send {ways}"


def _flatten(errors: Mapping[Any, Any], path: str = "") -> Iterator[tuple[str, str]]:
    """Flatten marshmallow's nested errors: one path and one message for each field."""
    for name, error in errors.items():
        if isinstance(error, Mapping):
            yield from _flatten(error, f"{path}{name}.")
        else:
            yield f"{path}{name}", str(error[0])
