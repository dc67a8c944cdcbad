"""What the number of rows does to a lookup: p50 over tables of growing size, on SQLite and PostgreSQL.

A lookup is a whole call of the real app, API key, envelope and request log included, but for the network. The tables
are indexed on the columns that are compared, and everybody asked for is in them.
"""

import argparse
import contextlib
import json
import os
import random
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from lookup import call, environ
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

from provider import create_app
from provider.auth.clients import Clients
from provider.cli.db import upgrade_database
from provider.settings import Settings
from provider.store.provider_database import open_database

GOAL = 1.2
SIZES = (1_000, 1_000_000)
LARGEST = 10_000_000
ROUNDS = 7
SEED = 20180915
POSTGRESQL = "postgresql+psycopg://postgres@127.0.0.1:5432/postgres"

COLUMNS = "mobile VARCHAR(20), mail VARCHAR(80), code VARCHAR(12), amount INTEGER, created_on TIMESTAMP"
SQLITE_ROWS = """
WITH RECURSIVE numbers(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < {rows})
INSERT INTO vouchers SELECT CASE n % 2 WHEN 0 THEN printf('09%08d', n) ELSE printf('+849%08d', n) END,
printf('member%08d@example.com', n), printf('V%08d', n), n % 500, '2026-01-15 09:30:00.000000' FROM numbers
"""
POSTGRESQL_ROWS = """
INSERT INTO vouchers SELECT CASE mod(n, 2) WHEN 0 THEN '09' ELSE '+849' END || lpad(n::text, 8, '0'),
'member' || lpad(n::text, 8, '0') || '@example.com', 'V' || lpad(n::text, 8, '0'), mod(n, 500), '2026-01-15 09:30:00'
FROM generate_series(0, {rows} - 1) AS n
"""

DATASET = """
from provider.dataset import Column, TableDataset

dataset = TableDataset(
    name="voucher",
    source="shop",
    table="vouchers",
    identifiers={"phone": Column("mobile", stored_as=("national", "e164", "international")), "email": "mail"},
    record={"code": "code", "value": "amount"},
    newest_by="created_on",
)
"""

Ask = Callable[[int], None]


def main() -> None:
    """Fill the tables, measure in turns, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=1_000, help="lookups in one round (default: 1000)")
    parser.add_argument("--largest", action="store_true", help=f"measure {LARGEST:,} rows as well: minutes, and 4 GB")
    parser.add_argument("--postgresql", default=POSTGRESQL, help="address of a server where a database may be made")
    options = parser.parse_args()
    sizes = (*SIZES, LARGEST) if options.largest else SIZES
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sys.path.append(name)
        with (folder / "log").open("w") as log:
            with contextlib.redirect_stdout(log):  # where the request log goes is settled when an app is made
                tables = {rows: sqlite(folder, rows) for rows in sizes}
            report("SQLite", tables, options.calls)
            try:
                with database(options.postgresql) as url:
                    with contextlib.redirect_stdout(log):
                        tables = {rows: postgresql(folder, url, rows) for rows in sizes}
                    report("PostgreSQL", tables, options.calls)
            except OperationalError:
                print("PostgreSQL is not reachable: left out.")


def sqlite(folder: Path, rows: int) -> Ask:
    """Fill a file with this many rows and give the function that asks for one of them."""
    file = folder / f"{rows}.db"
    with contextlib.closing(sqlite3.connect(file)) as connection, connection:
        connection.execute(f"CREATE TABLE vouchers ({COLUMNS})")
        connection.execute(SQLITE_ROWS.format(rows=rows))
        connection.execute("CREATE INDEX by_mobile ON vouchers (mobile)")
        connection.execute("CREATE INDEX by_mail ON vouchers (mail)")
    return asking(folder / f"sqlite_{rows}", f"sqlite:///{file}")


@contextlib.contextmanager
def database(server: str) -> Iterator[str]:
    """Make a database of our own on a server; it is dropped at the end."""
    name = f"provider_rows_{os.getpid()}"
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
        try:
            yield make_url(server).set(database=name).render_as_string(hide_password=False)
        finally:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    engine.dispose()


def postgresql(folder: Path, url: str, rows: int) -> Ask:
    """Fill a schema with this many rows and give the function that asks for one of them."""
    schema = f"rows_{rows}"
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for statement in (
            f"CREATE SCHEMA {schema}",
            f"SET search_path = {schema}",
            f"CREATE TABLE vouchers ({COLUMNS})",
            POSTGRESQL_ROWS.format(rows=rows),
            "CREATE INDEX ON vouchers (mobile)",
            "CREATE INDEX ON vouchers (mail)",
            "VACUUM ANALYZE vouchers",
        ):
            connection.exec_driver_sql(statement)
    engine.dispose()
    return asking(folder / f"postgresql_{rows}", f"{url}?options=-csearch_path%3D{schema}")


def asking(folder: Path, url: str) -> Ask:
    """Serve the table at an address; give the function that looks up one person by phone and email."""
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "voucher.py").write_text(DATASET)
    settings = Settings(
        database_url=f"sqlite:///{folder}/provider.db",
        secret_key=f"{SEED:048}",
        datasets=folder.name,
        sources={"shop": url},
    )
    upgrade_database(settings)
    issued = Clients(open_database(settings), settings).create("pango", {})
    app = create_app(settings)
    headers = {"HTTP_TOKEN_KEY": issued.api_key}

    def ask(number: int) -> None:
        phone, mail = f"09{number:08d}", f"member{number:08d}@example.com"
        answer = json.loads(call(app, environ("/v1/data/voucher", phone, mail, headers)))
        if answer["data"] != {"code": f"V{number:08d}", "value": number % 500}:
            raise SystemExit(f"a wrong answer for row {number}: {answer}")

    return ask


def report(name: str, tables: dict[int, Ask], calls: int) -> None:
    """Measure the tables in turns, so that a slow moment of the machine hits all; the first round only warms up."""
    chance = random.Random(SEED)
    times: dict[int, list[float]] = {rows: [] for rows in tables}
    for round_ in range(ROUNDS + 1):
        for rows, ask in tables.items():
            for _ in range(calls):
                number = chance.randrange(rows)
                began = time.perf_counter()
                ask(number)
                if round_:
                    times[rows].append(time.perf_counter() - began)
    first = statistics.median(times[min(tables)])
    print(f"{name}: {ROUNDS} rounds of {calls:,} lookups")
    for rows, measured in times.items():
        p50 = statistics.median(measured)
        print(f"{rows:>12,} rows   p50 {p50 * 1e6:>7.1f} µs   ratio {p50 / first:.2f}   (goal: {GOAL} or less)")


if __name__ == "__main__":
    main()
