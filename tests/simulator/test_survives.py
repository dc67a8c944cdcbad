"""The command: it prints settings only, survives a kill, and ends at a signal."""

import signal
import socket
from urllib.parse import urlsplit

import pytest
from pretend import people
from support import PATIENCE_SECONDS, eventually, free_port, refusal


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_when_told(run, number):
    """Told by a supervisor or by Ctrl-C, it ends at once, with exit code 0 and nothing to say."""
    command = run("--port", "0")
    assert command.stop(number) == 0
    assert command.log.count("\n") == 1


def test_it_prints_settings_only(run):
    """Standard output is the settings that point a provider at it, and nothing else."""
    port = free_port()
    command = run("--port", str(port), "--username", "me", "--speed-up", "100")
    assert list(command.settings) == [
        f"PROVIDER_PANGO_{name}"
        for name in ("AUTH", "AUTH_URL", "INGEST_URL", "USERNAME", "API_KEY", "GROUP_KEY", "RATE_LIMITS")
    ]
    assert command.settings["PROVIDER_PANGO_AUTH"] == "v1"
    assert command.settings["PROVIDER_PANGO_AUTH_URL"] == f"http://127.0.0.1:{port}/api/accounts/authen"
    assert command.settings["PROVIDER_PANGO_INGEST_URL"] == f"http://127.0.0.1:{port}/dhub-i/api/v1.0/ingest"
    assert command.settings["PROVIDER_PANGO_USERNAME"] == "me"
    assert command.settings["PROVIDER_PANGO_RATE_LIMITS"] == "50/0.01,1000/0.6,5000/3,50000/36,400000/864"


def test_it_prints_the_settings_of_version_2(run):
    """The settings of the other authentication, and of callbacks, are printed when asked for."""
    command = run("--port", "0", "--auth", "v2", "--org-id", "o1", "--callback-url", "http://127.0.0.1:9/")
    names = ("AUTH", "AUTH_URL", "INGEST_URL", "ORG_ID", "APP_ID", "ACCOUNT", "REFRESH_TOKEN", "RATE_LIMITS")
    assert list(command.settings) == [*(f"PROVIDER_PANGO_{name}" for name in names), "PROVIDER_CALLBACK_API_KEYS"]
    assert command.settings["PROVIDER_PANGO_AUTH_URL"].endswith("/api/v1.0/auth-app/o1/authen")
    assert command.settings["PROVIDER_PANGO_INGEST_URL"].endswith("/dhub-i/api/v2.0/ingest")
    assert command.settings["PROVIDER_PANGO_RATE_LIMITS"] == "50/1,1000/60,5000/300,50000/3600,400000/86400"


def test_a_kill_loses_nothing(run, partner_of):
    """Killed with records in its queue and started again, it has all it accepted, the same tokens and counts."""
    port = str(free_port())
    command = run("--port", port, "--delay", "3600")
    partner, settings = partner_of(command), command.settings
    partner.authenticate()
    for number in range(20):
        assert partner.ingest(people(50, number * 50)).status_code == 200
    command.kill()

    command = run("--port", port, "--delay", "0")
    assert command.settings == settings
    assert "20 requests wait to be stored" in partner.get("").text
    assert partner.ingest(people(5)).status_code == 200
    assert partner.windows()[60]["highest"] == 21
    assert partner.stored(5) == {"count": 5, "refIds": 5, "received": 1005}


def test_a_kill_in_the_middle_stores_each_record(run, partner_of):
    """Killed again and again while records come in, it has every record it accepted."""
    port = str(free_port())
    sent = 0
    for _ in range(3):
        command = run("--port", port, "--delay", "0.05", "--speed-up", "10")
        partner = partner_of(command)
        partner.authenticate()
        for _ in range(30):
            assert partner.ingest(people(50, sent)).status_code == 200
            sent += 50
        command.kill()
    partner = partner_of(run("--port", port))
    assert partner.stored(sent) == {"count": sent, "refIds": sent, "received": sent}


def test_fresh_credentials(run, tmp_path):
    """A new state file comes with credentials of its own."""
    first = run("--port", "0").settings
    second = run("--port", "0", "--state", "other.db").settings
    assert first["PROVIDER_PANGO_API_KEY"] != second["PROVIDER_PANGO_API_KEY"]
    assert (tmp_path / "other.db").exists()


def test_dropped_connections_leave_no_trace(run):
    """A connection that is dropped is closed without a byte, and nothing is written to standard error."""
    command = run("--port", "0", "--drop-rate", "1")
    address = urlsplit(command.url)
    for _ in range(10):
        with socket.create_connection((address.hostname, address.port), timeout=PATIENCE_SECONDS) as connection:
            connection.sendall(b"POST /api/accounts/authen HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")
            assert connection.recv(1) == b""
    assert command.stop() == 0
    assert command.log.count("\n") == 1


def test_it_starts_again_at_once(run):
    """Ended with a connection open, it is there again on the same port at once."""
    port = free_port()
    command = run("--port", str(port))
    with socket.create_connection(("127.0.0.1", port)):
        assert command.stop() == 0
        assert run("--port", str(port)).settings == command.settings


def test_a_taken_port(run, tmp_path):
    """A port in use and a file that cannot be used are reported in one line."""
    command = run("--port", "0")
    port = command.url.rpartition(":")[2]
    said = f"Cannot listen on 127.0.0.1:{port}: Address already in use. Stop what listens there"
    assert said in refusal("simulate", "--port", port, cwd=tmp_path)
    assert "--state" in refusal("simulate", "--port", "0", "--state", "missing/simulator.db", cwd=tmp_path)


def test_no_personal_data_is_logged(run, partner_of):
    """Standard error has nothing of what was sent, however it was sent."""
    command = run("--port", "0")
    partner = partner_of(command)
    partner.authenticate()
    partner.ingest(people(1), query="?initData=0359677657")
    partner.get("_simulator/records/customer-identity/dee@bytetech.io?phone=0359677657")
    page = eventually(lambda: partner.get("").text)
    assert "0359677657" not in command.log + page
    assert "dee@bytetech.io" not in command.log + page
