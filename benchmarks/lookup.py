"""What a full lookup costs beside a bare Flask route that runs the same SQL: CPU time, in one process, without HTTP.

The full lookup is the real app: API key, validation, envelope, request log written to a file. Run it with `make bench`.
"""

import argparse
import contextlib
import io
import json
import random
import re
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import flask
from sqlalchemy import Engine

from provider import create_app
from provider.auth.clients import Clients
from provider.cli.db import upgrade_database
from provider.settings import Settings
from provider.store.provider_database import open_database

GOAL = 2.0
ROUNDS = 9
SEED = 20180915

Environ = dict[str, Any]
Wsgi = Callable[[Environ, Callable[..., Any]], Any]


def main() -> None:
    """Make the table, serve it both ways, measure in turns, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=2_000, help="calls in one round (default: 2000)")
    parser.add_argument("--rows", type=int, default=100_000, help="members in the table (default: 100000)")
    options = parser.parse_args()
    if not 0 < options.calls <= options.rows:
        parser.error("every call asks for another member: --calls must be between 1 and --rows")
    with tempfile.TemporaryDirectory() as folder, Path(folder, "log").open("w") as log:
        shop = Path(folder, "shop.db")
        fill(shop, options.rows)
        full, headers, engine = full_lookup(Path(folder), shop, log)
        phone, mail = member(0)
        sql = statement(engine, lambda: call(full, environ("/v1/data/voucher", phone, mail, headers)))
        bare = bare_route(shop, sql)
        compare(full, bare, headers, options)


def member(number: int) -> tuple[str, str]:
    """Name a member: phone as Pango sends it, and email."""
    return f"09{number:08d}", f"member{number:06d}@example.com"


def fill(shop: Path, rows: int) -> None:
    """Write a voucher for each member; half of the phones are stored with +84."""
    chance = random.Random(SEED)
    with contextlib.closing(sqlite3.connect(shop)) as connection, connection:
        connection.execute(
            "CREATE TABLE vouchers (mobile VARCHAR(20), mail VARCHAR(80), code VARCHAR(12), is_expired BOOLEAN, "
            "amount INTEGER, created_on DATETIME)"
        )
        connection.executemany("INSERT INTO vouchers VALUES (?, ?, ?, ?, ?, ?)", vouchers(chance, rows))
        connection.execute("CREATE INDEX by_mobile ON vouchers (mobile)")
        connection.execute("CREATE INDEX by_mail ON vouchers (mail)")


def vouchers(chance: random.Random, rows: int) -> Iterator[tuple[Any, ...]]:
    """Make the rows."""
    for number in range(rows):
        phone, mail = member(number)
        stored = chance.choice((phone, f"+84{phone[1:]}"))
        expired, amount, day = chance.choice((True, False)), 1000 * chance.randint(1, 500), chance.randint(1, 28)
        yield stored, mail, f"V{number:06d}", expired, amount, f"2026-01-{day:02d} 09:30:00.000000"


def full_lookup(folder: Path, shop: Path, log: io.TextIOBase) -> tuple[Wsgi, Environ, Engine]:
    """Make the real app and a client; give the app, the headers of a call, and the engine that asks the shop."""
    settings = Settings(
        database_url=f"sqlite:///{folder}/provider.db",
        secret_key=f"{SEED:048}",
        datasets="served",
        sources={"shop": f"sqlite:///{shop}"},
    )
    upgrade_database(settings)
    issued = Clients(open_database(settings), settings).create("pango", {})
    with contextlib.redirect_stdout(log):  # where the request log goes is settled when the app is made
        app = create_app(settings)
    return app, {"HTTP_TOKEN_KEY": issued.api_key}, app.extensions["databases"]["source shop"]


def statement(engine: Engine, lookup: Callable[[], Any]) -> str:
    """Record the SQL that one lookup sends to SQLite, with ? for its values."""
    sent: list[str] = []
    pooled = engine.raw_connection()
    connection: Any = pooled.driver_connection  # the only one of the pool: the lookup will use it too
    pooled.close()
    connection.set_trace_callback(sent.append)
    lookup()
    connection.set_trace_callback(None)
    return re.sub(r"'[^']*'", "?", sent[-1])


def bare_route(shop: Path, sql: str) -> Wsgi:
    """Make the smallest route that answers: no authentication, no validation, no log."""
    app = flask.Flask("bare")
    connection = sqlite3.connect(f"file:{shop}?mode=ro", uri=True)

    @app.get("/voucher")
    def voucher() -> dict[str, Any]:
        phone, mail = flask.request.args["phone"], flask.request.args["email"]
        row = connection.execute(sql, (phone, f"+84{phone[1:]}", mail)).fetchone()
        data = {"code": row[0], "expired": bool(row[1]), "value": row[2]}
        return {"success": True, "message": "OK", "errorCode": 0, "data": data}

    return app


def environ(path: str, phone: str, mail: str, headers: Environ) -> Environ:
    """Make what a WSGI server hands over for a GET."""
    return {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": f"phone={phone}&email={mail.replace('@', '%40')}",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8000",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": "127.0.0.1:8000",
        "HTTP_ACCEPT": "*/*",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        **headers,
    }


def call(app: Wsgi, request: Environ) -> bytes:
    """Do what a WSGI server does."""
    body = app(request, lambda *_: None)
    content = b"".join(body)
    body.close()
    return content


def measure(app: Wsgi, requests: list[Environ]) -> float:
    """Give the CPU microseconds of one call."""
    began = time.process_time()
    for request in requests:
        call(app, request)
    return (time.process_time() - began) / len(requests) * 1e6


def compare(full: Wsgi, bare: Wsgi, headers: Environ, options: argparse.Namespace) -> None:
    """Measure both in turns, so that a slow moment of the machine hits both; the first round only warms up."""
    chance = random.Random(SEED)
    ways = {"bare Flask route": (bare, "/voucher", {}), "full lookup": (full, "/v1/data/voucher", headers)}
    costs: dict[str, list[float]] = {name: [] for name in ways}
    for round_ in range(ROUNDS + 1):
        people = [member(number) for number in chance.sample(range(options.rows), options.calls)]
        answers = []
        for name, (app, path, sent) in ways.items():
            answers.append(json.loads(call(app, environ(path, *people[0], sent))))
            cost = measure(app, [environ(path, *person, sent) for person in people])
            if round_:
                costs[name].append(cost)
        if answers[0] != answers[1] or not answers[0]["success"]:
            raise SystemExit(f"the two do not answer alike: {answers}")
    print(f"CPU of one request, {options.rows:,} members, {ROUNDS} rounds of {options.calls:,} calls\n")
    print(f"{'':<20}{'best':>10}{'median':>10}")
    for name, figures in costs.items():
        print(f"{name:<20}{min(figures):>7.1f} µs{statistics.median(figures):>7.1f} µs")
    first, second = costs.values()
    ratio = min(second) / min(first)
    middle = statistics.median(second) / statistics.median(first)
    print(f"{'ratio':<20}{ratio:>10.2f}{middle:>10.2f}   (goal: {GOAL} or less)")


if __name__ == "__main__":
    main()
