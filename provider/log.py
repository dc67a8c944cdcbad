"""Writes logs: one JSON object a line on standard output. Messages are constants, no field holds personal data."""

import logging
import sys
import traceback
from collections.abc import MutableMapping
from contextlib import suppress
from types import TracebackType
from typing import Any, BinaryIO

import orjson
import structlog

_SHARED_PROCESSORS: list[Any] = [
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
]


def _without_error_text(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Replace a library's error by its class and its traceback: the error's text may quote a phone."""
    kind, _error, trace = event.pop("exc_info", None) or (None, None, None)
    if kind:
        event.update(event="error in a library", error=kind.__name__, at=frames(trace))
    return event


def frames(trace: TracebackType | None) -> list[str]:
    """Return the file, line and function of each frame of a traceback."""
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(trace)]


class JsonFormatter(structlog.stdlib.ProcessorFormatter):
    """Formats the log lines of libraries (server, database pool) like our own."""

    def __init__(self) -> None:
        super().__init__(
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _without_error_text,
                structlog.processors.EventRenamer("event"),
                structlog.processors.JSONRenderer(serializer=lambda event, **_: orjson.dumps(event).decode()),
            ],
            foreign_pre_chain=[*_SHARED_PROCESSORS, structlog.stdlib.add_logger_name],
        )


class _OutputLogger:
    """Writes lines to standard output. A lookup must not fail because a pipe is closed or a disk is full."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def info(self, line: bytes) -> None:
        with suppress(OSError):
            self._stream.write(line + b"\n")
            self._stream.flush()

    debug = warning = error = critical = info


LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": JsonFormatter}},
    "handlers": {"stdout": {"class": "logging.StreamHandler", "stream": "ext://sys.stdout", "formatter": "json"}},
    "root": {"handlers": ["stdout"], "level": "WARNING"},
    "loggers": {"_granian": {"handlers": ["stdout"], "level": "WARNING", "propagate": False}},
}
"""For `logging.config.dictConfig`; the server uses it for its own lines too."""


def configure() -> None:
    """Set up our own logger. It writes straight to standard output, because every request logs a line."""
    output = _OutputLogger(sys.stdout.buffer)
    structlog.configure(
        processors=[*_SHARED_PROCESSORS, structlog.processors.JSONRenderer(serializer=orjson.dumps)],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=lambda *_: output,
        cache_logger_on_first_use=True,
    )
