"""The use case: raw parameters in, one record out, without HTTP and without a database."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marshmallow import Schema, fields, pre_load, validate

from provider.contract.identity import canonical_phone
from provider.dataset import Dataset, Query
from provider.errors import InvalidEmail, InvalidPhone, InvalidRequest, MissingIdentifier, NotFound, ProviderError
from provider.lookup import lookup, parse_query


class Parameters(Schema):
    """Parameters of every common kind."""

    campaign_id = fields.String(data_key="campaignId", required=True, validate=validate.Length(max=20))
    limit = fields.Integer(strict=True, load_default=10)
    since = fields.Date()


class Record(Schema):
    """Two declared fields."""

    seen = fields.String()
    count = fields.Integer()


def make(fetch=lambda _: {"seen": "yes"}, **others):
    """Make a dataset over a function."""
    return Dataset(**{"name": "thing", "record": Record, "fetch": fetch} | others)


PLAIN = make()
CAMPAIGN = make(parameters=Parameters, identifiers=("phone", "email", "memberCode"))


@pytest.mark.parametrize("blank", [None, "", " ", "\t\r\n", "\u00a0", "\u3000"])
def test_a_blank_identifier_counts_as_not_sent(blank):
    """An empty or blank phone or email is absent: the other one decides, and without either it is MissingIdentifier."""
    query = parse_query(PLAIN, {"phone": blank, "email": "dee@bytetech.io"})
    assert (query.phone, query.email) == (None, "dee@bytetech.io")
    query = parse_query(PLAIN, {"phone": "0359677657", "email": blank})
    assert (query.phone, query.email) == (canonical_phone("0359677657"), None)
    with pytest.raises(MissingIdentifier, match="send phone or email"):
        parse_query(PLAIN, {"phone": blank, "email": blank})


def test_identifiers_are_understood_before_the_dataset_sees_them():
    """A dataset sees canonical phones and emails, its own identifiers trimmed, and only those that were sent."""
    query = parse_query(
        CAMPAIGN,
        {"phone": "(+84) 0359-677-657", "email": " DEE@bytetech.io", "memberCode": " M0000 ", "campaignId": "B"},
    )
    assert query == Query(
        phone=canonical_phone("0359677657"),
        email="dee@bytetech.io",
        identifiers={"memberCode": "M0000"},
        parameters={"campaign_id": "B", "limit": 10},
    )


def test_an_identifier_may_be_a_json_number():
    """A whole number is taken as the text of its digits: some callers write phones and codes so."""
    assert parse_query(PLAIN, {"phone": 359677657}).phone.national == "0359677657"
    assert parse_query(make(identifiers=("memberCode",)), {"memberCode": 12}).identifiers == {"memberCode": "12"}


@pytest.mark.parametrize("value", [True, False, 1.5, [], ["0359677657"], {}, {"phone": "0359677657"}])
def test_an_identifier_of_another_type_is_refused(value):
    """A boolean, a fraction, an array or an object is no identifier, and the message names the parameter."""
    with pytest.raises(InvalidRequest, match=r"^phone must be text"):
        parse_query(PLAIN, {"phone": value})


@pytest.mark.parametrize("name", ["phone", "email", "memberCode", "campaignId"])
@pytest.mark.parametrize("value", ["03596\x0077657", "\x00", "dee\ufffd@bytetech.io"])
def test_what_is_no_text_is_refused(name, value):
    """NUL and undecodable bytes are in nobody's data: InvalidRequest, in identifiers and in parameters."""
    with pytest.raises(InvalidRequest, match=f"^{name} holds"):
        parse_query(CAMPAIGN, {"memberCode": "M1", "campaignId": "B", name: value})


def test_a_phone_or_an_email_that_is_none_is_refused():
    """A phone that is none is InvalidPhone and an email that is none InvalidEmail, even beside one that is good."""
    with pytest.raises(InvalidPhone):
        parse_query(PLAIN, {"phone": "12", "email": "dee@bytetech.io"})
    with pytest.raises(InvalidEmail):
        parse_query(PLAIN, {"phone": "0359677657", "email": "dee"})


def test_text_is_nfc_on_the_way_in_and_out():
    """Identifiers, parameters and the record are NFC, whatever the caller and the dataset write."""
    decomposed = unicodedata.normalize("NFD", "Nguyễn")
    query = parse_query(CAMPAIGN, {"memberCode": decomposed, "campaignId": decomposed})
    assert query.identifiers == {"memberCode": "Nguyễn"}
    assert query.parameters["campaign_id"] == "Nguyễn"
    assert lookup(make(lambda _: {"seen": decomposed}), {"phone": "0359677657"}) == {"seen": "Nguyễn"}


def test_unknown_parameters_are_ignored():
    """Pango may send parameters the dataset does not know, of any type; they change nothing."""
    raw = {"phone": "0359677657", "param1": "x", "tên": ["y"], "memberCode": {}, "": None, "campaign_id": 1}
    assert parse_query(PLAIN, raw) == parse_query(PLAIN, {"phone": "0359677657"})


@pytest.mark.parametrize(
    ("sent", "named"),
    [
        ({}, "campaignId"),
        ({"campaignId": ""}, "campaignId"),
        ({"campaignId": " "}, "campaignId"),
        ({"campaignId": None}, "campaignId"),
        ({"campaignId": "x" * 21}, "campaignId"),
        ({"campaignId": 5}, "campaignId"),
        ({"campaignId": ["B"]}, "campaignId"),
        ({"campaignId": {"B": 1}}, "campaignId"),
        ({"campaignId": "B", "limit": 1.9}, "limit"),
        ({"campaignId": "B", "limit": "many"}, "limit"),
        ({"campaignId": "B", "limit": [1]}, "limit"),
        ({"campaignId": "B", "since": "yesterday"}, "since"),
    ],
)
def test_a_declared_parameter_is_validated(sent, named):
    """A declared parameter that is missing, blank or breaks its rule is InvalidRequest, and the message names it."""
    with pytest.raises(InvalidRequest, match=f"^{named}"):
        parse_query(CAMPAIGN, {"phone": "0359677657", **sent})


def test_the_error_names_each_bad_parameter_with_all_its_reasons():
    """The message has every bad parameter with its reasons; a parameter of several members is told in a word."""

    class Several(Schema):
        code = fields.String(validate=[validate.Length(max=2), validate.ContainsOnly("ab")])
        since = fields.Date()
        days = fields.List(fields.Integer())

        @pre_load
        def split(self, sent, **_):
            """Take a list as text with commas; what no field declares is ignored here too."""
            return {**sent, "days": sent["days"].split(","), "undeclared": 1}

    with pytest.raises(InvalidRequest) as caught:
        parse_query(make(parameters=Several), {"phone": "0359677657", "code": "xyz", "since": "soon", "days": "1,x"})
    assert caught.value.message == (
        "code: Longer than maximum length 2. One or more of the choices you made was not in: a, b. "
        "since: Not a valid date. days: invalid."
    )


def test_an_optional_parameter_left_blank_has_its_default():
    """A blank optional parameter counts as not sent, so its default holds."""
    parameters = parse_query(CAMPAIGN, {"memberCode": "M1", "campaignId": " B ", "limit": "", "since": " "}).parameters
    assert parameters == {"campaign_id": "B", "limit": 10}


def test_nobody_is_not_found():
    """A dataset that finds nobody is NotFound; one that finds an empty record is a success."""
    with pytest.raises(NotFound):
        lookup(make(lambda _: None), {"phone": "0359677657"})
    assert lookup(make(lambda _: {}), {"phone": "0359677657"}) == {}


def test_only_declared_fields_leave():
    """Whatever fetch returns, only the fields of the record schema go out, in the form the schema gives them."""
    found = {"seen": "yes", "count": "3", "password_hash": "secret"}
    assert lookup(make(lambda _: found), {"phone": "0359677657"}) == {"seen": "yes", "count": 3}


@pytest.mark.parametrize("returned", [[], ["seen"], "yes", 1, True, ("seen", "yes")])
def test_fetch_must_return_a_mapping(returned):
    """A fetch that returns anything but a mapping or None is a fault, not an empty record."""
    with pytest.raises(TypeError, match="must return a mapping"):
        lookup(make(lambda _: returned), {"phone": "0359677657"})


_JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(), inner, max_size=3)),
    max_leaves=5,
)


@given(
    st.one_of(
        st.dictionaries(st.text(), _JSON, max_size=4),
        st.fixed_dictionaries(
            {}, optional=dict.fromkeys(["phone", "email", "memberCode", "campaignId", "limit", "since"], _JSON)
        ),
        st.fixed_dictionaries({"memberCode": st.text(), "campaignId": st.text(), "limit": _JSON, "since": st.text()}),
    )
)
def test_any_parameters_give_a_record_or_an_error_of_ours(raw):
    """Whatever the parameters, a lookup ends in a record or in an error that has a code."""
    try:
        found = lookup(CAMPAIGN, raw)
    except ProviderError as error:
        assert error.status == 400  # noqa: PT017 -- either way is right
    else:
        assert found == {"seen": "yes"}
