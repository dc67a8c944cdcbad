"""Sources that fail: every answer is an envelope, in time, the others go on, and it works again without a restart."""

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path

import httpx2
import pytest
from servers import Cluster, Line, free_port, silent_port
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.pool import NullPool
from support import EMAIL, PHONE, VOUCHER, Server, envelope_of, eventually, failure, record

from provider.errors import SourceUnavailable
from provider.lookup import parse_query

LIMIT = 0.5
"""PROVIDER_LOOKUP_TIMEOUT here, in seconds."""
CONNECTING = 2.0
"""The least libpq waits for a connection."""
SOON = 0.4
"""Seconds within which an answer that needs no database comes, on a busy machine."""
BACK_WITHIN = 5.0

SHOP = """
    from provider.dataset import TableDataset

    dataset = TableDataset(
        name="{dataset}", source="shop", table="{table}", identifiers={"phone": "mobile"}, record={"v": "v"}
    )
"""
DEMO = """
    from provider.datasets.voucher import stored
    from provider.dataset import TableDataset

    dataset = TableDataset(
        name="demo", source="demo", table="tbl_voucher", identifiers={"phone": stored, "email": "mail"},
        record={"code": "voucher_code", "expired": "is_expired", "value": "amount"}, newest_by="created_on",
    )
"""
TABLES = (
    "CREATE TABLE a (mobile VARCHAR(20), v INTEGER)",
    f"INSERT INTO a VALUES ('{PHONE}', 1)",
    "CREATE TABLE b (mobile VARCHAR(20), v INTEGER)",
    f"INSERT INTO b VALUES ('{PHONE}', 1)",
)


@pytest.fixture(scope="session")
def _cluster():
    """Make a PostgreSQL of our own."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        message = "PostgreSQL's own programs are not installed in /usr/lib/postgresql"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    cluster = Cluster(found[-1].parent)
    try:
        cluster.start()
        run(cluster.url, *TABLES)
        yield cluster
    finally:
        cluster.remove()


@pytest.fixture
def cluster(_cluster):
    """Give a PostgreSQL of our own, running; whatever is done to it ends with the test."""
    _cluster.start()
    yield _cluster
    _cluster.resume()
    _cluster.start()


def run(url, *statements):
    """Run statements as the owner of a database; give the rows of the last one."""
    engine = create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        results = [connection.execute(text(statement)) for statement in statements]
        return list(results[-1]) if results[-1].returns_rows else []


@pytest.fixture
def package(make_package):
    """Write three datasets: two on the source `shop`, one on another."""
    files = {name: SHOP.replace("{dataset}", name).replace("{table}", name) for name in ("a", "b")}
    return make_package(**files, demo=DEMO)


@pytest.fixture
def serve(deploy, package, sample_data):
    """Deploy the datasets over a database that is the source `shop`; give an HTTP client with a key."""

    def serve(url, **settings):
        deployment = deploy(
            datasets=package, sources={"shop": url, "demo": sample_data}, lookup_timeout=LIMIT, **settings
        )
        key = deployment.issue().api_key
        return lambda: deployment.asking(key)

    return serve


def timed(client, dataset="a", **sent):
    """Ask, and give the answer with the seconds it took."""
    began = time.monotonic()
    response = client.get(f"/v1/data/{dataset}", query_string={"phone": PHONE, **sent})
    return response, time.monotonic() - began


def ask(client, dataset="a"):
    """Ask for the one person of a table."""
    return timed(client, dataset)[0]


def at_once(client_of, number):
    """Ask a number of times side by side; give answers with their seconds."""
    with ThreadPoolExecutor(number) as pool:
        return [done.result() for done in [pool.submit(timed, client_of()) for _ in range(number)]]


def code(response):
    """Read the code of an answer, which must be an envelope."""
    return envelope_of(response)["errorCode"]


def demo_goes_on(client):
    """Ask the dataset of the other source, which must answer as always."""
    response, seconds = timed(client, "demo", email=EMAIL)
    assert record(response) == VOUCHER
    assert seconds < SOON


def comes_back(client):
    """Wait for the right answer, which must come in time after a database's return."""
    began = time.monotonic()
    eventually(lambda: code(ask(client)) == 0)
    assert record(ask(client)) == {"v": 1}
    assert time.monotonic() - began < BACK_WITHIN


def test_a_database_stopped_in_the_middle_of_load(cluster, tmp_path, deployment, package, sample_data):
    """When a database stops and starts again under load, no answer is wrong, nothing hangs and no restart is needed."""
    settings, issued = deployment.settings, deployment.issue()
    server = Server(
        tmp_path,
        PROVIDER_DATABASE_URL=settings.database_url,
        PROVIDER_SECRET_KEY=settings.secret_key,
        PROVIDER_DATASETS=package,
        PROVIDER_SOURCE_SHOP_URL=cluster.url,
        PROVIDER_SOURCE_DEMO_URL=sample_data,
        PROVIDER_LOOKUP_TIMEOUT=str(LIMIT),
    )
    over = threading.Event()
    answers = []

    def call(dataset):
        with httpx2.Client(base_url=server.url, headers={"token-key": issued.api_key}, timeout=20) as client:
            while not over.is_set():
                began = time.monotonic()
                response = client.get(f"/v1/data/{dataset}", params={"phone": PHONE})
                answers.append((dataset, began, time.monotonic() - began, response))

    try:
        with ThreadPoolExecutor(6) as pool:
            calls = [pool.submit(call, dataset) for dataset in ("a", "a", "b", "b", "demo", "demo")]
            try:
                time.sleep(0.7)
                stopped = time.monotonic()
                cluster.stop()
                time.sleep(1.5)
                cluster.start()
                back = time.monotonic()
                time.sleep(BACK_WITHIN - 2)
            finally:
                over.set()
            for each in calls:
                each.result()
    finally:
        server.kill()

    for dataset, _, seconds, response in answers:
        said = envelope_of(response)
        assert seconds < LIMIT + CONNECTING
        if said["errorCode"] == 0:
            assert said["data"] == (VOUCHER if dataset == "demo" else {"v": 1})
        else:
            assert dataset != "demo"
            assert said["errorCode"] in ("SourceUnavailable", "Timeout")
            assert response.status_code == 503
    codes = [(began, envelope_of(response)["errorCode"]) for name, began, _, response in answers if name != "demo"]
    assert {found for began, found in codes if began < stopped - LIMIT} <= {0}
    assert "SourceUnavailable" in {found for _, found in codes}
    assert {found for began, found in codes if began > back + BACK_WITHIN - 3} == {0}
    server.log()  # every line is JSON: no traceback of a driver


@pytest.mark.parametrize("idle", [False, True], ids=["busy", "idle"])
def test_a_database_that_hangs(cluster, serve, idle):
    """A lookup of a database that does not answer ends at the limit, then is refused at once, and works later."""
    client_of = serve(cluster.url)
    client = client_of()
    assert {code(response) for response, _ in at_once(client_of, 3)} == {0}
    time.sleep(1.2 if idle else 0)
    cluster.pause()
    answers = at_once(client_of, 4)
    assert {code(response) for response, _ in answers} <= {"SourceUnavailable", "Timeout"}
    assert max(seconds for _, seconds in answers) < LIMIT + CONNECTING + SOON
    while code(ask(client)) == 0:
        pass
    refused = [timed(client) for _ in range(5)]
    assert sorted(seconds for _, seconds in refused)[2] < SOON / 3
    assert {failure(response, "SourceUnavailable", 503)["errorCode"] for response, _ in refused}
    demo_goes_on(client)
    cluster.resume()
    comes_back(client)


@pytest.mark.parametrize("_server", ["postgresql", "mariadb"], indirect=True, scope="session")
def test_a_line_that_hangs(database, serve):
    """When a firewall drops packets silently, a lookup takes the limit, at most once for each connection."""
    database.run(*TABLES)
    address = make_url(database.url)
    line = Line(address.port)
    try:
        client_of = serve(address.set(port=line.port).render_as_string(hide_password=False))
        client = client_of()
        assert record(ask(client)) == {"v": 1}
        line.hang()
        for response, seconds in [timed(client) for _ in range(3)]:
            assert code(response) in ("SourceUnavailable", "Timeout")
            assert seconds < LIMIT + CONNECTING + SOON
        demo_goes_on(client)
        line.flow()
        comes_back(client)
    finally:
        line.close()


def slow_view(database, seconds=10):
    """Make a view that takes long for whoever is asked for, and none when nothing can be found."""
    slow = {
        "sqlite": "SELECT mobile, (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
        "SELECT count(*) FROM n) AS v FROM a",
        "postgresql": f"SELECT mobile, CAST(pg_sleep({seconds}) AS TEXT) AS v FROM a",
        "mariadb": f"SELECT mobile, SLEEP({seconds}) AS v FROM a",
    }
    database.run(*TABLES, "DROP TABLE b", f"CREATE VIEW b AS {slow[database.kind]}")


def test_a_statement_that_takes_too_long(database, serve):
    """A slow statement ends at the limit as Timeout, then is refused at once; its source's other datasets go on."""
    slow_view(database)
    client = serve(database.url)()
    for _ in range(3):
        response, seconds = timed(client, "b")
        failure(response, "Timeout", 503)
        assert LIMIT * 0.8 < seconds < LIMIT + 0.5 + SOON
        assert record(ask(client)) == {"v": 1}
    response, seconds = timed(client, "b")
    failure(response, "Timeout", 503)
    assert seconds < SOON
    assert record(ask(client)) == {"v": 1}
    time.sleep(1.1)
    assert timed(client, "b")[1] > LIMIT * 0.8  # one lookup in a while tries again


@pytest.mark.parametrize("_server", ["postgresql", "mariadb"], indirect=True, scope="session")
def test_a_connection_killed_in_the_middle_of_a_statement(database, serve):
    """When an administrator ends a connection, only its lookup fails."""
    slow_view(database, seconds=0.4)
    client_of = serve(database.url)
    assert record(ask(client_of())) == {"v": 1}
    running = {
        "postgresql": "SELECT pid FROM pg_stat_activity WHERE query LIKE '%AS precedence%pg_sleep%' OR "
        "(state = 'active' AND query LIKE '%FROM b%' AND pid <> pg_backend_pid())",
        "mariadb": "SELECT id FROM information_schema.processlist WHERE info LIKE '%FROM b %' "
        "AND id <> connection_id() AND info NOT LIKE '%processlist%'",
    }[database.kind]
    end = {"postgresql": "SELECT pg_terminate_backend({})", "mariadb": "KILL {}"}[database.kind]
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(timed, client_of(), "b")
        (found, *_), *_ = eventually(lambda: database.run(running))
        database.run(end.format(found))
        response, seconds = waiting.result()
    failure(response, "SourceUnavailable", 503)
    assert seconds < LIMIT
    assert record(ask(client_of())) == {"v": 1}


@pytest.mark.parametrize("_server", ["postgresql", "mariadb"], indirect=True, scope="session")
def test_connections_killed_while_they_lie_idle(database, serve):
    """Idle connections that were lost are replaced, and no lookup fails."""
    database.run(*TABLES)
    client_of = serve(database.url)
    assert {code(response) for response, _ in at_once(client_of, 4)} == {0}
    everybody, end = {
        "postgresql": (
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()",
            "SELECT pg_terminate_backend({})",
        ),
        "mariadb": (
            "SELECT id FROM information_schema.processlist WHERE db = database() AND id <> connection_id()",
            "KILL {}",
        ),
    }[database.kind]
    for (found,) in database.run(everybody):
        database.run(end.format(found))
    time.sleep(1.1)
    assert [code(ask(client_of())) for _ in range(8)] == [0] * 8


def test_a_table_that_changes_under_us(database, serve):
    """A dropped table or a renamed column is SourceUnavailable for its dataset alone, until it is there again."""
    database.run(*TABLES)
    client = serve(database.url)()
    for change, repair in (
        (["DROP TABLE a"], TABLES[:2]),
        (["ALTER TABLE a RENAME COLUMN v TO w"], ["ALTER TABLE a RENAME COLUMN w TO v"]),
    ):
        assert record(ask(client)) == {"v": 1}
        database.run(*change)
        for _ in range(5):
            failure(ask(client), "SourceUnavailable", 503)
            assert record(ask(client, "b")) == {"v": 1}
        database.run(*repair)
        assert record(ask(client)) == {"v": 1}


@pytest.mark.parametrize("scheme", ["postgresql+psycopg", "mysql+pymysql"])
@pytest.mark.parametrize("port", ["refuses", "says nothing"])
def test_nobody_there(serve, scheme, port):
    """The service starts without its database; lookups are refused in time, and at once after a few of them."""
    with ExitStack() as stack:
        number = free_port() if port == "refuses" else stack.enter_context(silent_port())
        began = time.monotonic()
        client = serve(f"{scheme}://somebody:secret@127.0.0.1:{number}/db")()
        assert time.monotonic() - began < 2 * (LIMIT + CONNECTING)
        answers = [timed(client) for _ in range(6)]
        for response, seconds in answers:
            assert "secret" not in failure(response, "SourceUnavailable", 503)["message"]
            assert seconds < LIMIT + CONNECTING + SOON
        assert sorted(seconds for _, seconds in answers)[3] < SOON
        demo_goes_on(client)


def test_a_source_that_is_down_when_the_service_starts(cluster, serve):
    """The other datasets serve, /readyz names what is down, and the source serves when it is back."""
    cluster.stop()
    client = serve(cluster.url)()
    failure(ask(client), "SourceUnavailable", 503)
    demo_goes_on(client)
    ready = client.get("/readyz")
    assert ready.status_code == 503
    assert ready.json["databases"] == {"provider": "ok", "source shop": "down", "source demo": "ok"}
    cluster.start()
    comes_back(client)
    assert client.get("/readyz").json["databases"]["source shop"] == "ok"


def test_a_hanging_source_does_not_hang_the_readiness_check(cluster, serve):
    """/readyz answers in time and names the source that hangs."""
    client = serve(cluster.url)()
    assert client.get("/readyz").status_code == 200
    cluster.pause()
    began = time.monotonic()
    ready = client.get("/readyz")
    assert ready.status_code == 503
    assert ready.json["databases"]["source shop"] in ("down", "timeout")
    assert time.monotonic() - began < CONNECTING + SOON
    cluster.resume()
    eventually(lambda: client.get("/readyz").status_code == 200)


def test_a_pool_that_is_exhausted_refuses_quickly(database):
    """When every connection is in use a lookup waits for a moment and is refused; it does not count as a failure."""
    database.run(*TABLES)
    dataset = database.prepared(table="a")
    source = database.source()
    find = dataset.reader(source).read
    query = parse_query(dataset, {"phone": PHONE})
    with ExitStack() as stack:
        for _ in range(source.engine.pool.size()):
            stack.enter_context(closing(source.engine.raw_connection()))
        for _ in range(2):
            began = time.monotonic()
            with pytest.raises(SourceUnavailable, match="busy"):
                find(query)
            assert time.monotonic() - began < 0.5 + SOON
    assert find(query) == {"v": 1}


def test_many_slow_lookups_leave_the_source_to_others(database, serve):
    """A slow dataset under load does not take its source from the others for longer than a few limits."""
    slow_view(database)
    client_of = serve(database.url)
    with ThreadPoolExecutor(8) as pool:
        slow = [pool.submit(timed, client_of(), "b") for _ in range(8)]
        others = [timed(client_of()) for _ in range(20)]
        assert {failure(each.result()[0], "Timeout", 503)["errorCode"] for each in slow} == {"Timeout"}
    assert {code(response) for response, _ in others} == {0}
