"""The simulator as a Flask app: Pango's addresses, and some that show the simulator's state."""

import time
from http import HTTPStatus
from typing import Any

import orjson
from flask import Blueprint, Flask, Response, abort, g, render_template, request
from werkzeug.exceptions import HTTPException

from provider.proof.simulator.accounts import unauthorized
from provider.proof.simulator.faults import Dropped
from provider.proof.simulator.journal import JournalLine
from provider.proof.simulator.json_answers import answer
from provider.proof.simulator.pango import Pango

_LARGEST_BODY = 16 * 1024 * 1024


def create_simulator(pango: Pango) -> Flask:
    """Make the WSGI app."""
    app = Flask("provider.proof.simulator", static_folder=None)
    app.config.update(MAX_CONTENT_LENGTH=_LARGEST_BODY, PROVIDE_AUTOMATIC_OPTIONS=False)
    app.url_map.merge_slashes = False  # a part of a record's key may be empty
    app.url_map.strict_slashes = False
    app.register_blueprint(_pango_api(pango))
    app.register_blueprint(_inspection(pango))

    @app.errorhandler(HTTPException)
    def refuse(error: HTTPException) -> Any:
        response = error.get_response()
        name, message = HTTPStatus(response.status_code).name, error.description
        response.data = orjson.dumps({"success": False, "errorCode": name, "message": message})
        response.content_type = "application/json"
        return response

    return app


def _pango_api(pango: Pango) -> Blueprint:
    api = Blueprint("pango", __name__)
    accounts, ingestion, faults = pango.accounts, pango.ingestion, pango.faults

    @api.before_request
    def prepare() -> None:
        g.began = time.perf_counter()
        request.get_data()  # a connection may be dropped later: its data must have been read
        faults.wait()

    @api.after_request
    def add_to_journal(response: Response) -> Response:
        """Add the request to the journal, without its content, which may be personal data."""
        outcome = f"HTTP {response.status_code}"
        if isinstance(response, Dropped):
            outcome = "dropped"
        elif response.status_code >= HTTPStatus.BAD_REQUEST:
            outcome += f" {response.get_data().decode(errors='replace')}"
        milliseconds = (time.perf_counter() - g.began) * 1000
        what = f"{request.url_rule}, {request.content_length} bytes, {milliseconds:.1f} ms"
        pango.journal.requests.append(JournalLine(what, outcome))
        return response

    @api.post("/api/accounts/authen")
    def authenticate() -> Response:
        return faults.inject(accounts.authenticate)

    @api.post("/api/v1.0/auth-app/<organisation>/authen")
    def authenticate_app(organisation: str) -> Response:
        return faults.inject(lambda: accounts.authenticate_app(organisation))

    @api.post("/dhub-i/api/v1.0/ingest")
    def ingest() -> Response:
        return ingestion.ingest() if accounts.is_authenticated() else unauthorized("Invalid TOKEN or API_KEY")

    @api.post("/dhub-i/api/v2.0/ingest")
    def ingest_app() -> Response:
        return ingestion.ingest() if accounts.is_app_authenticated() else unauthorized("Invalid OrgId or AccessToken")

    return api


def _inspection(pango: Pango) -> Blueprint:
    pages = Blueprint("inspection", __name__)
    state, ingestion = pango.state, pango.ingestion

    @pages.get("/")
    def show_state() -> str:
        queued, callbacks = state.waiting()
        return render_template(
            "state.html",
            totals=state.totals(),
            windows=ingestion.window_use(),
            queued=queued,
            callbacks=callbacks,
            journal=pango.journal,
        )

    @pages.get("/_simulator/limits")
    def show_limits() -> Response:
        windows = [
            {
                "seconds": window.seconds,
                "limit": window.limit,
                "highest": window.highest,
                "refused": window.refused,
            }
            for window, _ in ingestion.window_use()
        ]
        return answer({"windows": windows})

    @pages.get("/_simulator/records/<object_type>")
    def show_counts(object_type: str) -> Response:
        total = state.total(object_type)
        return answer({"count": total.records, "refIds": total.ref_ids, "received": total.received})

    @pages.get("/_simulator/records/<object_type>/<path:key>")
    def show_record(object_type: str, key: str) -> Response:
        body = state.record(object_type, key)
        if body is None:
            abort(HTTPStatus.NOT_FOUND, "There is no such record")
        return Response(body, content_type="application/json")

    @pages.get("/_simulator/digest/<object_type>")
    def show_digest(object_type: str) -> Response:
        return answer({"digest": state.digest(object_type)})

    return pages
