"""Pango's Data Ingestion API: one request with a batch of entries, and what its answer means."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from provider.settings import Settings


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a request.

    `accepted`: Pango has queued the entries. `refused`: Pango will not have this content; among several entries it may
    be one that is at fault. `limited`: wait `retry_after` seconds (None: as long as you see fit) before anything else
    is sent. `failed`: send the same again later. `code` and `message` are Pango's where it gave some. `requests` is how
    many ingest requests were made: 2 when the token had to be renewed, 0 when there was no token.
    """

    outcome: Literal["accepted", "refused", "limited", "failed"]
    code: str | None
    message: str
    retry_after: float | None = None
    request_id: str | None = None
    requests: int = 1


@dataclass(frozen=True, slots=True)
class Prepared:
    """A request as it goes out, but for the token."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes

    def shown(self) -> dict[str, str]:
        """Give the headers for people to see: secrets are masked."""
        raise NotImplementedError


class PangoClient:
    """Sends entries to Pango, from as many threads as one likes."""

    def __init__(self, settings: Settings) -> None:
        """Check the settings; ConfigurationError says which one lacks. Nothing is sent yet."""

    def prepare(self, entries_json: bytes, members: Mapping[str, Any], *, init_data: bool) -> Prepared:
        """Write the request for a JSON array of entries, without sending it.

        `members` stand beside the entries: objectType, source, jeConfigId, jeEventKey, ignoredUpdateCfs, and what was
        pasted from Pango's console.
        """
        raise NotImplementedError

    def send(
        self,
        object_type: str,
        entries: bytes,
        *,
        members: Mapping[str, Any],
        init_data: bool,
        permit: Callable[[], bool] | None = None,
    ) -> Answer:
        """Send a JSON array of entries. Never raises for what Pango or the network does.

        A token that Pango refuses is renewed once and the request repeated, which is one more request: `permit` is
        asked before it, and may wait; False gives up.
        """
        raise NotImplementedError

    def close(self) -> None:
        """Close the connections."""


def retry_after(value: str | None) -> float | None:
    """Read X-Rate-Limit-Retry-After-Seconds: the seconds to wait, None when it does not say."""
    raise NotImplementedError
