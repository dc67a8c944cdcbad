"""One lookup: raw parameters in, one person's record out. It knows neither HTTP nor the database."""

import unicodedata
from collections.abc import Mapping
from typing import Any

from marshmallow import EXCLUDE, Schema, ValidationError

from provider.contract.identity import canonical_email, canonical_phone
from provider.dataset import Dataset, Query
from provider.errors import InvalidRequest, MissingIdentifier, NotFound
from provider.records.people.suppression import Suppressed


def lookup(
    dataset: Dataset,
    raw: Mapping[str, object],
    *,
    region: str = "VN",
    visible: Mapping[str, str | None] | None = None,
    suppressed: Suppressed | None = None,
) -> dict[str, Any]:
    """Answer one lookup with a flat record.

    `raw` holds the parameters as they were sent; unknown ones are ignored, blank ones count as not sent. `region` is
    the country of phones without a country code. `visible` names the fields the caller may see, each with its mask;
    None for all fields without masks. Raises NotFound when nobody matches or the person is suppressed,
    MissingIdentifier, InvalidPhone, InvalidEmail, InvalidRequest for a parameter, and every ProviderError of the
    dataset.
    """
    query = parse_query(dataset, raw, region=region)
    if suppressed and suppressed.include(query):
        raise NotFound
    found = dataset.fetch(query)
    if found is None:
        raise NotFound
    record = dataset.answer(found, visible)
    if suppressed:
        unmasked = record if visible is None else dataset.answer(found)
        if any(map(suppressed.include_record, unmasked["items"] if dataset.shape == "list" else [unmasked])):
            raise NotFound
    return record


def parse_query(dataset: Dataset, raw: Mapping[str, object], *, region: str = "VN") -> Query:
    """Clean the identifiers and validate the dataset's own parameters."""
    sent = {name: text for name in dataset.identifiers if (text := _text(name, raw.get(name))) is not None}
    if not sent:
        raise MissingIdentifier(f"Say whose data is wanted: send {' or '.join(dataset.identifiers)}.")
    phone, email = sent.pop("phone", None), sent.pop("email", None)
    return Query(
        phone=canonical_phone(phone, region=region) if phone is not None else None,
        email=canonical_email(email) if email is not None else None,
        identifiers=sent,
        parameters=_validated(dataset.parameters, raw) if dataset.parameters else {},
    )


def _text(name: str, value: object) -> str | None:
    """Return an identifier as clean text, None when it is not sent."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if value is None:
        return None
    if not isinstance(value, str):
        raise InvalidRequest(f"{name} must be text.")
    return _clean(name, value)


def _clean(name: str, value: str) -> str | None:
    """Trim and normalise text, None when it is blank; InvalidRequest for NUL and undecodable bytes."""
    if not value.isascii():
        value = unicodedata.normalize("NFC", value)
    if "\x00" in value or "\ufffd" in value:
        raise InvalidRequest(f"{name} holds a character that is not text.")
    return value.strip() or None


def _validated(schema: Schema, raw: Mapping[str, object]) -> Mapping[str, Any]:
    sent: dict[str, Any] = {}
    for attribute, field in schema.load_fields.items():
        name = field.data_key or attribute
        value = raw.get(name)
        if isinstance(value, str):
            value = _clean(name, value)
        elif isinstance(value, (dict, list)):
            raise InvalidRequest(f"{name} must be text, a number or a boolean.")
        if value is not None:
            sent[name] = value
    try:
        loaded: Mapping[str, Any] = schema.load(sent, unknown=EXCLUDE)
    except ValidationError as error:
        raise InvalidRequest(_explain(error)) from None
    return loaded


def _explain(error: ValidationError) -> str:
    messages = error.messages_dict
    return " ".join(
        f"{name}: {' '.join(str(reason) for reason in reasons)}" if isinstance(reasons, list) else f"{name}: invalid."
        for name, reasons in messages.items()
    )
