"""What happened last, for the page: requests, callbacks and faults. Without personal data, and not kept."""

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime

_LENGTH = 50


@dataclass(frozen=True)
class Line:
    """One thing that happened."""

    what: str
    outcome: str
    at: datetime = field(default_factory=lambda: datetime.now().astimezone())


@dataclass(frozen=True)
class Journal:
    """The newest lines of each kind."""

    requests: deque[Line] = field(default_factory=lambda: deque(maxlen=_LENGTH))
    callbacks: deque[Line] = field(default_factory=lambda: deque(maxlen=_LENGTH))
    faults: deque[Line] = field(default_factory=lambda: deque(maxlen=_LENGTH))
