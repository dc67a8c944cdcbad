"""The Data Ingestion Callback: POST /v1/callbacks/ingestion (PangoCDP, "Data Ingestion Callback")."""

from flask import Blueprint, Response

from provider.api.bodies import json_object, read_large_body
from provider.api.request_log import current_request
from provider.api.responses import answer
from provider.contract.envelope import Envelope
from provider.ingestion.inbound.callbacks import CHECKSUM_HEADER, KEY_HEADER, Callbacks

PREFIX = "/v1/callbacks/"
ENVELOPE = Envelope()
"""The names and the status of a deployment's own envelope were chosen for lookups: whoever reports results must be able
to tell by the HTTP status that they were not kept."""

EXAMPLE = '{"data": {"<refId>": {"status": 200}}}'


def callback_api(callbacks: Callbacks) -> Blueprint:
    """Make the route. Nothing of the body is read before the key in the header is known to be right."""
    blueprint = Blueprint("callbacks", __name__)

    @blueprint.post(f"{PREFIX}ingestion")
    def receive() -> Response:
        asked = current_request()
        api_key = callbacks.authenticate(asked.headers.get(KEY_HEADER), asked.remote_addr)
        payload = json_object(read_large_body(asked), example=EXAMPLE)
        records = callbacks.receive(payload, api_key=api_key, checksum=asked.headers.get(CHECKSUM_HEADER))
        return answer(ENVELOPE.ok({"records": records}))

    return blueprint
