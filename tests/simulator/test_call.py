"""`provider simulate call`: Pango's calls against the real provider, and what Pango would read."""

import json

import pytest
from services import Website, respond
from support import EMAIL, PHONE, VOUCHER, Server, fill, open_clients, provider, refusal

from provider.proof.simulator.answer_reading import read_answer
from provider.proof.simulator.provider_calls import mask_secret

MEMBERS = {
    "code": {"type": "text", "value": "E094"},
    "expired": {"type": "boolean", "value": False},
    "value": {"type": "number", "value": 10000},
}


@pytest.fixture(scope="module")
def served(tmp_path_factory, migrated_database, sample_data):
    """Serve the sample data with the real server; give its address and a client's secrets."""
    folder = fill(tmp_path_factory.mktemp("served"), migrated_database, sample_data)
    with open_clients(folder) as clients:
        issued = clients.create("pango", {})
    server = Server(folder)
    yield server.url, issued
    server.kill()


def ask(served, *options, fails=False):
    """Ask for the voucher as Pango does; give what the command prints as JSON."""
    url, _ = served
    done = provider("simulate", "call", f"{url}/v1/data/voucher", *options, "--json", cwd=".", fails=fails)
    return json.loads(done.stdout)


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("person", [("--phone", PHONE), ("--email", EMAIL)])
def test_a_key_finds_the_person(served, method, person):
    """By GET and by POST, with the key in a header, Pango reads the record and its types, without a warning."""
    key = served[1].api_key
    told = ask(served, "--method", method, *person, "--header", f"token-key={key}", "--param", "campaignId=Tet")
    assert {name: member["value"] for name, member in told["data"].items()} == VOUCHER
    assert told["data"] == MEMBERS
    assert (told["success"], told["errorCode"], told["message"], told["warnings"]) == (True, 0, "OK", [])
    (exchange,) = told["exchanges"]
    assert exchange["headers"] == {"token-key": f"{key[:4]}…{key[-4:]}"}
    sent = {"phone": "", "email": "", "campaignId": "Tet"} | {person[0].removeprefix("--"): person[1]}
    assert exchange["body"] == (sent if method == "POST" else None)
    assert ("campaignId=Tet" in exchange["url"]) == (method == "GET")
    assert key not in json.dumps(told)


def test_a_token_is_fetched_first(served):
    """With a token API, a token is fetched and sent after its prefix; neither it nor the secret is shown."""
    url, issued = served
    body = json.dumps({"clientId": issued.client.client_id, "clientSecret": issued.client_secret})
    told = ask(served, "--phone", PHONE, "--token-url", f"{url}/v1/token", "--token-body", body)
    assert told["data"] == MEMBERS
    token, data = told["exchanges"]
    assert token["status"] == data["status"] == 200
    assert data["headers"]["Authorization"].startswith("Bearer pat_…")
    assert '"accessToken":"pat_…' in token["answer"]
    assert issued.client_secret not in json.dumps(told)


def test_a_token_that_is_not_where_it_should_be(served):
    """A token that is not at the token field ends the call, with what was answered and a warning."""
    url, issued = served
    body = json.dumps({"clientId": issued.client.client_id, "clientSecret": issued.client_secret})
    told = ask(
        served, "--token-url", f"{url}/v1/token", "--token-body", body, "--token-field", "data.token", fails=True
    )
    assert told["warnings"] == ["There is no text at data.token of the token's answer."]
    assert len(told["exchanges"]) == 1
    assert issued.client_secret not in json.dumps(told)


def test_a_failure_is_read(served):
    """An error of the provider is read as a failure, with its code, and is exit code 1."""
    told = ask(served, "--phone", PHONE, "--header", "token-key=pak_wrong", fails=True)
    assert (told["success"], told["errorCode"], told["data"], told["warnings"]) == (False, "Unauthorized", {}, [])


def test_for_a_person(served):
    """Without --json the request, the answer and what Pango would read are printed for a person."""
    url, issued = served
    key = ("--header", f"token-key={issued.api_key}")
    printed = provider("simulate", "call", f"{url}/v1/data/voucher", "--phone", PHONE, *key, cwd=".").stdout
    assert f"POST {url}/v1/data/voucher" in printed
    assert 'data     code: "E094" (text)' in printed
    assert "success  true" in printed
    assert issued.api_key not in printed


def test_an_answer_that_cannot_be_unpacked(tmp_path):
    """An answer whose encoding is not the declared one is reported in one line."""
    with Website() as site:
        site.pages["/v1/data/voucher"] = lambda request: respond(request, b"abc", Content_Encoding="gzip")
        said = refusal("simulate", "call", f"{site.url}/v1/data/voucher", "--method", "GET", cwd=tmp_path)
    assert said.endswith("(DecodingError). Is the provider running there?")


@pytest.mark.parametrize("header", ["token-key=Lộc", "token-key=a\nb", "token key=a"])
def test_a_header_that_cannot_be_sent(tmp_path, header):
    """A header that HTTP cannot carry is refused before anything is sent."""
    done = provider("simulate", "call", "http://127.0.0.1:1/", "--header", header, cwd=tmp_path, fails=True)
    assert "printable ASCII after it" in done.stderr


def test_nobody_answers(tmp_path):
    """An address without a server, and text that is no address, are reported in one line each."""
    done = provider("simulate", "call", "http://127.0.0.1:1/", cwd=tmp_path, fails=True)
    assert done.stderr.startswith("Error: No answer from http://127.0.0.1:1/ (ConnectError).")
    assert "write an address" in provider("simulate", "call", "nowhere", cwd=tmp_path, fails=True).stderr


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"success":true,"data":[]}', "data is list; it must be an object."),
        (b'{"success":true,"data":{"a":{}}}', "data.a is object; only text, booleans and numbers are documented."),
        (b'{"success":true,"data":{"a":null}}', "data.a is null; only text, booleans and numbers are documented."),
        (b'{"success":true,"data":{},"result":{}}', "data and result play the same role"),
        (b'{"success":true,"isSuccess":true,"data":{}}', "success and isSuccess play the same role"),
        (b'{"success":"true","data":{}}', "success is text; it must be true or false."),
        (b'{"success":1,"data":{}}', "success is number; it must be true or false."),
        (b'{"data":{}}', "success or isSuccess is missing"),
        (b'{"success":true}', "data or result or response or body is missing"),
        (b'{"success":true,"data":{},"errorCode":true}', "errorCode is boolean; it must be text or a number."),
        (b'{"success":true,"data":{},"msg":5}', "msg is number; it must be text."),
        (b"[]", "not one JSON object"),
        (b"<html>", "not one JSON object"),
    ],
)
def test_it_warns_of_what_is_outside_the_contract(body, said):
    """Whatever the documentation does not allow is said in one warning."""
    (warning,) = read_answer(200, body).warnings
    assert said in warning


def test_the_documented_samples_are_read():
    """The three sets of names in Pango's document are read without a warning, and so are names that are set."""
    for success, data in (("success", "data"), ("isSuccess", "body"), ("success", "result")):
        body = json.dumps({success: True, "errorCode": 0, "message": "OK", data: VOUCHER}).encode()
        reading = read_answer(200, body)
        assert (reading.success, reading.warnings, set(reading.data)) == (True, [], set(VOUCHER))
        assert read_answer(200, body, {"success_key": success, "data_key": data}) == reading
        assert not read_answer(200, body, {"success_key": "isSuccess" if success == "success" else "success"}).success


def test_an_error_status_with_a_success_is_odd():
    """A success with an HTTP error is warned of."""
    assert read_answer(500, b'{"success":true,"data":{}}').warnings == [
        "HTTP 500 with a success: Pango may believe either."
    ]


def test_short_secrets_are_hidden_whole():
    """Of a secret too short to be told apart by its ends, nothing is shown."""
    assert mask_secret("short") == "…"
    assert mask_secret("pak_0123456789ab") == "pak_…89ab"
