"""Pango's Data Ingestion API: one request with a batch of entries, and what its answer means."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Literal

import httpx2
import orjson

from provider.ingestion.pango.http import Reply, Unanswered, open_http, post
from provider.ingestion.pango.tokens import NoToken, Tokens, choose_authentication
from provider.settings import Settings

Outcome = Literal["accepted", "refused", "limited", "failed"]

MASK = "***"
_SHOWN_HEADERS = ("Content-Type", "OrgId")
_ENTRIES = "entries"
_MEMBERS = ("objectType", "source", "jeConfigId", "jeEventKey", _ENTRIES, "ignoredUpdateCfs")
"""In the order of Pango's page "Data Ingestion"."""

_REFUSALS = (HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY)


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a request.

    `accepted`: Pango has queued the entries. `refused`: Pango does not take this content; one entry may be the reason.
    `limited`: wait `retry_after` seconds (None: Pango does not say) before anything else is sent. `failed`: send the
    same again later. `code` and `message` are Pango's where it gave some. `requests` is how many ingest requests were
    made: 2 when the token had to be renewed, 0 when there was no token.
    """

    outcome: Outcome
    code: str | None
    message: str
    retry_after: float | None = None
    request_id: str | None = None
    requests: int = 1


@dataclass(frozen=True, slots=True)
class Prepared:
    """A request as it is sent, but without the token."""

    method: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    def shown(self) -> dict[str, str]:
        """Return the headers with secrets masked."""
        return {name: value if name in _SHOWN_HEADERS else MASK for name, value in self.headers.items()}


class PangoClient:
    """Sends entries to Pango, from any number of threads."""

    def __init__(self, settings: Settings) -> None:
        """Check the settings; ConfigurationError names the one that is missing. Nothing is sent yet."""
        self._authentication = choose_authentication(settings)
        self._url = httpx2.URL(settings.pango_ingest_url)
        self._http = open_http()
        self._tokens = Tokens(self._authentication, self._http)

    def prepare(self, entries_json: bytes, members: Mapping[str, Any], *, init_data: bool) -> Prepared:
        """Make the request for a JSON array of entries, without sending it.

        `members` go beside the entries: objectType, source, jeConfigId, jeEventKey, ignoredUpdateCfs, and what was
        copied from Pango's console. A named member that is None is left out.
        """
        url = self._url.copy_set_param("initData", "true" if init_data else "false")
        headers = {"Content-Type": "application/json", **self._authentication.headers(MASK)}
        return Prepared("POST", str(url), headers, _compose(entries_json, members))

    def send(
        self,
        object_type: str,
        entries: bytes,
        *,
        members: Mapping[str, Any],
        init_data: bool,
        take_permit: Callable[[], bool] | None = None,
    ) -> Answer:
        """Send a JSON array of entries. Whatever Pango or the network does becomes an Answer.

        A token that Pango refuses is renewed once, and the request repeated. `take_permit` is called before the second
        request and may wait; when it returns False, the request is not repeated.
        """
        prepared = self.prepare(entries, {**members, "objectType": object_type}, init_data=init_data)
        requests = 0
        try:
            token = self._tokens.get()
            requests = 1
            reply = self._post(prepared, token)
            if reply.status == HTTPStatus.UNAUTHORIZED and not reply.limited:
                token = self._tokens.renew(token)
                if take_permit is None or take_permit():
                    requests = 2
                    reply = self._post(prepared, token)
        except NoToken as refusal:
            outcome: Outcome = "limited" if refusal.limited else "failed"
            return Answer(outcome, refusal.code, refusal.message, refusal.retry_after, requests=requests)
        except Unanswered as error:
            return Answer("failed", None, str(error), requests=requests)
        return _interpret(reply, requests)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _post(self, prepared: Prepared, token: str) -> Reply:
        return post(self._http, prepared.url, self._authentication.headers(token), prepared.body)


def _compose(entries: bytes, members: Mapping[str, Any]) -> bytes:
    """Write the body; the entries stay as they are, byte by byte."""
    named = [(name, members.get(name)) for name in _MEMBERS if name == _ENTRIES or members.get(name) is not None]
    copied = [(name, value) for name, value in members.items() if name not in _MEMBERS]
    parts = (
        orjson.dumps(name) + b":" + (entries if name == _ENTRIES else orjson.dumps(value))
        for name, value in [*named, *copied]
    )
    return b"{" + b",".join(parts) + b"}"


def _interpret(reply: Reply, requests: int) -> Answer:
    """Decide what an answer means, by `success` (PangoCDP, "Data Ingestion API Testing") and the status."""
    outcome: Outcome = "failed"
    message = reply.message
    success = reply.content.get("success") if reply.content else None
    if reply.status == HTTPStatus.OK and success is True:
        outcome = "accepted"
    elif reply.limited:
        outcome = "limited"
    elif reply.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE or (
        reply.content is not None
        and (reply.status in _REFUSALS or (reply.status == HTTPStatus.OK and success is False))
    ):
        outcome = "refused"
    elif reply.status == HTTPStatus.OK:
        message = "Pango's answer cannot be read: it does not say whether it was a success."
    retry_after = None if outcome == "accepted" else reply.retry_after
    return Answer(outcome, reply.code, message, retry_after, reply.request_id, requests)
