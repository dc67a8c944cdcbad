"""Every command of docs/push.md works as the page shows it, one after the other, in one folder."""

import re
import shlex

from click.testing import CliRunner
from support import CHECKOUT

from provider.cli.main import provider
from provider.ingestion.push import backoff, batches

PAGE = (CHECKOUT / "docs/push.md").read_text()
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
ID = "3f2a9c1e"
SHOP = """CREATE TABLE members (code TEXT, at INTEGER, owner TEXT);
INSERT INTO members VALUES ('S1', 1584507164000, 'C9')"""
MEMBER = """
from provider.dataset import TableDataset

dataset = TableDataset(
    name="member", source="shop", table="members", identifiers={"code": "code"},
    record={"membershipId": "code", "membershipIssuedAt": "at", "customerId": "owner"},
)
"""


def test_every_command_works(start_sender, make_source, make_package):
    """Each command runs; where the page shows what it prints, it prints that."""
    sender = start_sender()
    variables = {
        **sender.variables,
        "PROVIDER_SOURCE_SHOP_URL": make_source(SHOP)["shop"],
        "PROVIDER_DATASETS": make_package(member=MEMBER),
    }
    [records] = [text for language, text in BLOCKS if language == "json"]
    (sender.folder / "members.jsonl").write_text(records)
    (sender.folder / "callback.json").write_text('{"callbackResult": {"apiKey": "k"}}')
    ran, shown, push_id = [], "", ID
    for language, text in BLOCKS:
        if language == "text":
            expected = re.sub(r"\d+\.\d seconds", "", text.strip()).replace(ID, push_id)
            assert expected in re.sub(r"\d+\.\d seconds", "", shown)
        for line in text.splitlines() if language == "sh" else []:
            command = shlex.split(line.replace(ID, push_id), comments=True)
            if command[0] != "provider" or command[1] in ("simulate", "db"):
                continue
            done = CliRunner().invoke(provider, command[1:], env=variables)
            assert done.exit_code == 0 or "Every push is done" in done.output, (line, done.output)
            ran.append(line)
            shown = done.output
            if found := re.match(r"Push (\w{8}): ", shown):
                push_id = found[1]
    assert len(ran) > 15


def test_the_figures_are_true():
    """The figures the page gives are those of the code."""
    assert f"at most {batches.MOST_ENTRIES} records, and at most {batches.MOST_BYTES // 1_000_000} MB" in PAGE
    assert f"After {backoff.GIVE_UP_SECONDS / 60:g} minutes" in PAGE
    assert f"after {backoff.GIVE_UP_SECONDS_AT_FIRST:g} seconds when nothing has succeeded" in PAGE
    assert f"after {backoff.GIVE_UP_SECONDS_WITHOUT_TOKEN:g} seconds" in PAGE
    assert f"{backoff.MOST_REFUSALS} refusals in a row" in PAGE
