"""A partner's console: a client that may use every OAuth grant, and the administrator who lets it in."""

import base64
import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import strict
from flask.testing import FlaskClient
from services import own_address
from support import PHONE, Deployment
from werkzeug.test import TestResponse

from provider.auth.keys import CONSENT_CODE, Pepper
from provider.auth.one_time_secrets import OneTimeSecrets

AUTHORIZE = "/oauth2/authorize"
CALLBACK = "https://console.example/callback"


@dataclass(frozen=True)
class Pkce:
    """A proof key: what only the client knows, and what it shows at the start (RFC 7636)."""

    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48))

    @property
    def challenge(self) -> str:
        """The verifier's SHA-256, the S256 way."""
        digest = hashlib.sha256(self.verifier.encode()).digest()
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()

    def asked(self, **more: str | None) -> dict[str, str]:
        """Give the parameters of an authorization request; None leaves one out."""
        parameters = {
            "response_type": "code",
            "code_challenge": self.challenge,
            "code_challenge_method": "S256",
            "state": "a state of the client's",
        }
        return {name: value for name, value in {**parameters, **more}.items() if value is not None}


class Console:
    """A client with registered addresses, asking the app in this process from an address of its own."""

    def __init__(
        self, deployment: Deployment, name: str = "pango", redirect_uris: Sequence[str] = (CALLBACK,), **more: Any
    ) -> None:
        self.deployment = deployment
        self.issued = deployment.clients.create(name, {}, redirect_uris=redirect_uris, **more)
        self.id = self.issued.client.client_id
        self.redirect_uri = redirect_uris[0] if redirect_uris else ""
        self.pkce = Pkce()
        self.address = own_address()

    @property
    def browser(self) -> FlaskClient:
        """Open a browser at the address it asks from."""
        client = self.deployment.app.test_client()
        client.environ_base["REMOTE_ADDR"] = self.address
        return client

    def asked(self, **more: str | None) -> dict[str, str]:
        """Give the parameters of its authorization request; None leaves one out."""
        return self.pkce.asked(**{"client_id": self.id, **more})

    def consent_code(self) -> str:
        """Make a one-time code, as `provider client consent` does."""
        settings = self.deployment.settings
        one_time_secrets = OneTimeSecrets(
            self.deployment.app.extensions["databases"]["provider"], Pepper(settings.secret_key.encode())
        )
        return one_time_secrets.make(CONSENT_CODE, client=self.issued.client.id)

    def page(self, **more: str | None) -> TestResponse:
        """Open the consent page."""
        return self.browser.get(AUTHORIZE, query_string=self.asked(**more))

    def decide(self, code: str = "", decision: str = "allow", **more: str | None) -> TestResponse:
        """Press a button on the consent page."""
        form = {"consent_code": code, "decision": decision}
        return self.browser.post(AUTHORIZE, query_string=self.asked(**more), data=form)

    def code(self, **more: str | None) -> str:
        """Get an authorization code."""
        return strict.redirect(self.decide(self.consent_code(), **more), self.redirect_uri)["code"]

    def exchange(self, grant_type: str = "authorization_code", **more: str | None) -> TestResponse:
        """Ask for tokens."""
        form = {"grant_type": grant_type, **more}
        return self.browser.post(
            "/oauth2/token",
            data={name: value for name, value in form.items() if value is not None},
            auth=(self.id, self.issued.client_secret),
        )

    def tokens(self, **more: str | None) -> dict[str, Any]:
        """Get tokens through the whole flow."""
        return strict.token(self.exchange(code=self.code(**more), code_verifier=self.pkce.verifier))

    def refresh(self, refresh_token: str, **more: str) -> TestResponse:
        """Ask for the next tokens."""
        return self.exchange("refresh_token", refresh_token=refresh_token, **more)

    def opens(self, tokens: Mapping[str, str]) -> TestResponse:
        """Look the sample person up with an access token."""
        headers = {"Authorization": f"Bearer {tokens['access_token']}"}
        return self.browser.get(f"/v1/data/voucher?phone={PHONE}", headers=headers)

    def active(self, token: str) -> bool:
        """Ask whether a token holds."""
        auth = (self.id, self.issued.client_secret)
        answer = self.browser.post("/oauth2/introspect", data={"token": token}, auth=auth)
        return bool(strict.document(answer)["active"])
