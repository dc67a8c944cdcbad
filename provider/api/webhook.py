"""The webhook inbox: POST /v1/webhooks/<name> (PangoCDP, "Webhook")."""

from typing import Any

import orjson
from flask import Blueprint, Response

from provider.api.bodies import json_object, read_large_body
from provider.api.flask_app import current_request
from provider.api.responses import json_response
from provider.auth.authenticator import Authenticator
from provider.errors import InvalidRequest
from provider.ingestion.inbound.webhook_worker import Worker
from provider.ingestion.inbound.webhooks import NAME, Inbox
from provider.store.provider_database import reaching_database


def webhook_api(inbox: Inbox, worker: Worker, authenticator: Authenticator) -> Blueprint:
    """Make the route. A webhook is stored before the response; its handler runs later, in the background."""
    blueprint = Blueprint("webhooks", __name__)

    @blueprint.post("/v1/webhooks/<name>")
    def receive(name: str) -> Response:
        request = current_request()
        access = authenticator.authenticate(request.headers, request.remote_addr)
        request.caller = access.caller
        if not NAME.fullmatch(name):
            raise InvalidRequest("A webhook's name is made of a-z, 0-9 and -, 64 at most.")
        access.check_webhook(name)  # after the check of the name, which the refusal repeats in a header
        sent = json_object(read_large_body(request), example='{"event": "voucher-issued"}')
        with reaching_database():
            number = inbox.add(name, client=access.caller.name, payload=_payload(sent))
        worker.wake()
        return json_response(access.caller.envelope.ok({"id": number}))

    return blueprint


def _payload(sent: dict[str, Any]) -> bytes:
    """Write the JSON again, because a name that was sent twice would hide a phone from erasure; InvalidRequest."""
    try:
        return orjson.dumps(sent)
    except orjson.JSONEncodeError:  # orjson reads 1024 levels and writes 254
        raise InvalidRequest("The body is nested too deeply: 254 levels are the limit.") from None
