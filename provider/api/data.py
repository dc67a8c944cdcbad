"""The Access Data API: GET and POST /v1/data/<dataset>."""

from collections.abc import Mapping

from flask import Blueprint, Response

from provider.api.flask_app import current_request
from provider.api.parameters import raw_parameters
from provider.api.responses import json_response
from provider.auth.authenticator import Authenticator
from provider.auth.challenges import bearer_challenge
from provider.dataset import Dataset
from provider.errors import InvalidRequest, UnknownDataset
from provider.lookup import lookup
from provider.records.people.suppression import Suppressions

TOKEN_PARAMETER = "access_token"  # noqa: S105 -- RFC 6750 sections 2.2 and 2.3, which we refuse


def data_api(
    datasets: Mapping[str, Dataset], authenticator: Authenticator, suppressions: Suppressions, *, region: str
) -> Blueprint:
    """Make the routes for these datasets. `region` is the country of phones without a country code."""
    blueprint = Blueprint("data", __name__)

    @blueprint.route("/v1/data/<dataset>", methods=["GET", "POST"])
    def serve(dataset: str) -> Response:
        request = current_request()
        access = authenticator.authenticate(request.headers, request.remote_addr)
        request.caller = access.caller
        if dataset not in datasets:
            raise UnknownDataset
        request.dataset = dataset
        visible = access.visible(dataset)
        raw = raw_parameters(request)
        if TOKEN_PARAMETER in raw:
            raise InvalidRequest(
                "A token in the address or the body ends up in logs: send it in a header.",
                headers=bearer_challenge("invalid_request"),
            )
        record = lookup(datasets[dataset], raw, region=region, visible=visible, suppressed=suppressions.current())
        return json_response(access.caller.envelope.ok(record))

    return blueprint
