"""Operations: is the process alive, and do its databases answer."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import event

from provider.errors import ConfigurationError


def test_healthz_says_the_process_lives(deployment):
    """/healthz answers without a key and without asking any database."""
    asked = []
    for engine in deployment.app.extensions["databases"].values():
        event.listen(engine, "engine_connect", lambda *_: asked.append(1))
    answer = deployment.asking().get("/healthz")
    assert (answer.status_code, answer.json) == (200, {"status": "ok"})
    assert asked == []


def test_readyz_asks_each_database(deployment):
    """/readyz names each database, the provider's and every source in use, and whether it answers."""
    answer = deployment.asking().get("/readyz")
    assert answer.status_code == 200
    assert answer.json == {"status": "ok", "databases": {"provider": "ok", "source demo": "ok"}}


@pytest.fixture
def shop_deployment(deploy, make_source, make_package):
    """Deploy one dataset over a source of its own."""
    package = make_package(
        thing="""
        from provider.dataset import TableDataset

        dataset = TableDataset(
            name="thing", source="shop", table="t", identifiers={"phone": "mobile"}, record={"v": "v"}
        )
        """
    )
    return deploy(sources=make_source("CREATE TABLE t (mobile, v)"), datasets=package)


def test_readyz_says_which_database_is_down(shop_deployment):
    """A database that does not answer is named with HTTP 503, without its address or its error."""
    shop_deployment.app.extensions["databases"]["source shop"].dispose()
    Path(shop_deployment.settings.sources["shop"].removeprefix("sqlite:///")).unlink()
    answer = shop_deployment.asking().get("/readyz")
    assert answer.status_code == 503
    assert answer.json == {"status": "unavailable", "databases": {"provider": "ok", "source shop": "down"}}


@pytest.mark.parametrize("name", ["provider", "source shop"])
def test_readyz_reads_the_file_of_a_sqlite_database(shop_deployment, name):
    """A SQLite file that is no database any more does not count as ready."""
    engine = shop_deployment.app.extensions["databases"][name]
    engine.dispose()
    file = Path(str(engine.url.database).removeprefix("file:"))
    for part in file.parent.glob(f"{file.name}-*"):
        part.unlink()
    file.write_bytes(b"no database any more" * 100)
    answer = shop_deployment.asking().get("/readyz")
    assert answer.status_code == 503
    assert answer.json["databases"][name] == "down"


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_operations_are_not_cached(deployment, path):
    """What operations answer is never kept by a cache."""
    assert deployment.asking().get(path).headers["Cache-Control"] == "no-store"


def test_the_service_does_not_start_on_tables_that_are_missing(deploy, tmp_path):
    """A provider database that was never migrated stops the start with the command to run."""
    with pytest.raises(ConfigurationError, match="provider db upgrade"):
        deploy(database_url=f"sqlite:///{tmp_path}/empty.db")


def test_the_service_does_not_start_on_tables_of_another_version(deploy, tmp_path):
    """A provider database of another version than the code stops the start with the command to run."""
    deploy()
    with closing(sqlite3.connect(tmp_path / "provider.db")) as connection:
        connection.execute("UPDATE provider_alembic_version SET version_num = 'older'")
        connection.commit()
    with pytest.raises(ConfigurationError, match="provider db upgrade"):
        deploy()


def test_the_service_does_not_start_without_its_database(deploy, tmp_path):
    """A provider database that cannot be opened stops the start, without its address in the message."""
    with pytest.raises(ConfigurationError, match="PROVIDER_DATABASE_URL") as caught:
        deploy(database_url=f"sqlite:///{tmp_path}/no such folder/hunter2.db")
    assert "hunter2" not in str(caught.value)


def test_the_service_does_not_start_without_a_secret(deploy):
    """Without a secret key the service does not start: there is no default."""
    with pytest.raises(ConfigurationError, match="provider init"):
        deploy(secret_key="")
