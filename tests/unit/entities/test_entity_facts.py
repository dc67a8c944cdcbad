"""The schemas against Pango's own tables, field by field, both ways."""

from itertools import product

import pytest
from pango_tables import CUSTOM_FIELDS, FACTS, PARTS, SCHEMAS, example, fields_of

from provider.contract.entities import DOCUMENTED, ENTITIES, fields

KINDS = {
    "string": fields.Text,
    "text_date": fields.TextDate,
    "integer": fields.Integer,
    "long": fields.Long,
    "double": fields.Double,
    "boolean": fields.Boolean,
    "timestamp_ms": fields.Timestamp,
    "list_of_string": fields.TextList,
    "list_of_object": fields.Parts,
    "map_of_object": fields.Parts,
}

CONDITION = "Required says Yes, the text beside it names a condition: the condition is the rule"
DIFFERENCES = {
    **{
        ("customer-identity", name, "required"): CONDITION
        for name in ("phone", "email", "fullName", "firstName", "lastName")
    },
    **{("customer-relationship", name, "required"): CONDITION for name in ("fullName", "firstName")},
    **{
        (f"customer-product-{kind}", "customerPhone", "required"): CONDITION
        for kind in ("activity", "comment", "review", "subscriber")
    },
    ("custom-model", "recordStatus", "closed list"): "the page's row was seen in part: read as on every other page",
}
"""Where a schema says something else than the cell, on purpose, and why."""


def differences(name):
    """Hold the fields of one schema against its table; name what differs."""
    ours = SCHEMAS[name].fields
    theirs = FACTS[name]["fields"]
    custom = CUSTOM_FIELDS if FACTS[name]["custom_fields"] else set()
    found = {(name, field, "only there") for field in theirs.keys() - ours.keys()}
    found |= {(name, field, "only here") for field in ours.keys() - theirs.keys() - custom}
    found |= {(name, field, "only there") for field in custom - ours.keys()}
    for field, fact in theirs.items():
        if field not in ours:
            continue
        made = ours[field]
        right = KINDS[fact["type"]]
        same = isinstance(made, fields.Text) and not isinstance(made, fields.TextDate)
        if type(made) is not right and not (right is fields.Text and same):
            found.add((name, field, "type"))
        if made.required != fact["required"]:
            found.add((name, field, "required"))
        listed = set(fact.get("enum", ()))
        if set(getattr(made, "choices", None) or ()) != (set() if fact.get("enum_open") else listed):
            found.add((name, field, "closed list"))
        if set(getattr(made, "open_list", None) or ()) != (listed if fact.get("enum_open") else set()):
            found.add((name, field, "open list"))
        if part := fact.get("item_entity"):
            assert made.by_key == (fact["type"] == "map_of_object")
            assert type(made.schema) is type(PARTS[part])
    return found


def test_no_field_differs_but_on_purpose():
    """Every field is there, none is extra, and type, required mark and lists are the page's or a reason is given."""
    found = set().union(*(differences(name) for name in FACTS))
    assert sorted(found ^ DIFFERENCES.keys()) == []


def test_every_table_has_its_schema():
    """Each of Pango's tables is an entity or a part of one, and nothing else is."""
    assert FACTS.keys() == SCHEMAS.keys()


@pytest.mark.parametrize("name", ENTITIES)
def test_the_tag_and_the_gaps_are_the_pages(name):
    """An entity says whether its page carries SUPPORT_IGNORED_UPDATE_CFS; one whose page was cut says so."""
    entity, facts = ENTITIES[name], FACTS[name]
    assert entity.object_type == name
    assert entity.keeps_custom_fields == facts["support_ignored_update_cfs"]
    if not facts["complete"]:
        assert entity.known_in_part
    if name in DOCUMENTED:
        assert facts["complete"]
        assert not entity.known_in_part


@pytest.mark.parametrize("name", ENTITIES)
def test_conditions_are_the_pages(name):
    """Whichever of the conditional fields are there: a record is refused when the page's conditions are broken."""
    conditional = {field: fact for field, fact in fields_of(name) if "required_without" in fact or group_of(fact)}
    whole = example(ENTITIES[name])
    for present in product([True, False], repeat=len(conditional)):
        there = {field for field, kept in zip(conditional, present, strict=True) if kept}
        record = {field: value for field, value in whole.items() if field not in conditional or field in there}
        broken = any(
            field not in there and (group_of(fact) or not there.intersection(fact["required_without"]))
            for field, fact in conditional.items()
        )
        problems = ENTITIES[name].problems(record)
        assert bool(problems) == broken, there
        assert problems.keys() <= conditional.keys() - there
        assert all(text.startswith("is missing: send ") for text in problems.values())


def group_of(fact):
    """Give the fields of which the page asks for "at least" all, though their Required cells are blank."""
    return fact.get("required_group")


def test_every_field_explains_itself():
    """Every field of every schema says what it means, and shows a value where one is needed."""
    for name, schema in SCHEMAS.items():
        for field, made in schema.fields.items():
            assert made.metadata["description"].endswith("."), (name, field)
            assert made.metadata["example"] is not None or not made.required, (name, field)
