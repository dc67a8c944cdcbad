"""Move the clock of every Python program that has this folder in PYTHONPATH two years ahead (`make test-later`).

libfaketime does not do: in Debian's version either `time.sleep` fails in Python or a lock with a timeout never ends.
"""

from datetime import UTC, datetime, timedelta

import time_machine

time_machine.travel(datetime.now(UTC) + timedelta(days=730)).start()
