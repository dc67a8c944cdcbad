"""No lookup of an entity reads a whole table: indexes serve every statement."""

import pytest
from entity_store import example
from sqlalchemy import select, text

from provider.contract.entities import DOCUMENTED
from provider.database.sources import OWN, Sources
from provider.database.statements import Statement
from provider.dataset import EntityDataset, entity_statement, profile_statement
from provider.dataset.person import prepare
from provider.store.entity_tables import TABLES

ROWS = 400
SOMEBODY = {"phone": "+84900000007", "email": "member7@example.com", "customerId": "K7"}
NOBODY = {"phone": "+84987654321", "email": "nobody@example.com", "customerId": "K-none"}
TABLE_NAMES = ("t", "i", "provider_")
"""How the names of tables begin in our statements."""


@pytest.fixture
def source(store):
    """Fill every table with people, and open the provider database as lookups do."""
    for object_type, entity in DOCUMENTED.items():
        people = []
        for number in range(ROWS):
            mine = {"phone": f"09{number:08d}", "email": f"member{number}@example.com", "customerId": f"K{number}"}
            keys = {name: f"key-{number}" for name in entity.key if name not in ("addressType", "email")}
            people.append(example(object_type, **keys | {name: mine[it] for it, name in entity.person.items()}))
        store.put(object_type, *people)
    with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for table in TABLES.values():
            connection.execute(text(f"ANALYZE {'TABLE ' if store.engine.dialect.name == 'mysql' else ''}{table.name}"))
    sources = Sources.of(store.settings)
    yield sources[OWN]
    sources[OWN].engine.dispose()
    if store.engine.dialect.name == "sqlite":
        with store.engine.begin() as connection:
            connection.execute(text("DROP TABLE sqlite_stat1"))


def explain(source, statement, values):
    """Ask the database how it would run a statement; give the rows of its answer."""
    how = {"sqlite": "EXPLAIN QUERY PLAN ", "postgresql": "EXPLAIN (FORMAT JSON) ", "mysql": "EXPLAIN "}
    connection = source.engine.raw_connection()
    try:
        cursor = connection.cursor()
        cursor.execute(how[source.engine.dialect.name] + statement.sql, statement.arrange(values))
        rows = cursor.fetchall()
        cursor.close()
        return rows
    finally:
        connection.close()


def nodes(plan):
    """List the nodes of a plan of PostgreSQL's."""
    return [plan, *(node for below in plan.get("Plans", ()) for node in nodes(below))]


def scanned(source, statement, values):
    """Give the steps of a statement that read a whole table, or a whole index of one."""
    rows = explain(source, statement, values)
    match source.engine.dialect.name:
        case "postgresql":
            reading = [node for node in nodes(rows[0][0][0]["Plan"]) if "Scan" in node["Node Type"]]
            reading = [node for node in reading if node["Node Type"] not in ("Subquery Scan", "Bitmap Heap Scan")]
            return [node for node in reading if "Index Cond" not in node]
        case "mysql":
            return [row for row in rows if row[3] in ("ALL", "index") and row[2].startswith(TABLE_NAMES)]
        case _:
            steps = [row[3].split() for row in rows]
            return [step for step in steps if step[0] == "SCAN" and step[1].startswith(TABLE_NAMES)]


def statements(kind):
    """List every way to ask: each identifier, several of them, narrowed, one record and a list; and the profile."""
    for object_type, entity in DOCUMENTED.items():
        dataset, columns = EntityDataset(object_type), tuple(entity.fields)
        for used in [*((it,) for it in dataset.identifiers), ("phone", "email"), dataset.identifiers]:
            for among in {(), tuple(dataset.own_parameters)}:
                for limit in (0, 100):
                    statement = prepare(kind, entity_statement.write_select, object_type, columns, used, among, limit)
                    yield object_type, statement
    for used in (("phone",), ("email",), ("customerId",), ("phone", "email"), tuple(SOMEBODY)):
        yield "customer-profile", prepare(kind, profile_statement.write_select, used)


def test_no_lookup_reads_a_table(source):
    """Every lookup goes by indexes alone, whether it finds somebody, nobody, or is asked for nothing."""
    kind, tried = type(source.engine.dialect), 0
    for name, statement in statements(kind):
        for values in (SOMEBODY, NOBODY, dict.fromkeys(SOMEBODY)):
            keys = {field: "key-7" for entity in DOCUMENTED.values() for field in entity.key}
            assert scanned(source, statement, keys | values) == [], (name, statement.sql)
            tried += 1
    assert tried > 300


def test_a_plan_that_reads_a_table_is_seen(source):
    """A lookup that no index serves is seen to read the table: the tests above can fail."""
    table = TABLES["customer-membership"].alias("t")
    chosen = select(table.c.row_id).where(table.c.membershipType == "VIP")
    assert scanned(source, Statement(chosen, source.engine.dialect), {})
