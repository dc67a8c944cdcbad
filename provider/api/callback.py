"""The Data Ingestion Callback: POST /v1/callbacks/ingestion (PangoCDP, "Data Ingestion Callback")."""

from flask import Blueprint, Response

from provider.api.bodies import json_object, read_large_body
from provider.api.flask_app import current_request
from provider.api.responses import json_response
from provider.contract.envelope import Envelope
from provider.ingestion.inbound.callbacks import CHECKSUM_HEADER, KEY_HEADER, Callbacks

PREFIX = "/v1/callbacks/"
ENVELOPE = Envelope()
"""The default envelope. With that of the settings an error may have HTTP status 200, but Pango must see by the status
that results were not stored."""

EXAMPLE = '{"data": {"<refId>": {"status": 200}}}'


def callback_api(callbacks: Callbacks) -> Blueprint:
    """Make the route. The body is read only when the key in the header is right."""
    blueprint = Blueprint("callbacks", __name__)

    @blueprint.post(f"{PREFIX}ingestion")
    def receive() -> Response:
        request = current_request()
        api_key = callbacks.authenticate(request.headers.get(KEY_HEADER), request.remote_addr)
        payload = json_object(read_large_body(request), example=EXAMPLE)
        records = callbacks.receive(payload, api_key=api_key, checksum=request.headers.get(CHECKSUM_HEADER))
        return json_response(ENVELOPE.ok({"records": records}))

    return blueprint
