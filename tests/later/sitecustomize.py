"""Move the clock of every Python program that has this folder in PYTHONPATH two years ahead (`make test-later`).

libfaketime does not do: in Debian's version either `time.sleep` fails in Python or a lock with a timeout never ends.
"""

import time

import time_machine

AHEAD = 730 * 86400
"""Seconds. The offset must be the same in all processes, to a millisecond: some tests compare their clocks."""

while True:
    travel = time_machine.travel(time.time() + AHEAD)
    travel.start()
    if abs(time.time() - time_machine.escape_hatch.time.time() - AHEAD) < 0.001:
        break
    travel.stop()
