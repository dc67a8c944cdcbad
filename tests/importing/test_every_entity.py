"""Every entity with a table: whole records come in whole, and each rule that is broken is told by its field."""

import orjson
import pytest
from records import example, rejected_rows, write_csv, write_excel, write_lines

from provider.contract.entities import DOCUMENTED, fields

OBJECT_TYPES = sorted(DOCUMENTED)
WRITERS = {"records.csv": write_csv, "records.jsonl": write_lines, "records.xlsx": write_excel}
BREAKS = {
    fields.TextDate: "2001-02-30",
    fields.Timestamp: "soon",
    fields.Integer: "2.5",
    fields.Double: "a lot",
    fields.Boolean: "perhaps",
    fields.CustomFields: '{"another": "name"}',
}


@pytest.mark.parametrize("file", WRITERS)
@pytest.mark.parametrize("object_type", OBJECT_TYPES)
def test_a_whole_record_comes_in_whole(sqlite, tmp_path, object_type, file):
    """The example of every field, from CSV, JSON Lines or Excel, is the record that is stored."""
    record = example(object_type)
    counts = sqlite.load(WRITERS[file](tmp_path / file, record), object_type)
    assert (counts.reasons, counts.stored) == ({}, 1)
    assert sqlite.records(object_type) == [record]


@pytest.mark.parametrize("object_type", OBJECT_TYPES)
def test_every_database_takes_it(store, tmp_path, object_type):
    """Each database stores every entity whole, once new and once over what is there."""
    record = example(object_type)
    file = write_csv(tmp_path / "records.csv", record)
    store.load(file, object_type)
    store.load(file, object_type)
    assert store.records(object_type) == [record]


def breaks(object_type):
    """Give of an entity each rule: the field that is named when it is broken, the fields to fill and with what."""
    entity = DOCUMENTED[object_type]
    for name, field in entity.fields.items():
        if field.required:
            yield name, [name], ""
        if getattr(field, "choices", None):
            yield name, [name], "none of them"
        if longest := getattr(field, "longest", None):
            yield name, [name], "x" * (longest + 1)
        if wrong := next((value for kind, value in BREAKS.items() if isinstance(field, kind)), None):
            yield name, [name], wrong
    for alternatives in entity.needs:
        names = [name for names in alternatives for name in names]
        yield names[0], names, ""


@pytest.mark.parametrize("object_type", OBJECT_TYPES)
def test_a_broken_rule_is_told_by_its_field(sqlite, tmp_path, object_type):
    """A record that breaks one rule is rejected for that field and no other; the sound one beside it is stored."""
    record = {
        name: orjson.dumps(value).decode() if isinstance(value, dict) else value
        for name, value in example(object_type).items()
    }
    broken = list(breaks(object_type))
    assert len(broken) > len(DOCUMENTED[object_type].key)
    rows = [record | dict.fromkeys(names, value) for _, names, value in broken]
    file = write_csv(tmp_path / "records.csv", record, *rows)
    counts = sqlite.load(file, object_type)
    assert (counts.stored, counts.rejected) == (1, len(broken))
    assert sum(counts.reasons.values()) == len(broken)
    title = "rejection" if "reason" in record else "reason"
    for (name, _, value), row in zip(broken, rejected_rows(file), strict=True):
        assert row[title].startswith(name), (name, value)
