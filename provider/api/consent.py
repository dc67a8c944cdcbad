"""The consent page: the partner's administrator admits a client, with a code from `provider client consent`."""

from authlib.oauth2 import OAuth2Error
from flask import Blueprint, Response, make_response, render_template, request

from provider.api.oauth2 import check_quotable
from provider.auth.access import SCOPE
from provider.auth.failed_logins import FailedLogins
from provider.auth.keys import CONSENT_CODE
from provider.auth.oauth2.authorization_server import OAuthServer
from provider.auth.one_time_secrets import OneTimeSecrets
from provider.errors import Forbidden, ProviderError

WRONG_CODE = "That code is not valid, has been used, or is older than ten minutes. Make a new one."


def consent_page(server: OAuthServer, secrets: OneTimeSecrets, failed_logins: FailedLogins) -> Blueprint:
    """Make the authorization endpoint (RFC 6749 section 3.1)."""
    blueprint = Blueprint("consent", __name__, template_folder="templates")

    @blueprint.errorhandler(OAuth2Error)
    def refuse(error: OAuth2Error) -> Response:
        return server.answer_error(error)

    @blueprint.route("/oauth2/authorize", methods=["GET", "POST"])
    def authorize() -> Response:
        check_quotable(request.values)
        grant = server.get_consent_grant()
        client = grant.request.client.caller
        if request.method == "GET":
            return page(client.name, grant.request.scope)
        if request.form.get("decision") == "deny":
            return server.answer_authorization(grant, granted=False)
        code = secrets.find(request.form.get("consent_code", "").strip(), CONSENT_CODE)
        if code and code.client_pk == client.id and secrets.use(code):
            return server.answer_authorization(grant, granted=True)
        refusal = failed_logins.refuse(Forbidden(WRONG_CODE), request.remote_addr, client=client.client_id)
        return page(client.name, grant.request.scope, refusal)

    def page(client: str, scope: str, refusal: ProviderError | None = None) -> Response:
        datasets = [name.removeprefix(SCOPE) for name in scope.split()]
        wrong = refusal.message if refusal else ""
        response = make_response(render_template("consent.html", client=client, datasets=datasets, wrong=wrong))
        if refusal:
            response.status_code = refusal.status
            response.headers.extend(refusal.headers)
        response.headers["Cache-Control"] = "no-store"
        # No other page may show this one in a frame, where a click is meant for something else (RFC 9700 section 4.16).
        response.headers["Content-Security-Policy"] = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'"
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "no-referrer"
        return response

    return blueprint
