"""HTTP with Pango: limited in time and size, no redirects, and errors that name neither addresses nor secrets."""

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx2
import orjson

LARGEST_ANSWER = 1024 * 1024
LONGEST_MESSAGE = 1000
LONGEST_CODE = 64

TIMEOUT = httpx2.Timeout(connect=5.0, write=10.0, read=30.0, pool=5.0)
ANSWER_SECONDS = 40.0
"""How long an answer may take to arrive in full."""

RETRY_AFTER = "X-Rate-Limit-Retry-After-Seconds"
LEAST_WAIT, LONGEST_WAIT = 0.1, 86400.0

_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


class Unanswered(Exception):
    """No answer came, or none that can be read. The text is for people, without addresses and secrets."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: `content` is its JSON object, None when it is something else."""

    status: int
    headers: httpx2.Headers
    content: Mapping[str, Any] | None

    @property
    def code(self) -> str | None:
        """Return Pango's errorCode."""
        return self._text("errorCode", LONGEST_CODE)

    @property
    def message(self) -> str:
        """Return Pango's message, else one about the HTTP status."""
        return self._text("message", LONGEST_MESSAGE) or f"Pango answered with HTTP status {self.status}."

    @property
    def request_id(self) -> str | None:
        """Return the id by which Pango's support finds the request."""
        return self._text("requestId", LONGEST_CODE)

    @property
    def retry_after(self) -> float | None:
        """Return how many seconds Pango wants us to wait, None when it does not say."""
        return read_retry_after(self.headers.get(RETRY_AFTER))

    @property
    def limited(self) -> bool:
        """Return whether there were too many requests: Pango may use other statuses than 429."""
        return self.status == httpx2.codes.TOO_MANY_REQUESTS or RETRY_AFTER in self.headers

    def _text(self, key: str, longest: int) -> str | None:
        value = (self.content or {}).get(key)
        if not isinstance(value, str | int) or isinstance(value, bool):
            return None
        return _UNPRINTABLE.sub(" ", str(value)).strip()[:longest] or None


def open_http() -> httpx2.Client:
    """Make an HTTP client for all threads. It keeps connections alive and verifies certificates.

    It ignores proxies, certificates and passwords of the environment: the settings alone say where to send.
    """
    return httpx2.Client(
        timeout=TIMEOUT,
        follow_redirects=False,
        trust_env=False,
        # A compressed answer could be larger than it looks.
        headers={"Accept": "application/json", "Accept-Encoding": "identity"},
    )


def post(http: httpx2.Client, url: str, headers: Mapping[str, str], body: bytes) -> Reply:
    """Send JSON and return the answer; Unanswered."""
    deadline, content = time.monotonic() + ANSWER_SECONDS, b""
    try:
        with http.stream("POST", url, headers={"Content-Type": "application/json", **headers}, content=body) as answer:
            for chunk in answer.iter_raw():
                content += chunk
                if len(content) > LARGEST_ANSWER:
                    raise Unanswered("Pango's answer is too large.")
                if time.monotonic() > deadline:
                    raise Unanswered("Pango's answer takes too long.")
    except httpx2.HTTPError as error:
        raise Unanswered(f"Pango does not answer ({type(error).__name__}).") from None
    return Reply(answer.status_code, answer.headers, _read_object(content))


def read_retry_after(value: str | None) -> float | None:
    """Read X-Rate-Limit-Retry-After-Seconds: the seconds to wait, None when it is missing or makes no sense.

    0 becomes a short wait, as the request was refused. More than a day makes no sense: no window of Pango's is longer.
    """
    try:
        seconds = float(value or "")
    except ValueError:
        return None
    return max(seconds, LEAST_WAIT) if 0 <= seconds <= LONGEST_WAIT else None


def _read_object(content: bytes) -> dict[str, Any] | None:
    try:
        document = orjson.loads(content)
    except orjson.JSONDecodeError:
        return None
    return document if isinstance(document, dict) else None
