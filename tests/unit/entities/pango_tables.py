"""Pango's entity tables as facts, and records made of what our schemas say of themselves."""

import copy
from pathlib import Path
from typing import Any

import orjson
from marshmallow import Schema

from provider.contract.entities import ENTITIES, Entity
from provider.contract.entities.meta import MetaSurveyQuestion
from provider.contract.entities.transaction import OrderItem

HERE = Path(__file__).parent
FACTS: dict[str, Any] = orjson.loads((HERE / "facts.json").read_bytes())
"""By objectType, or by the name of a part: each field as Pango's page prints it."""

PARTS: dict[str, Schema] = {"order-item": OrderItem(), "meta-survey-question": MetaSurveyQuestion()}
SCHEMAS: dict[str, Schema] = {name: type(entity)() for name, entity in ENTITIES.items()} | PARTS
"""Made anew from their classes: a partner's own fields are added to the entities, and are on no page of Pango's."""

CUSTOM_FIELDS = {"customFieldTexts", "customFieldLongs", "customFieldTimestamps", "customFieldListTexts"}
"""The maps that the marker row "Custom Fields" stands for."""


def example(entity: Entity) -> dict[str, Any]:
    """Make a record with every field, each as its schema's example shows it."""
    shown = {name: field.metadata["example"] for name, field in entity.fields.items()}
    return copy.deepcopy({name: value for name, value in shown.items() if value is not None})


def fields_of(name: str) -> list[tuple[str, dict[str, Any]]]:
    """List the fields of one of Pango's tables."""
    return list(FACTS[name]["fields"].items())
