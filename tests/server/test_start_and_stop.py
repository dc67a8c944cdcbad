"""The production server starts and stops as people and supervisors expect."""

import json
import socket
import subprocess

import httpx2
import pytest
from support import (
    PATIENCE_SECONDS,
    PHONE,
    PROVIDER,
    VOUCHER,
    Server,
    environment,
    eventually,
    fill,
    free_port,
    open_clients,
    provider,
    record,
)


@pytest.fixture
def folder(tmp_path, migrated_database, sample_data):
    """Fill a working folder."""
    return fill(tmp_path, migrated_database, sample_data)


@pytest.mark.parametrize("by_ctrl_c", [True, False])
def test_it_stops_cleanly(folder, by_ctrl_c):
    """SIGTERM and Ctrl-C end the server and its workers, with success and without a traceback."""
    server = Server(folder)
    try:
        with httpx2.Client(base_url=server.url) as kept_open:
            assert kept_open.get("/healthz").status_code == 200
            assert server.stop(by_ctrl_c=by_ctrl_c) == 0
    finally:
        server.kill()
    assert "Traceback" not in server.output
    assert "Error" not in server.output
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", server.port)) != 0


def test_it_says_where_it_serves(folder):
    """The start prints the address and how to stop; the log proper has one JSON object a line and nothing else."""
    server = Server(folder)
    server.kill()
    greeting = [line for line in server.output.splitlines() if not line.startswith("{")]
    assert greeting == [f"Serving on {server.url} (Ctrl-C stops it)"]
    assert all(isinstance(json.loads(line), dict) for line in server.output.splitlines() if line not in greeting)


def test_several_workers_answer_alike(folder):
    """With several workers each answers, and all of them end together."""
    with open_clients(folder) as clients:
        key = clients.create("pango", {}).api_key
    server = Server(folder, "--workers", "2")
    try:
        for _ in range(20):
            answer = httpx2.get(f"{server.url}/v1/data/voucher?phone={PHONE}", headers={"token-key": key})
            assert record(answer) == VOUCHER
        assert server.stop() == 0
    finally:
        server.kill()
    assert "Traceback" not in server.output


def test_a_log_nobody_reads_fails_no_answer(folder):
    """When whoever reads the log is gone, or its disk is full, lookups are answered all the same."""
    with open_clients(folder) as clients:
        key = clients.create("pango", {}).api_key
    port = free_port()
    process = subprocess.Popen(
        [PROVIDER, "serve", "--workers", "1", "--port", str(port)],
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    process.stdout.close()
    ask = {"params": {"phone": PHONE}, "headers": {"token-key": key}}
    try:
        answer = eventually(lambda: reachable(f"http://127.0.0.1:{port}/v1/data/voucher", **ask))
        assert record(answer) == VOUCHER
    finally:
        process.terminate()
        process.wait(PATIENCE_SECONDS)


def reachable(url, **sent):
    """Ask a server that may not be up yet."""
    try:
        return httpx2.get(url, **sent)
    except httpx2.TransportError:
        return None


def test_a_port_that_is_taken_is_refused(folder):
    """A second server on a port in use is refused in one line: two of them would share the calls at random."""
    server = Server(folder)
    try:
        second = provider("serve", "--workers", "1", "--port", str(server.port), cwd=folder, fails=True)
    finally:
        server.kill()
    assert second.returncode == 1
    assert str(server.port) in second.stderr
    assert second.stderr.splitlines()[-1].startswith("Error: ")


def test_localhost_is_a_host(folder):
    """`--host localhost` is understood, as people write it."""
    server = Server(folder, "--host", "localhost")
    try:
        assert httpx2.get(f"http://localhost:{server.port}/healthz").status_code == 200
    finally:
        server.kill()
