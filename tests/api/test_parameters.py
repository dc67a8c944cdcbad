"""Where a lookup's parameters come from: the query, a JSON object, a form; and which of them counts."""

import json
from urllib.parse import quote, quote_from_bytes, urlencode

import orjson
import pytest
from support import EMAIL, PHONE, VOUCHER, envelope_of, failure, form, record

ADDRESS = "/v1/data/voucher"
OTHER = "0399999999"
"""A phone nobody in the sample has."""


@pytest.fixture
def client(shared_client):
    """Ask the shared installation: nothing here changes it."""
    return shared_client


def query(sent):
    """Send parameters in the query of a GET."""
    return {"method": "GET", "query_string": urlencode(sent)}


def query_of_post(sent):
    """Send parameters in the query of a POST without a body, as in Pango's document."""
    return {"method": "POST", "query_string": urlencode(sent)}


def json_body(sent):
    """Send parameters as a JSON object."""
    return {"method": "POST", "data": json.dumps(sent), "content_type": "application/json"}


def json_utf8(sent):
    """Send parameters as a JSON object with letters as they are, and the character set named."""
    text = json.dumps(sent, ensure_ascii=False).encode()
    return {"method": "POST", "data": text, "content_type": "application/json; charset=utf-8"}


def form_body(sent):
    """Send parameters as an ordinary form."""
    return {"method": "POST", "data": urlencode(sent), "content_type": "application/x-www-form-urlencoded"}


def multipart(sent):
    """Send parameters as a multipart form."""
    data, kind = form(sent)
    return {"method": "POST", "data": data, "content_type": kind}


WAYS = [query, query_of_post, json_body, json_utf8, form_body, multipart]
BODIES = [json_body, form_body, multipart]
ways = pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
bodies = pytest.mark.parametrize("way", BODIES, ids=lambda way: way.__name__)

WRITTEN = [
    "0359677657",
    "+84359677657",
    "84359677657",
    "0084 359 677 657",
    "(+84) 0359-677-657",
    "\uff10\uff13\uff15\uff19\uff16\uff17\uff17\uff16\uff15\uff17",
    "\u200b0359677657",
    " 84359677657",
]


@ways
@pytest.mark.parametrize("phone", WRITTEN)
def test_a_phone_in_any_form_comes_any_way(client, way, phone):
    """A phone in any written form, sent in any way there is, finds the person."""
    assert record(client.open(ADDRESS, **way({"phone": phone}))) == VOUCHER


@ways
@pytest.mark.parametrize("email", [EMAIL, EMAIL.upper(), f"  {EMAIL} ", "Dee@ByteTech.io"])
def test_an_email_in_any_case_comes_any_way(client, way, email):
    """An email in any case and between blanks, sent in any way there is, finds the person."""
    assert record(client.open(ADDRESS, **way({"email": email}))) == VOUCHER


def test_a_plus_that_was_not_encoded_finds_the_person(client):
    """`?phone=+84…` arrives with a space for the plus, in a query and in a form, and finds the person."""
    assert record(client.get(f"{ADDRESS}?phone=+84359677657")) == VOUCHER
    sent = client.post(ADDRESS, data="phone=+84359677657", content_type="application/x-www-form-urlencoded")
    assert record(sent) == VOUCHER


@ways
def test_a_dataset_has_parameters_of_its_own(client, way):
    """A declared parameter comes the same ways as phone and email."""
    gift = {"gift": "voucher", "value": 100_000, "tier": "Vàng"}
    sent = way({"phone": PHONE, "campaignId": "Birthday2023"})
    assert record(client.open("/v1/data/birthday-gift", **sent)) == gift
    content = failure(client.open("/v1/data/birthday-gift", **way({"phone": PHONE})), "InvalidRequest", 400)
    assert content["message"].startswith("campaignId: ")


@ways
def test_an_identifier_of_its_own_comes_any_way(client, way):
    """A dataset's own identifier finds a record as phone and email do."""
    assert record(client.open("/v1/data/customer", **way({"memberCode": "M0000"})))["points"] == 1250


@ways
def test_unknown_parameters_are_ignored(client, way):
    """Parameters nobody declared, with any name, change nothing."""
    sent = {"phone": PHONE, "batchId": "7", "param01": "", "tên": "Nguyễn", "": "", "__proto__": "x", "a[]": "b"}
    assert record(client.open(ADDRESS, **way(sent))) == VOUCHER


@bodies
def test_the_body_beats_the_query(client, way):
    """Where query and body both carry a parameter, the body's value counts."""
    sent = way({"phone": PHONE})
    assert record(client.open(ADDRESS, query_string={"phone": OTHER}, **sent)) == VOUCHER
    sent = way({"phone": OTHER})
    failure(client.open(ADDRESS, query_string={"phone": PHONE}, **sent), "NotFound", 200)


@bodies
@pytest.mark.parametrize("blank", ["", " ", "\t\n", "\u00a0"])
def test_a_blank_in_the_body_leaves_the_querys_value(client, way, blank):
    """A blank value in the body does not hide the query's, for identifiers and for other parameters."""
    sent = way({"phone": blank, "campaignId": blank})
    given = {"phone": PHONE, "campaignId": "Birthday2023"}
    assert record(client.open("/v1/data/birthday-gift", query_string=given, **sent))["tier"] == "Vàng"


def test_a_null_in_the_body_leaves_the_querys_value(client):
    """JSON null counts as blank."""
    sent = json_body({"phone": None})
    assert record(client.open(ADDRESS, query_string={"phone": PHONE}, **sent)) == VOUCHER


def test_query_and_body_add_up(client):
    """As in the document's sample, a POST may carry some parameters in the query and others in the body."""
    sent = json_body({"phone": PHONE, "email": ""})
    answer = client.open("/v1/data/birthday-gift", query_string={"campaignId": "Birthday2023"}, **sent)
    assert record(answer)["value"] == 100_000


@ways
@pytest.mark.parametrize("sent", [{"phone": "", "email": ""}, {"phone": " ", "email": "\t"}, {"other": "x"}])
def test_blank_counts_as_absent(client, way, sent):
    """Without a phone or an email that is not blank, the answer is MissingIdentifier."""
    content = failure(client.open(ADDRESS, **way(sent)), "MissingIdentifier", 400)
    assert content["message"] == "Say whose data is wanted: send phone or email."


@ways
def test_one_blank_identifier_leaves_the_other(client, way):
    """A blank phone beside an email, or the other way round, is a lookup by the one that is there."""
    assert record(client.open(ADDRESS, **way({"phone": "", "email": EMAIL}))) == VOUCHER
    assert record(client.open(ADDRESS, **way({"phone": PHONE, "email": " "}))) == VOUCHER


REPEATED = [("phone", ""), ("phone", PHONE), ("phone", OTHER)]


def test_of_repeated_parameters_the_first_that_is_not_blank_counts(client):
    """A parameter sent several times counts once: its first value that is not blank, in queries and in forms."""
    assert record(client.get(ADDRESS, query_string=urlencode(REPEATED))) == VOUCHER
    sent = client.post(ADDRESS, data=urlencode(REPEATED), content_type="application/x-www-form-urlencoded")
    assert record(sent) == VOUCHER
    parts = "".join(f'--x\r\nContent-Disposition: form-data; name="{n}"\r\n\r\n{v}\r\n' for n, v in REPEATED)
    sent = client.post(ADDRESS, data=f"{parts}--x--\r\n", content_type="multipart/form-data; boundary=x")
    assert record(sent) == VOUCHER


def test_the_body_of_a_get_is_not_read(client):
    """GET takes its parameters from the query alone: a body has no meaning there (RFC 9110 section 9.3.1)."""
    sent = {"data": json.dumps({"phone": OTHER}), "content_type": "application/json"}
    assert record(client.get(ADDRESS, query_string={"phone": PHONE}, **sent)) == VOUCHER
    failure(client.get(ADDRESS, **sent), "MissingIdentifier", 400)
    failure(client.get(ADDRESS, data=b"{", content_type="application/json"), "MissingIdentifier", 400)


@pytest.mark.parametrize("kind", [None, "application/json", "application/x-www-form-urlencoded", "text/plain", "x"])
def test_an_empty_body_is_no_body(client, kind):
    """A POST without a body is a lookup by its query, whatever content type it names."""
    sent = client.post(ADDRESS, query_string={"phone": PHONE}, content_type=kind)
    assert record(sent) == VOUCHER


@pytest.mark.parametrize("key", ["Phone", "PHONE", " phone", "phone ", "phone[]"])
def test_parameter_names_mind_case(client, key):
    """A parameter's name is exact: another spelling is another parameter, and ignored."""
    failure(client.open(ADDRESS, **json_body({key: PHONE})), "MissingIdentifier", 400)


@pytest.mark.parametrize("value", [359677657, 84359677657])
def test_a_phone_may_be_a_json_number(client, value):
    """A whole JSON number is read as its digits."""
    assert record(client.open(ADDRESS, **json_body({"phone": value}))) == VOUCHER


@pytest.mark.parametrize("value", [True, 1.5, [PHONE], {"phone": PHONE}, 10**30])
def test_an_identifier_that_is_no_text_is_refused(client, value):
    """An identifier that is neither text nor a whole number is InvalidRequest or no phone."""
    content = envelope_of(response := client.open(ADDRESS, **json_body({"phone": value})))
    assert content["errorCode"] in {"InvalidRequest", "InvalidPhone"}
    assert response.status_code == 400


@ways
@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ({"phone": "12"}, "InvalidPhone"),
        ({"phone": "abc", "email": EMAIL}, "InvalidPhone"),
        ({"email": "dee"}, "InvalidEmail"),
        ({"phone": PHONE, "email": "dee@"}, "InvalidEmail"),
        ({"phone": "0359\x00677657"}, "InvalidRequest"),
        ({"email": "dee\x00@bytetech.io"}, "InvalidRequest"),
    ],
)
def test_what_is_no_identifier_is_refused(client, way, sent, code):
    """A phone or an email that is none is refused with its own code and without repeating it."""
    answer = client.open(ADDRESS, **way(sent))
    content = failure(answer, code, 400)
    assert all(value not in content["message"] for value in sent.values() if len(value) > 3)


NOT_JSON = {
    "nothing closed": b"{",
    "blank": b" ",
    "trailing comma": b'{"phone": "0359677657",}',
    "single quotes": b"{'phone': '0359677657'}",
    "two documents": b"{}{}",
    "NaN": b'{"phone": NaN}',
    "Infinity": b'{"value": -Infinity}',
    "NUL": b"\x00",
    "NUL inside": b'{"phone": "\x00"}',
    "invalid UTF-8": b'{"phone": "\xff\xfe"}',
    "lone surrogate": b'{"phone": "\\ud800"}',
    "UTF-16": '{"phone": "0359677657"}'.encode("utf-16"),
    "byte order mark": b'\xef\xbb\xbf{"phone": "0359677657"}',
    "gzip": b"\x1f\x8b\x08\x00",
    "deep arrays": b"[" * 32_000,
    "deep objects": b'{"a":' * 12_000,
    "deep and closed": b"[" * 30_000 + b"]" * 30_000,
    "a form": b"phone=0359677657",
    "a huge exponent": b'{"phone": 1e999}',
}  # fmt: skip


@pytest.mark.parametrize("body", NOT_JSON.values(), ids=NOT_JSON)
def test_json_that_is_none_is_refused(client, body):
    """A body that is not JSON, or is absurdly deep, is InvalidRequest."""
    failure(client.post(ADDRESS, data=body, content_type="application/json"), "InvalidRequest", 400)


@pytest.mark.parametrize("value", [[], [{"phone": PHONE}], "0359677657", 5, True, None, 1.5])
def test_json_must_be_an_object(client, value):
    """JSON that is no object is InvalidRequest, and the message shows what one looks like."""
    answer = client.post(ADDRESS, data=orjson.dumps(value), content_type="application/json")
    assert "JSON object" in failure(answer, "InvalidRequest", 400)["message"]


def test_deep_values_beside_good_ones_are_ignored(client):
    """An unknown parameter may be a nested document: it is ignored like any other."""
    sent = {"phone": PHONE, "extra": {"a": [{"b": [[1, None]]}]}, "tên": ["Nguyễn"], "": {}}
    assert record(client.open(ADDRESS, **json_body(sent))) == VOUCHER


@pytest.mark.parametrize("kind", [None, "", "text/plain", "application/xml", "application/octet-stream", "x"])
def test_a_body_of_another_type_is_refused(client, kind):
    """A body that is neither JSON nor a form is UnsupportedMediaType."""
    failure(client.post(ADDRESS, data=b'{"phone": "0359677657"}', content_type=kind), "UnsupportedMediaType", 415)


@pytest.mark.parametrize("kind", ["APPLICATION/JSON", "application/json;charset=UTF-8", "application/json ; x=y"])
def test_a_content_type_minds_no_case(client, kind):
    """Media types are compared without regard to case and to their parameters (RFC 9110 section 8.3.1)."""
    assert record(client.post(ADDRESS, data=json.dumps({"phone": PHONE}), content_type=kind)) == VOUCHER


@pytest.mark.parametrize("bytes_", [b"\xff", b"0359\xc3\x28", b"\xed\xa0\x80", b"\xc0\x80"])
def test_bad_utf8_is_refused_in_queries_and_forms(client, bytes_):
    """Percent-encoded bytes that are not UTF-8 are InvalidRequest, in a query and in a form."""
    encoded = f"phone={quote_from_bytes(bytes_)}"
    failure(client.get(ADDRESS, query_string=encoded), "InvalidRequest", 400)
    failure(client.get(ADDRESS, query_string=f"phone={PHONE}&{quote_from_bytes(bytes_)}=1"), "InvalidRequest", 400)
    kind = "application/x-www-form-urlencoded"
    failure(client.post(ADDRESS, data=encoded, content_type=kind), "InvalidRequest", 400)
    failure(client.post(ADDRESS, data=b"phone=" + bytes_, content_type=kind), "InvalidRequest", 400)


def test_bad_utf8_in_a_multipart_form_is_refused(client):
    """Bytes that are not UTF-8 in a multipart form are InvalidRequest where they are used."""
    data, kind = form({"phone": "BYTES"})
    failure(client.post(ADDRESS, data=data.replace(b"BYTES", b"\xff\xfe"), content_type=kind), "InvalidRequest", 400)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"phone=0359677657", "multipart/form-data"),
        (b"phone=0359677657", "multipart/form-data; boundary=x"),
        (b"--x\r\n", "multipart/form-data; boundary=x"),
        (b'--x\r\nContent-Disposition: form-data; name="phone"\r\n\r\n0359677657', "multipart/form-data; boundary=x"),
        (b"--x--\r\n", "multipart/form-data; boundary=x"),
        (b"\x00" * 100, "multipart/form-data; boundary=\xff"),
    ],
)
def test_a_multipart_form_that_is_none_is_refused(client, body, kind):
    """A multipart form that cannot be read, or has no fields, is InvalidRequest."""
    failure(client.post(ADDRESS, data=body, content_type=kind), "InvalidRequest", 400)


def test_a_query_may_have_many_parameters_and_no_more(client):
    """A query or a form with more than a thousand parameters is InvalidRequest."""
    many = "&".join(f"p{number}=1" for number in range(999))
    assert record(client.get(ADDRESS, query_string=f"{many}&phone={PHONE}")) == VOUCHER
    failure(client.get(ADDRESS, query_string=f"{many}&q=1&phone={PHONE}"), "InvalidRequest", 400)


@pytest.mark.parametrize("text", ["", "&", "=", "&&=&", "phone", "?", "%", "%zz", "a=b=c", ";phone=1"])
def test_a_query_of_odd_form_is_read_as_far_as_it_goes(client, text):
    """Odd separators and stray percent signs are no error by themselves."""
    failure(client.get(f"{ADDRESS}?{text}"), "MissingIdentifier", 400)
    assert record(client.get(f"{ADDRESS}?{text}&email={quote(EMAIL)}")) == VOUCHER
