"""docs/callbacks.md: its verifier, its handler and its calls work as they are printed."""

import re
import shlex
from importlib import import_module
from pathlib import Path

import orjson
import pytest
from support import CHECKOUT, failure

from provider.ingestion.inbound.webhook_worker import Worker
from provider.ingestion.inbound.webhooks import Inbox
from provider.store.provider_database import open_database

DOCUMENT = (CHECKOUT / "docs" / "callbacks.md").read_text()
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", DOCUMENT, re.MULTILINE | re.DOTALL)
VERIFIER, HANDLERS = (text for language, text in BLOCKS if language == "python")
ANSWERS = [text.strip() for language, text in BLOCKS if language == "json"]
CALLS = [shlex.split(text) for language, text in BLOCKS if language == "sh" and text.startswith("curl")]


@pytest.fixture
def package(make_package):
    """Write the document's two files."""
    return make_package(_callbacks=VERIFIER, _webhooks=HANDLERS)


def call(deployment, words, **keys):
    """Do what a curl line says, with the real keys."""
    headers = dict(words[at + 1].split(": ") for at, word in enumerate(words) if word == "-H")
    headers = {name: keys.get(value, value) for name, value in headers.items()}
    path = words[-1].removeprefix("http://127.0.0.1:8000")
    return deployment.asking().post(path, data=words[words.index("-d") + 1], headers=headers)


def test_the_calls_are_answered_as_printed(deploy, package):
    """Both curl lines give the answers the document shows, byte by byte; the verifier is given what it wants."""
    deployment = deploy(callback_api_keys=("agreed",))
    keys = {"THE_KEY": "agreed", "YOUR_API_KEY": deployment.issue().api_key}
    answers = [call(deployment, words, **keys) for words in CALLS]
    assert [answer.text for answer in answers] == ANSWERS
    assert len(answers) == 2
    verified = deploy(callback_api_keys=("agreed",), callback_checksum=f"{package}._callbacks:verify")
    failure(call(verified, CALLS[0], THE_KEY="agreed"), "Forbidden", 403)


def test_the_handler_works(deploy, package):
    """The document's handler does what it says with what the document's curl line sends."""
    deployment = deploy()
    sent = CALLS[1][CALLS[1].index("-d") + 1]
    engine = open_database(deployment.settings)
    Inbox(engine).add("voucher-issued", client="pango", payload=sent.encode())
    handlers = import_module(f"{package}._webhooks").handlers
    assert Worker(Inbox(engine), handlers).handle_next()
    engine.dispose()
    assert Path("vouchers.txt").read_text() == orjson.loads(sent)["voucher"] + "\n"
