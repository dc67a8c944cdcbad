"""The webhook inbox: what is answered with success is stored, and its handler runs later, until it succeeds once."""

import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module

import orjson
import pytest
import time_machine
from services import POSTGRESQL, Relay, postgresql_database
from support import NOON, PATIENCE_SECONDS, eventually, failure, record

from provider.cli.db import upgrade_database
from provider.errors import ConfigurationError
from provider.ingestion.inbound import webhook_worker
from provider.ingestion.inbound.webhook_handlers import load_handlers
from provider.ingestion.inbound.webhook_worker import Worker
from provider.ingestion.inbound.webhooks import LEASE_SECONDS, MOST_ATTEMPTS, Inbox
from provider.settings import Settings
from provider.store.provider_database import open_database

EVENT = {"event": "voucher-issued", "phone": "0359677657", "name": "Nguyễn"}

HANDLERS = """
    import threading

    handled, begun, released = [], threading.Event(), threading.Event()

    def handle(payload):
        handled.append(payload)

    def wait(payload):
        begun.set()
        assert released.wait(20)
        handled.append(payload)

    handlers = {"voucher-issued": handle, "slow": wait}
"""


@pytest.fixture
def ready(deploy_here):
    """Give an installation over a database of each kind, an HTTP client of its own, and its inbox."""
    deployment = deploy_here()
    engine = open_database(deployment.settings)
    yield deployment, deployment.asking(deployment.issue().api_key), Inbox(engine)
    engine.dispose()


@pytest.fixture
def inbox(ready):
    """Give an empty inbox in a database of each kind."""
    return ready[2]


@pytest.fixture
def serve(deploy, make_package):
    """Serve handlers over SQLite; give the HTTP client, the inbox and the module. Their threads end with the test."""
    stops = []

    def serve(handlers=HANDLERS):
        package = make_package(_webhooks=handlers)
        deployment = deploy(datasets=package)
        engine = open_database(deployment.settings)
        stops.extend([deployment.app.extensions["worker"].stop, engine.dispose])
        client = deployment.asking(deployment.issue().api_key)
        return client, Inbox(engine), import_module(f"{package}._webhooks")

    yield serve
    for stop in stops:
        stop()


def states(inbox):
    """List the states of all webhooks."""
    return [webhook.state for webhook in inbox.list()]


def keep(inbox, name="voucher-issued", number=1):
    """Put webhooks into an inbox."""
    return [inbox.add(name, client="pango", payload=orjson.dumps({"number": n})) for n in range(number)]


def test_a_webhook_is_stored_before_the_answer(ready):
    """A webhook of any name is stored, waiting, also without a handler."""
    _, client, inbox = ready
    for name, body in (("voucher-issued", orjson.dumps(EVENT)), ("0", b'{"a":1.5}'), ("a" * 64, b"{}")):
        number = record(client.post(f"/v1/webhooks/{name}", data=body))["id"]
        webhook = inbox.get(number)
        assert (webhook.name, webhook.client, webhook.payload) == (name, "pango", body)
        assert (webhook.state, webhook.attempts, webhook.message) == ("waiting", 0, None)
    assert len(inbox.list()) == 3
    assert [webhook.name for webhook in inbox.list(name="0", state="waiting")] == ["0"]
    assert inbox.list(name="0", state="done") == []


def test_a_webhook_may_have_one_mebibyte(ready):
    """A webhook of up to 1 MiB is kept whole, a larger one is refused."""
    _, client, inbox = ready
    body = orjson.dumps({"text": "x" * (1024 * 1024 - 11)})
    assert len(body) == 1024 * 1024
    assert inbox.get(record(client.post("/v1/webhooks/large", data=body))["id"]).payload == body
    content = failure(client.post("/v1/webhooks/large", data=body + b" "), "PayloadTooLarge", 413)
    assert "1 MiB" in content["message"]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'"text"', b"\xff", b'{"a": NaN}'])
def test_a_webhook_is_a_json_object(client, body):
    """What is no JSON object is refused."""
    failure(client.post("/v1/webhooks/voucher-issued", data=body), "InvalidRequest", 400)


def test_a_name_that_comes_twice_hides_nothing(ready):
    """Of a name that comes twice in the JSON only what a handler gets is kept: erasure would not see the other."""
    _, client, inbox = ready
    body = b'{"phone": "0359677657", "phone": "none"}'
    assert inbox.get(record(client.post("/v1/webhooks/twice", data=body))["id"]).payload == b'{"phone":"none"}'


def test_a_webhook_may_be_nested_254_levels(ready):
    """What is nested deeper, which nothing could write again, is refused."""
    _, client, inbox = ready
    body = b'{"a":' * 254 + b"1" + b"}" * 254
    assert inbox.get(record(client.post("/v1/webhooks/deep", data=body))["id"]).payload == body
    for levels in (255, 1000):
        body = b'{"a":' * levels + b"1" + b"}" * levels
        assert "254" in failure(client.post("/v1/webhooks/deep", data=body), "InvalidRequest", 400)["message"]


@pytest.mark.parametrize("name", ["Voucher", "voucher_issued", "voucher.issued", "a" * 65, "phiếu", "a b"])
def test_a_name_has_a_form(client, name):
    """A name of other characters than a-z, 0-9 and -, or too long, is refused."""
    failure(client.post(f"/v1/webhooks/{name}", json=EVENT), "InvalidRequest", 400)


def test_a_webhook_needs_credentials(deployment):
    """Without valid credentials nothing is read, by other methods than POST nothing is done."""
    for key in (None, "wrong"):
        failure(deployment.asking(key).post("/v1/webhooks/voucher-issued", data=b"{"), "Unauthorized", 401)
    client = deployment.asking(deployment.issue().api_key)
    failure(client.get("/v1/webhooks/voucher-issued"), "MethodNotAllowed", 405)


def test_a_limited_client_calls_what_it_was_granted(deployment):
    """A client limited to datasets, or to webhooks, may call the webhooks that were granted by name and no others."""
    grants = {"reader": {"voucher": None}, "caller": {"webhook:voucher-issued": None}}
    keys = {name: deployment.clients.create(name, {}, grants=own).api_key for name, own in grants.items()}
    failure(deployment.asking(keys["reader"]).post("/v1/webhooks/voucher-issued", json=EVENT), "Forbidden", 403)
    failure(deployment.asking(keys["reader"]).post("/v1/webhooks/voucher", json=EVENT), "Forbidden", 403)
    caller = deployment.asking(keys["caller"])
    record(caller.post("/v1/webhooks/voucher-issued", json=EVENT))
    failure(caller.post("/v1/webhooks/another", json=EVENT), "Forbidden", 403)
    failure(caller.get("/v1/data/voucher?phone=0359677657"), "Forbidden", 403)


def test_tokens_call_webhooks(deployment):
    """A token of the Access Token API calls what its client may; one of OAuth needs the webhook's scope."""

    def post(token, name="voucher-issued"):
        headers = {"Authorization": f"Bearer {token}"}
        return deployment.asking().post(f"/v1/webhooks/{name}", json=EVENT, headers=headers)

    def oauth(issued, **form):
        form = {"grant_type": "client_credentials", **form}
        own = issued.client.client_id, issued.client_secret
        return deployment.asking().post("/oauth2/token", data=form, auth=own)

    free = deployment.issue()
    fetched = deployment.asking(free.api_key).post("/v1/token").json["data"]["accessToken"]
    record(post(fetched))
    refused = post(oauth(free).json["access_token"])
    failure(refused, "Forbidden", 403)
    failure(post(oauth(free).json["access_token"], "a%0D%0AX-Mine: b"), "InvalidRequest", 400)
    challenge = refused.headers["WWW-Authenticate"]
    assert 'error="insufficient_scope"' in challenge
    assert 'scope="webhook:voucher-issued"' in challenge

    grants = {"voucher": None, "webhook:voucher-issued": None}
    named = deployment.clients.create("named", {}, grants=grants)
    answer = oauth(named).json
    assert answer["scope"] == "data:voucher webhook:voucher-issued"
    record(post(answer["access_token"]))
    failure(post(answer["access_token"], "another"), "Forbidden", 403)
    assert oauth(named, scope="webhook:another").json["error"] == "invalid_scope"
    failure(post(oauth(named, scope="data:voucher").json["access_token"]), "Forbidden", 403)


def test_a_handler_gets_what_was_sent(serve):
    """The handler of the name gets the payload in the background; then the payload is thrown away."""
    client, inbox, module = serve()
    number = record(client.post("/v1/webhooks/voucher-issued", json=EVENT))["id"]
    other = record(client.post("/v1/webhooks/nobodys", json=EVENT))["id"]
    eventually(lambda: inbox.get(number).state == "done")
    assert module.handled == [EVENT]
    webhook = inbox.get(number)
    assert (webhook.payload, webhook.attempts, webhook.message) == (b"", 1, None)
    assert inbox.get(other).state == "waiting"


def test_a_hung_handler_does_not_hold_up_the_service(serve):
    """While a handler hangs, webhooks and lookups are answered; what came meanwhile is handled afterwards."""
    client, inbox, module = serve()
    record(client.post("/v1/webhooks/slow", json=EVENT))
    assert module.begun.wait(20)
    for _ in range(3):
        record(client.post("/v1/webhooks/voucher-issued", json=EVENT))
    assert client.get("/healthz").status_code == 200
    assert states(inbox) == ["waiting"] * 4
    module.released.set()
    eventually(lambda: states(inbox) == ["done"] * 4)
    assert len(module.handled) == 4


def test_without_handlers_nothing_runs(deployment):
    """A service without handlers has no background thread."""
    before = threading.active_count()
    worker = deployment.app.extensions["worker"]
    worker.start()
    worker.wake()
    assert threading.active_count() == before


def test_a_handler_that_fails_is_called_again(inbox):
    """A handler that fails is called again after a pause that doubles; of its error only the kind is kept."""
    calls = []

    def handle(payload):
        calls.append(payload)
        if len(calls) < 4:
            raise LookupError(payload["phone"])

    inbox.add("voucher-issued", client="pango", payload=orjson.dumps(EVENT))
    worker = Worker(inbox, {"voucher-issued": handle})
    with time_machine.travel(NOON, tick=False) as clock:
        for pause in (10, 20, 40):
            assert worker.handle_next()
            (webhook,) = inbox.list()
            assert (webhook.state, webhook.message) == ("waiting", "LookupError")
            assert not worker.handle_next()
            clock.shift(pause - 0.1)
            assert not worker.handle_next()
            clock.shift(0.2)
        assert worker.handle_next()
        assert not worker.handle_next()
    assert calls == [EVENT] * 4
    (webhook,) = inbox.list()
    assert (webhook.state, webhook.attempts, webhook.message) == ("done", 4, None)


def test_a_handler_that_always_fails_is_given_up(inbox):
    """After twelve attempts a webhook has failed and keeps its payload; `retry` begins at the first attempt."""
    calls = Counter()

    def handle(_):
        calls["now"] += 1
        raise SystemExit(1)

    (number,) = keep(inbox)
    worker = Worker(inbox, {"voucher-issued": handle})
    with time_machine.travel(NOON, tick=False) as clock:
        for _ in range(MOST_ATTEMPTS):
            assert worker.handle_next()
            clock.shift(3601)
        assert not worker.handle_next()
        webhook = inbox.get(number)
        assert (webhook.state, webhook.attempts, webhook.message) == ("failed", MOST_ATTEMPTS, "SystemExit")
        assert orjson.loads(webhook.payload) == {"number": 0}
        inbox.retry(number)
        assert worker.handle_next()
        assert (inbox.get(number).state, inbox.get(number).attempts) == ("waiting", 1)
        inbox.retry(number)
        assert worker.handle_next()
        assert inbox.get(number).attempts == 2
    assert calls["now"] == MOST_ATTEMPTS + 2


def test_what_is_done_is_not_tried_again(inbox):
    """A webhook that is done cannot be handed to its handler again, nor can one there never was."""
    (number,) = keep(inbox)
    assert Worker(inbox, {"voucher-issued": lambda _: None}).handle_next()
    with pytest.raises(ConfigurationError, match="no longer kept"):
        inbox.retry(number)
    with pytest.raises(ConfigurationError, match="provider webhook list"):
        inbox.retry(number + 1000)


def test_workers_share_the_work(inbox):
    """Several workers over one inbox handle every webhook exactly once."""
    handled = Counter()
    numbers = keep(inbox, number=40)
    start = threading.Barrier(4)

    def work():
        worker = Worker(inbox, {"voucher-issued": lambda payload: handled.update([payload["number"]])})
        start.wait()
        while worker.handle_next():
            pass

    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(work) for _ in range(4)]:
            done.result()
    assert handled == Counter(range(len(numbers)))
    assert states(inbox) == ["done"] * len(numbers)


def test_a_worker_that_died_is_replaced(inbox):
    """What a dead worker held is free after its lease, and what it says after that no longer counts."""
    keep(inbox)
    names = ["voucher-issued"]
    with time_machine.travel(NOON, tick=False) as clock:
        dead = inbox.claim(names)
        clock.shift(LEASE_SECONDS - 1)
        assert inbox.claim(names) is None
        clock.shift(2)
        taken = inbox.claim(names)
        assert (taken.id, taken.attempts) == (dead.id, 2)
        assert inbox.extend_lease(dead) is False
        inbox.put_back(dead, "LookupError")
        inbox.finish(dead)
        assert states(inbox) == ["waiting"]
        assert inbox.claim(names) is None
        inbox.finish(taken)
    assert states(inbox) == ["done"]


def test_what_kills_its_process_is_given_up(inbox):
    """A webhook whose handler ends the process each time has failed after the last attempt."""
    keep(inbox)
    with time_machine.travel(NOON, tick=False) as clock:
        for _ in range(MOST_ATTEMPTS):
            assert inbox.claim(["voucher-issued"])
            clock.shift(LEASE_SECONDS + 1)
        assert inbox.claim(["voucher-issued"]) is None
    (webhook,) = inbox.list()
    assert (webhook.state, webhook.message) == ("failed", "the process ended during the last attempt")


def test_a_slow_handler_keeps_its_webhook(inbox, monkeypatch):
    """While a handler runs its lease is extended: after several leases no other worker can claim its webhook."""
    monkeypatch.setattr(webhook_worker, "_EXTEND_SECONDS", 0.05)
    (number,) = keep(inbox)
    begun, released, handled = threading.Event(), threading.Event(), []

    def handle(payload):
        begun.set()
        assert released.wait(PATIENCE_SECONDS * 5)
        handled.append(payload)

    # The clock jumps by three quarters of a lease: the rest is how long this machine may take for an extension.
    with time_machine.travel(NOON) as clock, ThreadPoolExecutor(1) as pool:
        running = pool.submit(Worker(inbox, {"voucher-issued": handle}).handle_next)
        try:
            assert begun.wait(PATIENCE_SECONDS)
            for _ in range(4):
                clock.shift(LEASE_SECONDS * 0.75)
                jumped = time.time()
                eventually(lambda since=jumped: inbox.get(number).leased_until >= since + LEASE_SECONDS)
                assert inbox.claim(["voucher-issued"]) is None
        finally:
            released.set()
        assert running.result()
    assert len(handled) == 1
    assert inbox.get(number).attempts == 1


def test_the_worker_outlives_its_database():
    """A worker whose database goes away handles what waits when it is back."""
    handled = []
    with postgresql_database() as direct, Relay(POSTGRESQL) as line:
        upgrade_database(Settings(database_url=direct))
        engines = [
            open_database(Settings(database_url=url))
            for url in (direct, direct.replace(f":{POSTGRESQL}/", f":{line.port}/"))
        ]
        near, far = (Inbox(engine) for engine in engines)
        worker = Worker(far, {"voucher-issued": handled.append})
        worker.start()
        keep(near)
        eventually(lambda: len(handled) == 1)
        line.cut()
        keep(near)
        worker.wake()
        line.mend()
        eventually(lambda: len(handled) == 2)
        worker.stop()
        for engine in engines:
            engine.dispose()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "_webhooks.py:1: no handlers here"),
        ("handlers = [1]", "_webhooks.py:1: no handlers here"),
        ("def handle(payload: ...", "_webhooks.py:1: "),
        ("\nimport no_such_module", "_webhooks.py:2: ModuleNotFoundError"),
        ("handlers = {'Voucher': print}", "'Voucher' is no webhook's name"),
        ("handlers = {1: print}", "1 is no webhook's name"),
        ("handlers = {'voucher': None}", "the handler of voucher is no function"),
    ],
)
def test_a_mistake_in_the_handlers_stops_the_start(deploy, make_package, text, says):
    """A file of handlers with a mistake stops the start with its place and what to do."""
    package = make_package(_webhooks=text)
    with pytest.raises(ConfigurationError) as caught:
        deploy(datasets=package)
    assert f"{package}/" in str(caught.value)
    assert says in str(caught.value)


def test_a_package_without_handlers_has_none(make_package):
    """Handlers are found in the datasets package and nowhere else."""
    assert load_handlers(make_package()) == {}
    assert set(load_handlers(make_package(_webhooks=HANDLERS))) == {"voucher-issued", "slow"}
