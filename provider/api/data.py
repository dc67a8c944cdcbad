"""The Access Data API: GET and POST /v1/data/<dataset>."""

from collections.abc import Mapping

from flask import Blueprint, Response, g, request

from provider.api.answers import answer
from provider.api.parameters import raw_parameters
from provider.auth import Authenticator
from provider.dataset import Dataset
from provider.errors import UnknownDataset
from provider.lookup import lookup


def data_api(datasets: Mapping[str, Dataset], authenticator: Authenticator, *, region: str) -> Blueprint:
    """Make the routes for these datasets. `region` is the country of phones without a country code."""
    blueprint = Blueprint("data", __name__)

    @blueprint.route("/v1/data/<dataset>", methods=["GET", "POST"])
    def serve(dataset: str) -> Response:
        g.caller = authenticator.authenticate(request.headers)
        if dataset not in datasets:
            raise UnknownDataset
        g.dataset = dataset
        record = lookup(datasets[dataset], raw_parameters(request), region=region)
        return answer(g.caller.envelope.ok(record))

    return blueprint
