"""The entity: one record type of Pango's Data Ingestion, with its fields, its rules and its keys."""

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


class Entity(Schema):
    """What every entity says of itself. Keys that no page lists pass through, as in Pango's own sample.

    `object_type` names the entity in a request, `page` the page of Pango's documentation, `known_in_part` what of that
    page was not at hand. `needs` are its conditions: of each, one alternative must be there whole. `key` is its natural
    key, to which internalCompanyId belongs as well. `newest_by` are the timestamps that say which record of a person
    counts: the first that is there. `person` names the fields a person is found by. `keeps_custom_fields` is the page's
    tag SUPPORT_IGNORED_UPDATE_CFS: a request may list custom fields not to overwrite.
    """

    class Meta:
        """Unknown keys pass."""

        unknown = INCLUDE

    object_type: ClassVar[str]
    page: ClassVar[str]
    known_in_part: ClassVar[str] = ""
    keeps_custom_fields: ClassVar[bool] = False
    needs: ClassVar[Sequence[Alternatives]] = ()
    key: ClassVar[tuple[str, ...]]
    newest_by: ClassVar[tuple[str, ...]] = ()
    person: ClassVar[Mapping[str, str]] = {}

    def problems(self, record: Mapping[str, Any]) -> dict[str, str]:
        """Say what is wrong, by field; empty when the record may be sent. Null and blank are the same as absent."""
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
        """Say what is worth telling and no reason to refuse, by field; for records without problems."""
        sent = without_blanks(record)
        return {name: said for name, warn in self._warns.items() if name in sent and (said := warn(sent[name]))}

    @cached_property
    def _required(self) -> list[str]:
        return [name for name, field in self.fields.items() if field.required]

    @cached_property
    def _warns(self) -> dict[str, Warn]:
        return {name: warn for name, field in self.fields.items() if (warn := field.metadata["warn"])}

    def key_of(self, record: Mapping[str, Any]) -> tuple[str, ...]:
        """Give the record's natural key, internalCompanyId first, blank where there is none."""
        sent = without_blanks(record)
        return tuple(str(sent.get(name, "")) for name in ("internalCompanyId", *self.key))


class Sender(Entity):
    """What nearly every entity begins with."""

    timezoneGmt = Integer("The offset of the record's times from GMT in hours, when they are not in GMT.", example=7)
    systemName = Text("The system that sends the record.", example="CRM")


class CompanySender(Sender):
    """The same, of a sender with several companies."""

    internalCompanyId = Text("The company the record belongs to, where one sender has several.", longest=64)


class WithCustomFields(Schema):
    """The custom fields that partners add to a model, one map for each type."""

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
    """Declare the field that deletes: there is no call for it."""
    return Text("Active, or Deleted once the record is gone.", choices=("Active", "Deleted"))


def _problems_of(field: Field[Any], name: str, value: Any) -> Iterable[tuple[str, str]]:
    """Check one value. Marshmallow's own way round costs four times as much, in an import a million times over."""
    try:
        field._deserialize(value, name, None)  # noqa: SLF001
        for validator in field.validators:
            validator(value)
    except ValidationError as error:
        return _flatten({name: error.messages})
    return ()


def _missing(alternatives: Alternatives, sent: Mapping[str, Any]) -> tuple[str, str]:
    """Name the first field whose absence breaks a condition, and say what would satisfy it."""
    ways = ", or ".join(" and ".join(names) for names in alternatives)
    absent = next(name for names in alternatives for name in names if name not in sent)
    return absent, f"is missing: send {ways}"


def _flatten(errors: Mapping[Any, Any], path: str = "") -> Iterator[tuple[str, str]]:
    """Make one line for each field of marshmallow's nested errors."""
    for name, said in errors.items():
        if isinstance(said, Mapping):
            yield from _flatten(said, f"{path}{name}.")
        else:
            yield f"{path}{name}", str(said[0])
