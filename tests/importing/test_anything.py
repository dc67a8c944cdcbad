"""Whatever a file holds: it is read, its rows are rejected, or it is refused in words; nothing else ever happens."""

from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from provider.contract.entities import DOCUMENTED
from provider.errors import ConfigurationError
from provider.records.importing.readers import FileRows
from provider.records.importing.row_conversion import RowConversion

FIELDS = sorted({name for entity in DOCUMENTED.values() for name in entity.fields})
ENTITIES = st.sampled_from(sorted(DOCUMENTED)).map(DOCUMENTED.__getitem__)
TEXTS = st.one_of(
    st.text(max_size=40),
    st.from_regex(r"[+-]?[0-9.,eE+ :/T-]{1,25}Z?", fullmatch=True),
    st.sampled_from(["NaN", "inf", "[", "{}", "[1, null]", '{"customField01": [1]}', "9" * 400, "1e999", "0001-01-01"]),
)
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), TEXTS, st.dates(), st.datetimes(), st.times()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=20), inner, max_size=3)),
    max_leaves=5,
)
ROWS = st.dictionaries(st.one_of(st.sampled_from([*FIELDS, "customField01", "customFieldLong01"]), TEXTS), VALUES)
FORMATS = st.sampled_from([None, "%d/%m/%Y", "%Y", "%H:%M %z"])


@given(ENTITIES, ROWS, st.sampled_from(["VN", "US"]), FORMATS)
def test_any_row_is_converted(entity, row, region, time_format):
    """Any row of any values becomes a record that can be checked, or has its problems told."""
    record, problems = RowConversion(entity, {}, region=region, time_format=time_format, keeps_unknown=True)(row)
    found = {**entity.problems(record), **problems}
    assert all(isinstance(said, str) and said for said in found.values())
    if not found:
        assert isinstance(entity.warnings(record), dict)


CONTENTS = st.one_of(
    st.binary(max_size=300),
    st.lists(
        st.sampled_from([b"a,b", b'"', b",", b"\n", b"\r", b"x", b"\xff", b"\x00", "ế".encode(), b";", b"{}"])
    ).map(b"".join),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(CONTENTS, st.sampled_from(["a.csv", "a.tsv", "a.jsonl", "a.xlsx"]))
def test_any_file_is_read_or_refused(tmp_path: Path, content, name):
    """Any bytes under any name are read as rows with rising numbers, or refused in words."""
    file = tmp_path / name
    file.write_bytes(content)
    try:
        with FileRows(file) as rows:
            numbers = [number for number, _ in rows]
    except ConfigurationError:
        return
    assert numbers == sorted(set(numbers))
