"""What an entity says of a record: each fault alone is named by its field, in words."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pango_tables import FACTS, HERE, example, fields_of

from provider.contract.entities import ENTITIES

NUL, HALF = "a\x00b", "a\ud800b"

WRONG = {
    "string": ([1, 1.5, True, ["a"], {"a": "b"}], "must be text"),
    "text_date": (["2001-13-01", "2001-02-30", "31/10/2001", "2001-10-31T00:00:00", "20011031", "\uff12001-10-31"],
                  "must be a day like 2001-10-31"),
    "integer": ([True, "1", 1.0, 1.5, [1], 2**31, -(2**31) - 1, float("nan")],
                "must be a whole number between -2147483648 and 2147483647"),
    "long": ([False, "1", 1.0, 2**63, -(2**63) - 1, {}], "must be a whole number of at most 64 bits"),
    "double": ([True, "1.5", [], float("nan"), float("inf"), -float("inf"), 2**64, 10**400], "must be a number"),
    "boolean": (["true", 1, 0, "yes", []], "must be true or false"),
    "timestamp_ms": (
        ["1584507164000", "2020-03-18", "2020-03-18T04:52:44Z", 1584507164.5, True, 10**15, -(10**14)],
        "must be a time in milliseconds since 1970, like 1584507164000",
    ),
    "list_of_string": (["tag1", {"0": "tag1"}, 1, True], "must be a list of texts"),
    "list_of_object": ([{}, "item", 1], "must be a list of objects"),
    "map_of_object": ([[], "question", 1], "must be an object of objects"),
}  # fmt: skip
"""Values that are not of a type, and what is said of them."""

EDGES = {
    "integer": [2**31 - 1, -(2**31), 0],
    "long": [2**63 - 1, -(2**63), 0],
    "double": [0, 1, -1.5, 1e308, 2**63 - 1],
    "timestamp_ms": [0, -62135596800000, 253402300799999],
    "text_date": ["2000-02-29", "0001-01-01"],
}
"""The outermost values of a type."""

every_entity = pytest.mark.parametrize("name", ENTITIES)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def problems(name, /, **changes):
    """Change fields of the full example; say what is wrong with it then."""
    return ENTITIES[name].problems(example(ENTITIES[name]) | changes)


@every_entity
def test_the_example_may_be_sent(name):
    """A record made of every field's own example has no problems and is worth no warning."""
    record = example(ENTITIES[name])
    assert set(record) >= {field for field, fact in fields_of(name) if fact["required"]}
    assert ENTITIES[name].problems(record) == {}
    assert ENTITIES[name].warnings(record) == {}


@every_entity
@pytest.mark.parametrize("absent", [None, "", "   ", ...], ids=["null", "blank", "spaces", "left out"])
def test_a_required_field_is_missed(name, absent):
    """Each required field left out is named; null and blank are the same as left out."""
    record = example(ENTITIES[name])
    for field, kind in ENTITIES[name].fields.items():
        if kind.required:
            lacking = {key: value for key, value in record.items() if key != field}
            if absent is not ...:
                lacking[field] = absent
            assert ENTITIES[name].problems(lacking) == {field: "is missing"}


def test_a_broken_condition_names_its_alternatives():
    """Where one of several fields is needed, the first is missed, and all ways to mend it are told."""
    names = ("phone", "email", "fullName", "firstName", "lastName")
    assert problems("customer-identity", **dict.fromkeys(names)) == {
        "phone": "is missing: send phone, or email",
        "fullName": "is missing: send fullName, or firstName and lastName",
    }


@every_entity
@pytest.mark.parametrize("absent", [None, "", "   "], ids=["null", "blank", "spaces"])
def test_a_field_that_is_not_required_may_be_blank(name, absent):
    """Null and blank are no fault of any type, and no reason for a warning."""
    entity = ENTITIES[name]
    conditional = {field for alternatives in entity.needs for names in alternatives for field in names}
    optional = [field for field, kind in entity.fields.items() if not kind.required and field not in conditional]
    record = example(entity) | dict.fromkeys(optional, absent)
    assert entity.problems(record) == {}
    assert entity.warnings(record) == {}


@every_entity
def test_a_wrong_type_is_named(name):
    """A value of another type, alone in a record, is named by its field and told what it must be."""
    for field, fact in fields_of(name):
        wrong, said = WRONG[fact["type"]]
        for value in wrong:
            assert problems(name, **{field: value}) == {field: said}, value


@every_entity
def test_the_edges_of_a_type_pass(name):
    """The smallest and the largest value of a type may be sent."""
    for field, fact in fields_of(name):
        for value in EDGES.get(fact["type"], ()):
            assert problems(name, **{field: value}) == {}, (field, value)


@every_entity
def test_text_that_no_database_takes_is_refused(name):
    """NUL and half a character are refused in every text, in lists and custom fields as well."""
    for text, said in ((NUL, "holds a NUL character"), (HALF, "holds half a character")):
        refused = f"{said}, which is not text"
        for field, fact in fields_of(name):
            if fact["type"] == "string":
                assert problems(name, **{field: text}) == {field: refused}
            elif fact["type"] == "list_of_string":
                assert problems(name, **{field: ["a", text]}) == {f"{field}.1": refused}
        if FACTS[name]["custom_fields"]:
            custom = {"customFieldTexts": {"customField01": text}}
            assert problems(name, **custom) == {"customFieldTexts.customField01": refused}


@every_entity
def test_a_closed_list_refuses_others(name):
    """A value that a closed list does not have is refused, also in other capitals; each that it has passes."""
    for field, fact in fields_of(name):
        if "enum" in fact and not fact.get("enum_open"):
            for value in fact["enum"]:
                assert problems(name, **{field: value}) == {}
                assert field in problems(name, **{field: value.swapcase()})
            [(named, said)] = problems(name, **{field: "Khác"}).items()
            assert named == field
            assert said.startswith("must be one of: ")
            assert set(said.removeprefix("must be one of: ").split(", ")) == set(fact["enum"])


@every_entity
def test_an_open_list_warns(name):
    """A list that the page ends with "etc" lets others pass, with a warning that shows the list."""
    entity = ENTITIES[name]
    for field, fact in fields_of(name):
        if fact.get("enum_open"):
            record = example(entity) | {field: "Khác"}
            assert entity.problems(record) == {}
            assert list(entity.warnings(record)) == [field]
            assert all(value in entity.warnings(record)[field] for value in fact["enum"])
            assert entity.warnings(record | {field: fact["enum"][0]}) == {}


@every_entity
def test_keys_that_no_page_lists_pass(name):
    """A key that the page does not list passes, whatever it holds, as in Pango's own sample."""
    assert problems(name, unlisted={"a": [None, {"b": 2.5}]}, productId2="P1", **{"": "", "a.b": 1}) == {}


def test_pangos_own_sample_may_be_sent():
    """The sample of Pango's page is accepted as it stands; what nobody can be found by is told."""
    sample = orjson.loads((HERE / "comment.json").read_bytes())
    entity = ENTITIES["customer-product-comment"]
    assert entity.problems(sample) == {}
    assert entity.warnings(sample) == {
        "customerPhone": "is not a phone number, so nobody is found by it",
        "customerEmail": "is not an email address, so nobody is found by it",
    }


CUSTOM = {
    "customFieldTexts": ("customField", "tag", 1, "must be text"),
    "customFieldLongs": ("customFieldLong", 12, "12", "must be a whole number of at most 64 bits"),
    "customFieldTimestamps": (
        "customFieldTimestamp", 1584507164000, "1584507164000",
        "must be a time in milliseconds since 1970, like 1584507164000",
    ),
    "customFieldListTexts": ("customFieldList", ["a", ""], "a", "must be a list of texts"),
}  # fmt: skip


@pytest.mark.parametrize("part", CUSTOM)
def test_custom_fields_are_called_by_their_type(part):
    """A custom field has its type's name and two digits or more; any other name is refused by its path."""
    stem, good, _, _ = CUSTOM[part]
    for digits in ("01", "67", "99", "100"):
        assert problems("customer-identity", **{part: {f"{stem}{digits}": good}}) == {}
    for name in (
        f"{stem}1",
        stem,
        f"{stem}0x",
        f"my{stem}01",
        f"{stem}01 ",
        f"{stem}\u0660\u0661",
        "",
        f"{stem}Double01",
    ):
        assert problems("customer-identity", **{part: {name: good}}) == {
            f"{part}.{name}": f"is no name for this type of custom field; they are called like {stem}01"
        }


@pytest.mark.parametrize("part", CUSTOM)
def test_custom_fields_hold_their_type(part):
    """A custom field of another type is named by its path; null means that it is not sent."""
    stem, good, bad, said = CUSTOM[part]
    mixed = {f"{stem}01": bad, f"{stem}02": good, f"{stem}03": None}
    assert problems("customer-identity", **{part: mixed}) == {f"{part}.{stem}01": said}
    entity, sendable = ENTITIES["customer-identity"], mixed | {f"{stem}01": ""}
    assert entity.problems(example(entity) | {part: sendable}) == {}
    assert entity.warnings(example(entity) | {part: sendable}) == {}
    for no_map in ([], "text", 1):
        assert problems("customer-identity", **{part: no_map}) == {
            part: f"must be an object of custom fields, like {{{stem}01: ...}}"
        }


def test_long_custom_fields_over_32_bits_warn():
    """A whole number that Pango's own forms do not admit is sent, with a warning."""
    entity = ENTITIES["customer-identity"]
    edges = {"customFieldLong01": 2**31 - 1, "customFieldLong02": -(2**31)}
    record = example(entity) | {"customFieldLongs": edges}
    assert entity.warnings(record) == {}
    record["customFieldLongs"] = edges | {"customFieldLong03": 2**31}
    assert entity.problems(record) == {}
    assert entity.warnings(record) == {
        "customFieldLongs": "customFieldLong03 is over 32 bits, which Pango's own forms do not admit"
    }
    record["customFieldLongs"] = {"customFieldLong03": 2**63}
    assert entity.problems(record) == {
        "customFieldLongs.customFieldLong03": "must be a whole number of at most 64 bits"
    }


def test_lines_of_an_order_are_named_by_their_path():
    """A fault in a line of an order is named by the line and the field; blank is the same as absent there too."""
    good = {"productSku": "S", "productName": "N", "price": None, "quantity": "", "unlisted": 1}
    assert problems("order", items=[good, good]) == {}
    assert problems("order", items=[good, {"productSku": "", "quantity": "2"}, "line", None]) == {
        "items.1.productSku": "is missing",
        "items.1.productName": "is missing",
        "items.1.quantity": "must be a whole number between -2147483648 and 2147483647",
        "items.2": "must be an object",
        "items.3": "must be an object",
    }
    assert problems("order", items=[good | {"customFieldTexts": {"customField1": "a"}}]) == {
        "items.0.customFieldTexts.customField1": "is no name for this type of custom field; "
        "they are called like customField01"
    }


def test_questions_of_a_survey_are_named_by_their_path():
    """A fault in a question of a survey is named by the question's key and the field."""
    good = {"questionId": "q1", "langDef": "vi", "lang1": None}
    assert problems("meta-survey", questions={"q1": good}) == {}
    assert problems("meta-survey", questions={"q1": good, "q2": {"questionId": "q2", "lang5": 5}, "q3": []}) == {
        "questions.q2.langDef": "is missing",
        "questions.q2.lang5": "must be text",
        "questions.q3": "must be an object",
    }


def test_a_member_of_a_list_is_text():
    """A member of a list of texts that is none is named by its place, null as well."""
    assert problems("customer-identity", nickNames=["Dee", 7, None]) == {
        "nickNames.1": "must be text",
        "nickNames.2": "must be text",
    }


@pytest.mark.parametrize("field", ["createdAt", "updatedAt"])
def test_times_in_seconds_warn(field):
    """A time that is in seconds is sent, with a warning; a birthday before 1973 is none."""
    entity = ENTITIES["customer-identity"]
    record = example(entity) | {field: 1584507164, "dob": 86400000}
    assert entity.problems(record) == {}
    assert entity.warnings(record) == {field: "looks like seconds; times are in milliseconds"}


def test_keys_have_a_longest_length():
    """A text of a key that a database could not index is refused."""
    for name, entity in ENTITIES.items():
        for field in ("internalCompanyId", *entity.key):
            if field in entity.fields and not entity.fields[field].choices:
                most = entity.fields[field].longest
                assert most
                assert problems(name, **{field: "x" * most}) == {}
                assert problems(name, **{field: "x" * (most + 1)}) == {field: f"is longer than {most} characters"}


def test_the_key_is_of_the_company():
    """A record's natural key begins with the company, blank where there is none."""
    entity = ENTITIES["customer-identity-address"]
    assert entity.key_of({"customerId": "C1", "addressType": "Live"}) == ("", "C1", "Live")
    assert entity.key_of({"customerId": "C1", "addressType": "Live", "internalCompanyId": "X"}) == ("X", "C1", "Live")
    assert entity.key_of({"customerId": "C1", "internalCompanyId": "  "}) == ("", "C1", "")


@given(st.sampled_from(sorted(ENTITIES)), st.data())
def test_nothing_is_raised_whatever_is_sent(name, data):
    """Any JSON object is answered with names and words; one without problems can be told warnings and its key."""
    entity = ENTITIES[name]
    names = st.sampled_from(sorted(entity.fields)) | st.text()
    record = data.draw(st.dictionaries(names, values, max_size=6))
    if data.draw(st.booleans()):
        record = example(entity) | record
    found = entity.problems(record)
    assert all(isinstance(field, str) and isinstance(said, str) and said for field, said in found.items())
    if not found:
        assert all(isinstance(said, str) for said in entity.warnings(record).values())
        assert len(entity.key_of(record)) == len(entity.key) + 1
