"""The README's own example works as it is printed, in under ten lines."""

import re
import sqlite3
import subprocess
import sys
from urllib.parse import urlsplit

import pytest
from support import CHECKOUT, environment, failure, provider, record

README = (CHECKOUT / "README.md").read_text()
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
PYTHON = [text for language, text in BLOCKS if language == "python"]
LOYALTY, GIFT = PYTHON


@pytest.fixture
def shop(tmp_path):
    """Make the README's shop with the README's own program; give its address."""
    (program,) = re.findall(r"^python - <<'EOF'\n(.*?)^EOF$", README, re.MULTILINE | re.DOTALL)
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True, env=environment(), timeout=60)
    return f"sqlite:///{tmp_path}/shop.db"


@pytest.fixture
def served(deploy, make_package, shop):
    """Serve the README's datasets over the README's shop."""
    return deploy(datasets=make_package(loyalty=LOYALTY, gift=GIFT), sources={"shop": shop})


def test_a_table_is_served_in_under_ten_lines():
    """The file a partner writes for a table has fewer than ten lines that are not blank."""
    assert "TableDataset(" in LOYALTY
    assert len([line for line in LOYALTY.splitlines() if line.strip()]) < 10


def test_the_example_answers_as_printed(served):
    """The README's dataset, asked as the README asks, gives the answer the README shows, byte by byte."""
    (line,) = re.findall(r"'(http://127\.0\.0\.1:\d+/v1/data/loyalty\?[^']+)'", README)
    address = urlsplit(line)
    answer = served.asking(served.issue().api_key).get(f"{address.path}?{address.query}")
    assert record(answer)["points"] == 350
    assert answer.text in {text.strip() for language, text in BLOCKS if language == "json"}


def test_the_python_example_works(served):
    """The README's dataset in Python builds on the other one and validates its parameter."""
    client = served.asking(served.issue().api_key)
    sent = {"phone": "0912345678", "campaignId": "Tet2027"}
    assert record(client.post("/v1/data/gift", json=sent)) == {"tier": "Gold", "value": 200_000}
    failure(client.post("/v1/data/gift", json={**sent, "campaignId": "Other"}), "InvalidRequest", 400)
    failure(client.post("/v1/data/gift", json={**sent, "phone": "0912345679"}), "NotFound", 200)


def test_the_table_of_a_stranger_may_grow(served, shop):
    """A column nobody declared never leaves, and a second row of the same person is Ambiguous, as the README says."""
    client = served.asking(served.issue().api_key)
    with sqlite3.connect(shop.removeprefix("sqlite:///")) as connection:
        connection.execute("ALTER TABLE members ADD COLUMN secret TEXT DEFAULT 'never shown'")
        connection.execute("INSERT INTO members (mobile, tier) VALUES ('+84912345678', 'Silver')")
    connection.close()
    failure(client.get("/v1/data/loyalty?phone=0912345678"), "Ambiguous", 200)
    answer = client.get("/v1/data/loyalty?email=lan@example.com")
    assert set(record(answer)) == {"fullName", "tier", "points"}


def test_the_imported_file_answers_as_printed(deployment, tmp_path):
    """The README's file is imported whole, and asked for as the README asks, it gives the answer the README shows."""
    ((name, content),) = re.findall(r"^cat > (\S+) <<'EOF'\n(.*?)^EOF$", README, re.MULTILINE | re.DOTALL)
    (command,) = re.findall(rf"^provider (import \S+ {name})$", README, re.MULTILINE)
    (tmp_path / name).write_text(content)
    settings = deployment.settings
    variables = {"PROVIDER_DATABASE_URL": settings.database_url, "PROVIDER_SECRET_KEY": settings.secret_key}
    assert "1 stored, 0 rejected" in provider(*command.split(), cwd=tmp_path, **variables).stdout
    (line,) = re.findall(r"'(http://127\.0\.0\.1:\d+/v1/data/customer-membership\?[^']+)'", README)
    address = urlsplit(line)
    answer = deployment.asking(deployment.issue().api_key).get(f"{address.path}?{address.query}")
    assert record(answer)["loyaltyPoint"] == 350
    assert answer.text in {text.strip() for language, text in BLOCKS if language == "json"}
