"""The Data Ingestion Callback: POST /v1/callbacks/ingestion (PangoCDP, "Data Ingestion Callback")."""

from flask import Blueprint, Response

from provider.api.bodies import json_object, read_large_body
from provider.api.flask_app import current_request
from provider.api.responses import json_response
from provider.contract.envelope import Envelope
from provider.ingestion.inbound.callbacks import CHECKSUM_HEADER, KEY_HEADER, Callbacks

PREFIX = "/v1/callbacks/"
ENVELOPE = Envelope()
"""The default one: that of the settings may answer HTTP 200 always, as lookups may want it. Whoever sends results must
see by the HTTP status that they were not kept."""

EXAMPLE = '{"data": {"<refId>": {"status": 200}}}'


def callback_api(callbacks: Callbacks) -> Blueprint:
    """Make the route. The body is read only after the key in the header was found to be right."""
    blueprint = Blueprint("callbacks", __name__)

    @blueprint.post(f"{PREFIX}ingestion")
    def receive() -> Response:
        asked = current_request()
        api_key = callbacks.authenticate(asked.headers.get(KEY_HEADER), asked.remote_addr)
        payload = json_object(read_large_body(asked), example=EXAMPLE)
        records = callbacks.receive(payload, api_key=api_key, checksum=asked.headers.get(CHECKSUM_HEADER))
        return json_response(ENVELOPE.ok({"records": records}))

    return blueprint
