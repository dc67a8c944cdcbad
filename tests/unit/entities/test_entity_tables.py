"""The tables of the entities: a field is one line, in its schema."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pango_tables import example
from sqlalchemy import UniqueConstraint

from provider.contract.entities import DOCUMENTED
from provider.store.entity_tables import TABLES, record_of, row_of
from provider.store.table_base import Base

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
every_entity = pytest.mark.parametrize("name", DOCUMENTED)


def test_the_documented_entities_have_tables():
    """Each entity whose page is known whole has a table, and no other has."""
    assert TABLES.keys() == DOCUMENTED.keys()
    for name, table in TABLES.items():
        assert table.name == f"provider_{name.replace('-', '_')}"
        assert Base.metadata.tables[table.name] is table


@every_entity
def test_adding_a_field_is_one_line(name):
    """A table's columns are its schema's fields and the helpers of lookups: nothing else names a field."""
    entity = DOCUMENTED[name]
    helpers = {"row_id", "unlisted", "newest_at", "stored_at"}
    helpers |= {f"{identifier}_key" for identifier in ("phone", "email") if identifier in entity.person}
    assert {column.name for column in TABLES[name].columns} == entity.fields.keys() | helpers
    assert not entity.fields.keys() & helpers


@every_entity
def test_a_key_is_unique_within_its_company(name):
    """An entity's natural key is unique together with internalCompanyId, and none of it can be null."""
    [unique] = [found for found in TABLES[name].constraints if isinstance(found, UniqueConstraint)]
    assert {column.name for column in unique.columns} == {*DOCUMENTED[name].key, "internalCompanyId"}
    assert not any(column.nullable for column in unique.columns)
    for field in DOCUMENTED[name].key:
        assert DOCUMENTED[name].fields[field].required


@every_entity
def test_the_ways_to_a_person_are_indexed(name):
    """Each field that a person is found by begins an index, which gives the newest record first."""
    entity, table = DOCUMENTED[name], TABLES[name]
    begun = {next(iter(found.columns)).name for found in (*table.indexes, *table.constraints) if found.columns}
    for identifier, field in entity.person.items():
        assert (field if identifier == "customerId" else f"{identifier}_key") in begun
        assert field in entity.fields


@every_entity
@given(data=st.data())
def test_a_row_gives_back_its_record(name, data):
    """A record comes out of its row as it went in, but for what is blank; a person is found by canonical forms."""
    entity = DOCUMENTED[name]
    whole = example(entity) | {"unlistedKey": {"a": 1}}
    blank = data.draw(st.sets(st.sampled_from(sorted(whole.keys() - set(entity.key)))))
    value = data.draw(st.sampled_from([None, "", "  "]))
    row = row_of(entity, whole | dict.fromkeys(blank & entity.fields.keys(), value), region="VN", now=NOON)
    assert record_of(entity, row) == {
        key: value for key, value in whole.items() if key not in blank & entity.fields.keys()
    }
    assert set(row) == {column.name for column in TABLES[name].columns} - {"row_id"}
    for identifier, found in (("phone", "+84359677657"), ("email", "dee@bytetech.io")):
        if identifier in entity.person:
            assert row[f"{identifier}_key"] == (None if entity.person[identifier] in blank else found)


@pytest.mark.parametrize("name", [name for name, entity in DOCUMENTED.items() if entity.newest_by])
def test_the_newest_is_told_by_the_first_time_there_is(name):
    """The newest of a person's records is told by the entity's own times in their order, else by when it came."""
    entity = DOCUMENTED[name]
    whole = example(entity) | {field: 1000 + place for place, field in enumerate(entity.newest_by)}
    for place, field in enumerate(entity.newest_by):
        assert row_of(entity, whole, region="VN", now=NOON)["newest_at"] == 1000 + place
        whole[field] = None
    assert row_of(entity, whole, region="VN", now=NOON)["newest_at"] == NOON.timestamp() * 1000
