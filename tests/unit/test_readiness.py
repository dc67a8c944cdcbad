"""Readiness when a database hangs."""

from threading import Event

from sqlalchemy import event
from support import eventually

from provider.api import health


def test_readyz_does_not_wait_for_ever(deployment, monkeypatch):
    """A database that hangs is a timeout, is not asked a second time meanwhile, and is ok again once it answers."""
    monkeypatch.setattr(health, "READY_SECONDS", 0.2)
    free, asked = Event(), []

    def hang(*_):
        asked.append(1)
        free.wait(20)

    engine = deployment.app.extensions["databases"]["provider"]
    event.listen(engine, "before_cursor_execute", hang)
    client = deployment.asking()
    try:
        for _ in range(3):
            answer = client.get("/readyz")
            assert answer.status_code == 503
            assert answer.json["databases"] == {"provider": "timeout", "source demo": "ok"}
        assert client.get("/healthz").status_code == 200
        assert len(asked) == 1
    finally:
        free.set()
    assert eventually(lambda: client.get("/readyz").status_code == 200)
    assert client.get("/readyz").json["databases"] == {"provider": "ok", "source demo": "ok"}
