"""The last requests, callbacks and faults, for the page. Without personal data, in memory only."""

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime

_LENGTH = 50


@dataclass(frozen=True)
class JournalLine:
    """One request, callback or fault."""

    what: str
    outcome: str
    at: datetime = field(default_factory=lambda: datetime.now().astimezone())


@dataclass(frozen=True)
class Journal:
    """The newest lines of each kind."""

    requests: deque[JournalLine] = field(default_factory=lambda: deque(maxlen=_LENGTH))
    callbacks: deque[JournalLine] = field(default_factory=lambda: deque(maxlen=_LENGTH))
    faults: deque[JournalLine] = field(default_factory=lambda: deque(maxlen=_LENGTH))
