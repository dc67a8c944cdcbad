"""Redis fails: calls are answered all the same, and failures are counted in the process meanwhile."""

import socket
from concurrent.futures import ThreadPoolExecutor

import pytest
from services import REDIS, Relay, own_address, require
from support import PHONE, VOUCHER, failure, record

from provider.auth.failed_logins import REFUSED_AFTER

LOOKUP = f"/v1/data/voucher?phone={PHONE}"


def guess(deployment, address):
    """Call with a wrong key."""
    headers = {"token-key": "wrong"}
    return deployment.app.test_client().get(LOOKUP, headers=headers, environ_overrides={"REMOTE_ADDR": address})


def guess_often(deployment, address):
    """Use up all failures of an address, from several threads so that not every delay is waited for."""
    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(lambda _: guess(deployment, address), range(2 * REFUSED_AFTER)))


@pytest.fixture
def line():
    """Give a line to Redis that can be cut."""
    require("Redis", REDIS)
    with Relay(REDIS) as relay:
        yield relay


def test_the_service_starts_and_counts_without_redis(deploy):
    """With Redis down at the start calls are answered, and guessers are refused by the process's own count."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        deployment = deploy(redis_url=f"redis://127.0.0.1:{closed.getsockname()[1]}/0")
        issued = deployment.issue()
        address = own_address()
        failure(guess(deployment, address), "Unauthorized", 401)
        guess_often(deployment, address)
        failure(guess(deployment, address), "TooManyRequests", 429)
        assert record(deployment.asking(issued.api_key).get(LOOKUP)) == VOUCHER
        failure(guess(deployment, own_address()), "Unauthorized", 401)


def test_redis_may_go_and_come_back(deploy, line):
    """While Redis is away the process counts by itself; when it is back its count holds again."""
    deployment = deploy(redis_url=f"redis://127.0.0.1:{line.port}/9")
    issued = deployment.issue()
    counted, new = own_address(), own_address()
    guess_often(deployment, counted)
    failure(guess(deployment, counted), "TooManyRequests", 429)
    line.cut()
    failure(guess(deployment, counted), "Unauthorized", 401)
    guess_often(deployment, new)
    failure(guess(deployment, new), "TooManyRequests", 429)
    assert record(deployment.asking(issued.api_key).get(LOOKUP)) == VOUCHER
    line.mend()
    failure(guess(deployment, counted), "TooManyRequests", 429)
    failure(guess(deployment, new), "Unauthorized", 401)


def test_a_redis_that_hangs_keeps_nobody(deploy):
    """A Redis that accepts connections and never answers is given up, and the failed login is still answered."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        deployment = deploy(redis_url=f"redis://127.0.0.1:{silent.getsockname()[1]}/0")
        issued = deployment.issue()
        failure(guess(deployment, own_address()), "Unauthorized", 401)
        assert record(deployment.asking(issued.api_key).get(LOOKUP)) == VOUCHER
