"""Runs a transaction, and runs it again after a deadlock."""

import time
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from provider.database.drivers import is_conflict

_Result = TypeVar("_Result")

_TRIES = 10
_PAUSE_SECONDS = 0.075
"""The pause grows by this much with each try; all pauses together take 2.7 seconds."""


def run_in_transaction(engine: Engine, work: Callable[[Connection], _Result]) -> _Result:
    """Run `work` in a transaction and return its result; run it again when a deadlock ended it.

    Raises the deadlock of the last try, and every other error of `work` or the database.
    """
    tries = 0
    while True:
        try:
            with engine.begin() as connection:
                return work(connection)
        except DBAPIError as error:
            tries += 1
            if tries == _TRIES or not is_conflict(error, engine.dialect):
                raise
        time.sleep((tries - 1) * _PAUSE_SECONDS)
