"""Dead letters, put back among what waits: those that our own check would not refuse again."""

from itertools import islice

import orjson
from sqlalchemy import RowMapping

from provider.ingestion.push.batches import MOST_BYTES, UNREADABLE, check, join
from provider.ingestion.push.outbox import Outbox

_AT_ONCE = 500


def revive(outbox: Outbox, push_id: str, object_type: str) -> int:
    """Put dead letters back; give how many. ConfigurationError when somebody else does at the same time."""
    count = 0
    letters = outbox.dead(push_id)
    while some := list(islice(letters, _AT_ONCE)):
        good = [letter for letter in some if _may_go(letter, object_type)]
        if good:
            entries = list(join(bytes(letter["payload"]) for letter in good))
            outbox.revive(push_id, [letter["id"] for letter in good], entries)
            count += len(good)
    return count


def _may_go(letter: RowMapping, object_type: str) -> bool:
    payload = letter["payload"]
    if letter["code"] == UNREADABLE:
        return False
    return len(payload) + 2 <= MOST_BYTES and not check(orjson.loads(payload), object_type)
