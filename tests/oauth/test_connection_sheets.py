"""`provider connect --auth token|oauth`, and the defaults `provider client` states: what a person reads and pastes."""

import json
import subprocess

import pytest
from partner import CALLBACK
from services import require_program
from support import PATIENCE_SECONDS, VOUCHER, provider, refusal

from provider.cli.connect import TRIAL
from provider.errors import ConfigurationError


@pytest.fixture(scope="module")
def installation(install):
    """Start a server."""
    return install(PROVIDER_TOKEN_ID_FIELD="user", PROVIDER_TOKEN_SECRET_FIELD="pass")


@pytest.fixture
def run(installation):
    """Run the `provider` command over the installation."""
    return lambda *arguments: provider(*arguments, **_where(installation)).stdout


def _where(installation, **variables):
    return {
        "cwd": installation.servers[0].folder,
        "PROVIDER_DATABASE_URL": installation.settings.database_url,
        "PROVIDER_SECRET_KEY": installation.settings.secret_key,
        "PROVIDER_TOKEN_ID_FIELD": "user",
        "PROVIDER_TOKEN_SECRET_FIELD": "pass",
        **variables,
    }


def curl(line):
    """Paste a curl line into a shell; give what it prints as JSON."""
    require_program("curl")
    done = subprocess.run(["/bin/sh", "-c", line], capture_output=True, timeout=PATIENCE_SECONDS, check=True)
    return json.loads(done.stdout)


def section(sheet, title):
    """Read one connection of a printed sheet: its rows by their titles."""
    _, _, rest = sheet.partition(f"\n{title}\n")
    rows, last = {}, ""
    for line in rest.splitlines():
        if not line.startswith("  "):
            break
        last = line[2:15].strip() or last
        rows.setdefault(last, []).append(line[16:])
    return rows


@pytest.mark.parametrize(
    ("options", "data_key"), [({}, "data"), ({"data_key": "body", "success_key": "isSuccess"}, "body")]
)
def test_the_token_sheet_is_what_pango_asks_for(run, installation, options, data_key):
    """The Access Token Api sheet has endpoint, method, header, body, prefix and field; its curl lines all work."""
    name = f"token-{data_key}"
    issued = installation.clients.create(name, options)
    sheet = run("connect", name, "--auth", "token", "--url", installation.url)
    rows = section(sheet, "Access Token Api")
    assert rows["Endpoint"] == [f"{installation.url}/v1/token"]
    assert rows["Method"] == ["POST"]
    assert rows["Header"] == ["Content-Type: application/json"]
    assert rows["Body"][0] == f"user: {issued.client.client_id}"
    assert rows["Body"][1].startswith(f"pass: (the client secret that ends in …{issued.client_secret[-4:]};")
    assert rows["Token Prefix"] == ["Bearer"]
    assert rows["Token Field"] == [f"{data_key}.accessToken"]
    assert "Authorization: Bearer (the token)" in section(sheet, "Access Data Api: voucher")["Header"]
    lines = [line for line in sheet.splitlines() if line.startswith("curl ")]
    assert len(lines) == 7
    token = curl(lines[0])[data_key]
    assert token["tokenType"] == "Bearer"
    assert token["accessToken"].startswith("pat_")
    for line in lines[1:]:
        answer = curl(line)
        assert answer["isSuccess" if options else "success"] is True, answer
        if "/voucher" in line:
            assert answer[data_key] == VOUCHER
    for secret in (issued.api_key, issued.client_secret):
        assert secret not in sheet


def test_the_oauth_sheet_is_what_a_client_needs(run, installation):
    """The OAuth sheet has the token endpoint and a client_credentials form; its curl lines all work."""
    issued = installation.clients.create("oauth", {}, grants={"voucher": None, "customer": {"fullName": None}})
    sheet = run("connect", "oauth", "--auth", "oauth", "--url", installation.url)
    rows = section(sheet, "OAuth 2.0, client credentials")
    assert rows["Endpoint"] == [f"{installation.url}/oauth2/token"]
    assert rows["Header"] == ["Content-Type: application/x-www-form-urlencoded"]
    assert rows["Body"][:2] == ["grant_type: client_credentials", f"client_id: {issued.client.client_id}"]
    assert rows["Token Field"] == ["access_token"]
    lines = [line for line in sheet.splitlines() if line.startswith("curl ")]
    assert len(lines) == 5
    token = curl(lines[0])
    assert (token["token_type"], token["scope"]) == ("Bearer", "data:customer data:voucher")
    answers = [curl(line) for line in lines[1:]]
    assert [answer["success"] for answer in answers] == [True] * 4
    assert [set(answer["data"]) for answer in answers] == [{"fullName"}, {"fullName"}, set(VOUCHER), set(VOUCHER)]


def test_the_sheet_as_json_says_the_same(run, installation):
    """With --json the sheet is one object, for scripts; its token lines work too."""
    installation.clients.create("scripted", {})
    for auth, field in (("token", "data.accessToken"), ("oauth", "access_token")):
        sheet = json.loads(run("connect", "scripted", "--auth", auth, "--url", installation.url + "/", "--json"))
        assert (sheet["client"], sheet["auth"]) == ("scripted", auth)
        assert sheet["token"]["token_field"] == field
        assert sheet["token"]["token_prefix"] == "Bearer"
        found = curl(sheet["token"]["curl"][0])
        for part in field.split("."):
            found = found[part]
        assert found.startswith("pat_")
        voucher = next(data for data in sheet["data"] if data["dataset"] == "voucher")
        assert [curl(line)["data"] for line in voucher["curl"]] == [VOUCHER, VOUCHER]


def test_the_secrets_of_a_sheet_end_by_themselves(run, installation):
    """The curl lines carry secrets of their own, which end within a day, and are told apart from the lasting ones."""
    installation.clients.create("tried", {})
    run("connect", "tried", "--auth", "token")
    keys = installation.clients.get("tried").credentials
    assert sorted((key.kind, key.expires_at and key.expires_at - key.created_at) for key in keys if key.expires_at) == [
        ("client_secret", TRIAL)
    ]
    assert sorted(key.kind for key in keys if not key.expires_at) == ["api_key", "client_secret"]


def test_a_sheet_names_fixed_headers_and_the_header_for_tokens(installation):
    """Fixed headers, and a header chosen for tokens, are on the sheet and in its curl lines."""
    where = _where(installation, PROVIDER_REQUIRED_HEADERS="X-Channel=pango", PROVIDER_TOKEN_HEADER="X-Access-Token")
    installation.clients.create("headers", {})
    for auth, header in (("token", "X-Access-Token"), ("oauth", "Authorization")):
        sheet = provider("connect", "headers", "--auth", auth, **where).stdout
        headers = section(sheet, "Access Data Api: voucher")["Header"]
        assert headers[:2] == [f"{header}: Bearer (the token)", "X-Channel: pango"]
        lines = [line for line in sheet.splitlines() if line.startswith("curl ") and "/v1/data/" in line]
        assert all(f"'{header}: Bearer pat_" in line and "'X-Channel: pango'" in line for line in lines)


def test_a_method_that_is_off_gets_no_sheet(installation):
    """There is no sheet for a method the client or the deployment does without, nor for a revoked client."""
    installation.clients.create("keys-only", {}, auth_methods=["api_key"])
    message = refusal("connect", "keys-only", "--auth", "token", **_where(installation))
    assert message == "Client 'keys-only' may not use token."
    installation.clients.create("any", {})
    where = _where(installation, PROVIDER_AUTH_METHODS="api_key")
    assert refusal("connect", "any", "--auth", "oauth", **where) == "Client 'any' may not use oauth."
    installation.clients.revoke("any")
    assert "is revoked" in refusal("connect", "any", "--auth", "token", **_where(installation))


def test_create_states_the_defaults(run):
    """Defaults are printed: every dataset, the methods of the settings, from anywhere, and how to limit each."""
    text = run("client", "create", "defaults")
    assert "May read       every dataset (limit it with --dataset)" in text
    assert "May use        api_key, token, oauth" in text
    assert "May call from  anywhere (limit it with --network)" in text


def test_create_states_the_limits(run, installation):
    """The limits that were given are printed and stored."""
    given = [
        "--dataset",
        "voucher",
        "--dataset",
        "customer:fullName,tier",
        "--auth",
        "token",
        "--network",
        "203.0.113.0/24",
    ]
    text = run("client", "create", "limited", *given)
    assert "May read       voucher, customer (fullName, tier)" in text
    assert "May use        token" in text
    assert "May call from  203.0.113.0/24" in text
    kept = installation.clients.get("limited")
    assert kept.grants == {"voucher": None, "customer": {"fullName": None, "tier": None}}
    assert (kept.auth_methods, kept.networks) == (["token"], ["203.0.113.0/24"])


def test_create_refuses_a_dataset_or_a_field_that_is_none(installation):
    """A dataset or a field that does not exist is refused in one line that says which there are."""
    for value, told in (
        ("nowhere", "There is no dataset 'nowhere'. There are: "),
        ("voucher:password", "Dataset voucher has no field 'password'. It has: code, "),
    ):
        assert told in refusal("client", "create", "mistaken", "--dataset", value, **_where(installation))
    assert "mistaken" not in {client.name for client in installation.clients.list()}


@pytest.mark.parametrize(
    "address",
    [
        "http://console.example/callback",
        "https://console.example/#x",
        "https://console.example/#",
        "javascript:alert(1)",
        "//console.example",
        "/callback",
        "https://",
        "https://[::1",
        "https://console.example/a b",
        'https://console.example/"',
        "https://console.example/\\",
        "https://console.example/é",
        "https://console.example/\n",
        "https://user:word@console.example/",
        "http://127.0.0.1@console.example/",
        "http://127.0.0.1.console.example/",
        "",
    ],
)
def test_a_code_goes_to_a_safe_address_alone(deployment, address):
    """A redirect address is https without a fragment, or plain http to this machine; another one is refused."""
    with pytest.raises(ConfigurationError, match="cannot be a redirect address"):
        deployment.clients.create("mistaken", {}, redirect_uris=[CALLBACK, address])
    assert deployment.clients.list() == []


@pytest.mark.parametrize(
    "address", [CALLBACK, "https://console.example:8443/a/b?c=d&e=%20", "http://127.0.0.1:8080/", "http://[::1]:9/x"]
)
def test_a_safe_address_is_kept_to_the_letter(deployment, address):
    """A redirect address is kept as it was given, since it is compared to the letter."""
    assert deployment.clients.create("fine", {}, redirect_uris=[address]).client.redirect_uris == [address]


@pytest.mark.parametrize("network", ["203.0.113.1/24", "home", "", "203.0.113.0/33"])
def test_a_network_that_is_none_is_refused(deployment, network):
    """A network is an address and the length of its prefix, with nothing behind it."""
    with pytest.raises(ConfigurationError, match="Write a network like"):
        deployment.clients.create("mistaken", {}, networks=[network])


def test_consent_prints_a_code_alone(installation):
    """`client consent` prints the code alone on standard output, for a script or a paste, and explains beside it."""
    installation.clients.create("asks", {}, redirect_uris=[CALLBACK])
    done = provider("client", "consent", "asks", **_where(installation))
    assert done.stdout.startswith("pcc_")
    assert len(done.stdout.split()) == 1
    assert "once, for ten minutes" in done.stderr


def test_consent_is_for_clients_with_an_address(installation):
    """A client without a redirect address, a revoked one and one that may not use OAuth get no code."""
    installation.clients.create("machine", {})
    assert "no redirect address" in refusal("client", "consent", "machine", **_where(installation))
    installation.clients.create("ended", {}, redirect_uris=[CALLBACK])
    installation.clients.revoke("ended")
    assert "is revoked" in refusal("client", "consent", "ended", **_where(installation))
    installation.clients.create("no-oauth", {}, redirect_uris=[CALLBACK], auth_methods=["token"])
    assert "may not use oauth" in refusal("client", "consent", "no-oauth", **_where(installation))
