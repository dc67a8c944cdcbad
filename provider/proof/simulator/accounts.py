"""Authentication of ingests: Pango's two ways of fetching a token and of sending it.

Version 1 is documented (PangoCDP, "Authentication"); version 2 is what public clients of Pango do. The answers to wrong
credentials are made up.
"""

import secrets
import time
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

from flask import Response, request

from provider.proof.simulator.json_answers import answer, sent_object
from provider.proof.simulator.simulator_state import SimulatorState

TOKEN_SECONDS = 1800
"""How long a token lives (PangoCDP, "Authentication", the example of an answer)."""


@dataclass(frozen=True, kw_only=True)
class PangoCredentials:
    """The credentials Pango gives a partner, and the key a partner gives Pango for callbacks."""

    username: str = ""
    api_key: str = ""
    group_key: str = ""
    org_id: str = ""
    app_id: str = ""
    account: str = ""
    refresh_token: str = ""
    callback_key: str = ""

    def complete(self, state: SimulatorState) -> Self:
        """Fill the empty credentials from the state, or with random text, and store all."""
        complete = {}
        for name, given in asdict(self).items():
            random = f"{name.replace('_', '-')}-{secrets.token_urlsafe(18)}"
            complete[name] = given or state.credential(name) or random
            state.store_credential(name, complete[name])
        return replace(self, **complete)


class Accounts:
    """Issues and checks tokens. `token_ttl`: the seconds they are valid, when fewer than their answer says."""

    def __init__(
        self,
        credentials: PangoCredentials,
        state: SimulatorState,
        *,
        speed_up: float = 1.0,
        token_ttl: float | None = None,
    ) -> None:
        self._credentials = credentials
        self._state = state
        self._seconds = TOKEN_SECONDS / speed_up
        self._valid_seconds = self._seconds if token_ttl is None else token_ttl / speed_up

    def authenticate(self) -> Response:
        """Answer version 1: a token for username, apiKey and cdpGKey."""
        sent, own = sent_object() or {}, self._credentials
        if not sent.get("username") or not sent.get("apiKey"):
            return _missing_info("Username and ApiKey are required")
        if (sent["username"], sent["apiKey"]) != (own.username, own.api_key):
            return unauthorized("Invalid username or apiKey")
        if sent.get("cdpGKey") != own.group_key:
            return _missing_info("Organization Context is not set")
        token, issued = self._issue()
        return answer(
            {
                "success": True,
                "status": "authenticated",
                "token": token,
                "issuedAt": issued,
                "expiredAt": issued + round(self._seconds * 1000),
                "expiredAfter": int(self._seconds) if self._seconds.is_integer() else self._seconds,
            }
        )

    def authenticate_app(self, organisation: str) -> Response:
        """Answer version 2: an access token for a refresh token, an app and an account."""
        sent, own = sent_object() or {}, self._credentials
        shown = (organisation, request.headers.get("refreshToken"), sent.get("appId"), sent.get("account"))
        if shown != (own.org_id, own.refresh_token, own.app_id, own.account):
            return unauthorized("Invalid App Connect account")
        token, _ = self._issue()
        return answer({"success": True, "data": {"accessToken": token}})

    def is_authenticated(self) -> bool:
        """Return whether an ingest of version 1 has a valid token and its API key."""
        sent = request.headers
        return sent.get("API_KEY") == self._credentials.api_key and self._is_valid(sent.get("TOKEN", ""))

    def is_app_authenticated(self) -> bool:
        """Return whether an ingest of version 2 has a valid token and its organisation."""
        scheme, _, token = request.headers.get("AccessToken", "").partition(" ")
        known = request.headers.get("OrgId") == self._credentials.org_id
        return known and scheme == "Bearer" and self._is_valid(token)

    def _issue(self) -> tuple[str, int]:
        """Make a token; return it and the time, in milliseconds since 1970."""
        token, now = secrets.token_urlsafe(32), time.time()
        self._state.store_token(token, ends_at=now + self._valid_seconds)
        return token, int(now * 1000)

    def _is_valid(self, token: str) -> bool:
        return self._state.knows_token(token, time.time())


def unauthorized(message: str) -> Response:
    """Answer HTTP 401, in the shape of the documented errors."""
    return answer({"success": False, "errorCode": "UNAUTHORIZED", "message": message}, status=401)


def _missing_info(message: str) -> Response:
    content: dict[str, Any] = {"success": False, "errorCode": "MISSING_INFO", "message": message}
    return answer(content, status=400)
