"""`provider connect`: what to type into Pango's console."""

import json
import shlex
from urllib.parse import parse_qs, urlsplit

import pytest
from support import fill, open_clients, side_by_side

from provider.auth.keys import API_KEY, parse_key

COMMAND = ("connect", "pango")
FIXED = {"PORT": "8123", "PROVIDER_REQUIRED_HEADERS": "any-key=giá trị", "PROVIDER_DATA_KEY": "body"}


@pytest.fixture(scope="module")
def sheets(tmp_path_factory, migrated_database, sample_data):
    """Print the sheet of a client for people and for scripts; give both, and the end of the client's key."""
    folder = fill(tmp_path_factory.mktemp("sheets"), migrated_database, sample_data)
    with open_clients(folder) as clients:
        issued = clients.create("pango", {"error_code_key": "", "success_key": "isSuccess"})
    printed, written = side_by_side(COMMAND, (*COMMAND, "--json"), cwd=folder, **FIXED)
    return printed, json.loads(written), issued.api_key[-4:]


def test_the_sheet_says_what_the_console_asks(sheets):
    """The sheet has endpoint, method, headers, parameters and the client's envelope keys of each dataset."""
    printed, _, ending = sheets
    for text in (
        "http://127.0.0.1:8123/v1/data/voucher\n",
        "POST or GET",
        f"token-key: (the API key that ends in …{ending};",
        "any-key: giá trị",
        "Content-Type: application/json",
        "campaignId  Customized (required)",
        "memberCode  Customized (identifier)",
        "phone  System",
        "success: isSuccess",
        "error code: (left out)",
        "message: message",
        "data: body",
    ):
        assert text in printed


def test_the_sheet_for_scripts_says_the_same(sheets):
    """With --json each dataset is an object with the same facts."""
    _, sheet, _ = sheets
    assert (sheet["client"], sheet["auth"], sheet["token"]) == ("pango", "api_key", None)
    connections = sheet["data"]
    assert [connection["dataset"] for connection in connections] == ["birthday-gift", "customer", "voucher"]
    gift = connections[0]
    assert gift["endpoint"] == "http://127.0.0.1:8123/v1/data/birthday-gift"
    assert gift["methods"] == ["POST", "GET"]
    assert gift["headers"]["any-key"] == "giá trị"
    assert gift["parameters"] == {"phone": "System", "email": "System", "campaignId": "Customized (required)"}
    assert gift["envelope"] == {
        "success": "isSuccess", "error code": "(left out)", "message": "message", "data": "body",
    }  # fmt: skip


def test_the_curl_lines_are_whole(sheets):
    """A shell splits each curl line into one request, with a trial key, the fixed headers and a dataset's example."""
    printed, sheet, _ = sheets
    assert len([line for line in printed.splitlines() if line.startswith("curl ")]) == 6
    for connection in sheet["data"]:
        get, post = (shlex.split(line) for line in connection["curl"])
        for words in (get, post):
            assert words[:2] == ["curl", "-s"]
            header = next(word for word in words if word.startswith("token-key: "))
            assert parse_key(header.removeprefix("token-key: "), API_KEY)
            assert "any-key: giá trị" in words
        sent = {name: values[0] for name, values in parse_qs(urlsplit(get[-1]).query).items()}
        assert sent == json.loads(post[post.index("-d") + 1])
        assert urlsplit(get[-1])._replace(query="").geturl() == post[-1] == connection["endpoint"]


def test_the_address_can_be_given(run, clients):
    """--url is where Pango reaches the service; a slash at its end does not matter."""
    clients.create("pango", {})
    sheet = json.loads(run(*COMMAND, "--url", "https://data.example.vn/crm/", "--json"))
    assert sheet["data"][0]["endpoint"] == "https://data.example.vn/crm/v1/data/birthday-gift"


def test_a_dataset_without_an_example_gets_one(run, folder, clients):
    """A dataset that gives no example gets curl lines too, with every parameter of its own in them."""
    clients.create("pango", {})
    package = folder / "acme_data"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "points.py").write_text(
        "from marshmallow import Schema, fields\n"
        "from provider.dataset import Dataset\n\n\n"
        "class Parameters(Schema):\n    year = fields.Integer(required=True)\n\n\n"
        "class Record(Schema):\n    points = fields.Integer()\n\n\n"
        'dataset = Dataset(name="points", parameters=Parameters, record=Record, fetch=lambda query: None)\n'
    )
    (connection,) = json.loads(run(*COMMAND, "--json", PROVIDER_DATASETS="acme_data"))["data"]
    body = json.loads(shlex.split(connection["curl"][1])[-2])
    assert body["phone"] == "0359677657"
    assert "year" in body
