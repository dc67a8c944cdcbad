"""Tokens: what is documented byte by byte, and what is read into the rest."""

import time

import pytest
from pretend import CREDENTIALS, PERSON

AUTHEN = "api/v1.0/auth-app"


def app(partner, organisation="org-1", refresh_token="refresh me", **changes):
    """Fetch a token of version 2."""
    return partner.http.post(
        f"{partner.url}/{AUTHEN}/{organisation}/authen",
        json={"appId": "app-1", "account": "account-1"} | changes,
        headers={"refreshToken": refresh_token},
    )


def send_app(partner, token, organisation="org-1"):
    """Ingest by version 2."""
    return partner.http.post(
        f"{partner.url}/dhub-i/api/v2.0/ingest",
        json={"objectType": "customer-identity", "source": "CRM", "entries": [PERSON]},
        headers={"OrgId": organisation, "AccessToken": token},
    )


def test_the_documented_answer(partner):
    """A token lives half an hour: its moments are in milliseconds, its life in seconds, in the documented order."""
    before = time.time_ns() // 1_000_000
    content = partner.authenticate().json()
    after = time.time_ns() // 1_000_000
    assert list(content) == ["success", "status", "token", "issuedAt", "expiredAt", "expiredAfter"]
    assert content["success"] is True
    assert content["status"] == "authenticated"
    assert before <= content["issuedAt"] <= after
    assert content["expiredAt"] - content["issuedAt"] == 1_800_000
    assert content["expiredAfter"] == 1800
    assert isinstance(content["expiredAfter"], int)


@pytest.mark.parametrize("changes", [{"username": None}, {"apiKey": None}, {"username": ""}])
def test_missing_credentials(partner, changes):
    """Without a user name or a key the answer is the documented one, byte by byte."""
    response = partner.authenticate(**changes)
    assert response.status_code == 400
    assert (
        response.content == b'{"success":false,"errorCode":"MISSING_INFO","message":"Username and ApiKey are required"}'
    )


@pytest.mark.parametrize("group", [None, "another"])
def test_missing_organisation(partner, group):
    """Without the organisation's key the answer is the documented one, byte by byte."""
    response = partner.authenticate(cdpGKey=group)
    assert response.status_code == 400
    assert (
        response.content == b'{"success":false,"errorCode":"MISSING_INFO","message":"Organization Context is not set"}'
    )


@pytest.mark.parametrize("changes", [{"username": "another"}, {"apiKey": "another"}, {"apiKey": 5}])
def test_wrong_credentials(partner, changes):
    """A wrong name or key is refused with 401."""
    assert partner.authenticate(**changes).status_code == 401


def test_version_2(partner):
    """A refresh token, an app and an account give a token at data.accessToken, which ingests with Bearer before it."""
    content = app(partner).json()
    assert content["success"] is True
    assert send_app(partner, f"Bearer {content['data']['accessToken']}").json() == {"success": True}


def test_version_2_refuses(partner):
    """Whatever is wrong in version 2, no token is given, and none is believed."""
    token = app(partner).json()["data"]["accessToken"]
    for refused in (
        app(partner, organisation="org-2"),
        app(partner, refresh_token="another"),
        app(partner, appId="another"),
        app(partner, account="another"),
        send_app(partner, token),
        send_app(partner, f"Bearer {token}", organisation="org-2"),
        send_app(partner, "Bearer another"),
    ):
        assert refused.status_code == 401
        assert refused.json()["success"] is False


def test_an_ingest_needs_token_and_key(partner):
    """Without its token or its key an ingest is 401, counts in no window and stores nothing."""
    for headers in ({"TOKEN": ""}, {"TOKEN": "another"}, {"API_KEY": ""}, {"API_KEY": "another"}):
        assert partner.ingest([PERSON], **headers).status_code == 401
    assert partner.windows()[1]["highest"] == 0


def test_tokens_overlap(partner):
    """A new token leaves the earlier ones alive."""
    first = partner.token
    partner.authenticate()
    assert partner.token != first
    assert partner.ingest([PERSON], TOKEN=first).status_code == 200


def test_life_is_sped_up(simulate):
    """With a speed-up a token says that it lives as much shorter."""
    content = simulate(speed_up=1000).authenticate().json()
    assert content["expiredAfter"] == 1.8
    assert content["expiredAt"] - content["issuedAt"] == 1800


def test_a_token_may_end_early(simulate):
    """A token can be made to end before the moment it names: that is 401."""
    partner = simulate(token_ttl=0)
    content = partner.authenticate().json()
    assert content["expiredAfter"] == 1800
    assert partner.ingest([PERSON]).status_code == 401
    assert partner.credentials == CREDENTIALS
