"""How fast `provider import` is, and what it needs of memory: memberships of a CSV file into each database.

The command runs in a process of its own, as a person runs it; the rate is of the whole run, start and checks included.
The processor's seconds are the command's own: on a busy machine they say more than the rate.
One row in a thousand is rejected. Servers that do not answer are left out.
"""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError

from provider.cli.db import upgrade_database
from provider.settings import Settings

GOAL_RATE = 5_000
GOAL_MEGABYTES = 200
SERVERS = {
    "PostgreSQL": "postgresql+psycopg://postgres@127.0.0.1:5432/{}",
    "MariaDB": "mysql+pymysql://root@127.0.0.1:3306/{}?charset=utf8mb4",
}
DATABASE = "provider_benchmark_importing"
HEADERS = (
    "membershipId,customerId,customerPhone,customerEmail,customerName,membershipType,status,membershipIssuedAt,"
    "membershipUpdatedAt,earnPoint,loyaltyPoint,redeemPoint,customFieldTexts.customField01"
)


def main() -> None:
    """Make a file and import it into each database, once into an empty table and once over what is there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "memberships.csv")
        write(file, options.rows)
        print(
            f"{options.rows:,} rows, {file.stat().st_size / 1e6:.0f} MB; goals: {GOAL_RATE:,}/s, {GOAL_MEGABYTES} MB\n"
        )
        print(f"{'':<12}{'':<10}{'seconds':>9}{'records/s':>12}{'its CPU':>11}{'memory':>10}")
        for name, url in databases(Path(folder)):
            upgrade_database(Settings(database_url=url))
            for run in ("new", "again"):
                seconds, cpu, megabytes = measure(file, url, options.rows)
                print(
                    f"{name:<12}{run:<10}{seconds:>9.1f}"
                    f"{options.rows / seconds:>12,.0f}{cpu:>9.1f} s{megabytes:>7.0f} MB",
                    flush=True,
                )


def write(file: Path, rows: int) -> None:
    """Write members as a shop exports them."""
    with file.open("w", encoding="utf-8") as output:
        output.write(f"{HEADERS}\n")
        for number in range(rows):
            phone = "no phone" if number % 1000 == 1 else f"09{number % 100_000_000:08d}"
            points = "many" if number % 1000 == 0 else number % 5000
            output.write(
                f"M{number:08d},C{number:08d},{phone},member{number}@example.com,Nguyễn Văn An,VIP,Active,"
                f"2021-03-08 09:30:00,1716000000000,{number},{points},{number % 700},tag:question\n"
            )


def databases(folder: Path) -> Iterator[tuple[str, str]]:
    """Give an empty database of each kind: its name and its address."""
    yield "SQLite", f"sqlite:///{folder}/provider.db"
    for name, url in SERVERS.items():
        server = create_engine(
            url.format("postgres" if name == "PostgreSQL" else "mysql"), isolation_level="AUTOCOMMIT"
        )
        try:
            with contextlib.closing(server.connect()) as connection:
                connection.execute(text(f"DROP DATABASE IF EXISTS {DATABASE}"))
                connection.execute(text(f"CREATE DATABASE {DATABASE}"))
                try:
                    yield name, url.format(DATABASE)
                finally:
                    connection.execute(text(f"DROP DATABASE {DATABASE}"))
        except OperationalError:
            print(f"{name:<12}does not answer")
        finally:
            server.dispose()


def measure(file: Path, url: str, rows: int) -> tuple[float, float, float]:
    """Import the file; give the seconds, those of the processor, and the most memory it had, in megabytes."""
    command = [sys.executable, "-m", "provider", "import", "customer-membership", str(file), "--json"]
    began = time.perf_counter()
    process = subprocess.Popen(
        command, env={**os.environ, "PROVIDER_DATABASE_URL": url}, stdout=subprocess.PIPE, cwd=file.parent
    )
    output = process.stdout.read() if process.stdout else b""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - began
    summary = json.loads(output)
    if (summary["read"], summary["rejected"]) != (rows, -(-rows // 1000)):
        raise SystemExit(f"not what was to be imported: {summary}")
    cpu = usage.ru_utime + usage.ru_stime
    return seconds, cpu, usage.ru_maxrss / (1024 if sys.platform != "darwin" else 1024**2)


if __name__ == "__main__":
    main()
