"""Dead letters that are sent again: all but those that our own check would reject again."""

from itertools import islice

import orjson
from sqlalchemy import RowMapping

from provider.ingestion.push.batches import MOST_BYTES, UNREADABLE, find_problems, pack_entries
from provider.ingestion.push.outbox import Outbox

_PAGE = 500


def requeue_dead_letters(outbox: Outbox, push_id: str, object_type: str) -> int:
    """Move dead letters back into batches; return how many.

    ConfigurationError when another process does the same at the same time.
    """
    count = 0
    dead_letters = outbox.dead_letters(push_id)
    while some := list(islice(dead_letters, _PAGE)):
        sendable = [one for one in some if _is_sendable(one, object_type)]
        if sendable:
            entries = list(pack_entries(bytes(one["payload"]) for one in sendable))
            outbox.requeue(push_id, [one["id"] for one in sendable], entries)
            count += len(sendable)
    return count


def _is_sendable(dead_letter: RowMapping, object_type: str) -> bool:
    payload = dead_letter["payload"]
    if dead_letter["code"] == UNREADABLE:
        return False
    return len(payload) + 2 <= MOST_BYTES and not find_problems(orjson.loads(payload), object_type)
