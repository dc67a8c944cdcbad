"""One exchange with Pango: limited in time and size, never redirected, and nothing of it in an error but its kind."""

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
"""When an answer that is still coming in is given up."""

RETRY_AFTER = "X-Rate-Limit-Retry-After-Seconds"
LEAST_WAIT, LONGEST_WAIT = 0.1, 86400.0

_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


class Unanswered(Exception):
    """No answer came, or none that can be read. The text is for people and names neither addresses nor secrets."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: `content` is its JSON object, None when it is something else."""

    status: int
    headers: httpx2.Headers
    content: Mapping[str, Any] | None

    @property
    def code(self) -> str | None:
        """Give Pango's errorCode."""
        return self._text("errorCode", LONGEST_CODE)

    @property
    def message(self) -> str:
        """Give Pango's own words, else what the status says."""
        return self._text("message", LONGEST_MESSAGE) or f"Pango answered with HTTP status {self.status}."

    @property
    def request_id(self) -> str | None:
        """Give the id to name when asking Pango about it."""
        return self._text("requestId", LONGEST_CODE)

    @property
    def wait(self) -> float | None:
        """Give the seconds Pango wants us to wait, None when it does not say."""
        return retry_after(self.headers.get(RETRY_AFTER))

    @property
    def limited(self) -> bool:
        """Tell whether a failure is about how many requests there were: Pango may use other statuses than 429."""
        return self.status == httpx2.codes.TOO_MANY_REQUESTS or RETRY_AFTER in self.headers

    def _text(self, key: str, longest: int) -> str | None:
        value = (self.content or {}).get(key)
        if not isinstance(value, str | int) or isinstance(value, bool):
            return None
        return _UNPRINTABLE.sub(" ", str(value)).strip()[:longest] or None


def open_http() -> httpx2.Client:
    """Make the client for all threads. It keeps connections alive and verifies certificates.

    Proxies, certificates and passwords that the environment names are not used: the settings say where to send to.
    """
    return httpx2.Client(
        timeout=TIMEOUT,
        follow_redirects=False,
        trust_env=False,
        # A compressed answer could be larger than it looks.
        headers={"Accept": "application/json", "Accept-Encoding": "identity"},
    )


def post(http: httpx2.Client, url: str, headers: Mapping[str, str], body: bytes) -> Reply:
    """Send JSON and read the answer; Unanswered."""
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


def retry_after(value: str | None) -> float | None:
    """Read X-Rate-Limit-Retry-After-Seconds: the seconds to wait, None when it does not say, or says nonsense.

    A server that says 0 still refused: it gets a moment. No window of Pango's is longer than a day: a longer wait is
    nonsense, and to obey it would stop a push for a day or for good.
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
