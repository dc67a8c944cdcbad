"""The commands know the built-in datasets: grants, the connection sheet, the doctor; and the suite for one's own."""

import json
import subprocess
import sys

import pytest
from entity_store import Store, example
from support import BUILT_IN, PHONE, SAMPLES, SECRET_KEY, environment, fill, provider, refusal

from provider.auth.clients import Clients
from provider.settings import Settings
from provider.store.provider_database import open_database


@pytest.fixture
def folder(tmp_path, migrated_database, sample_data):
    """Fill a working folder with the settings of an installation, and one membership."""
    fill(tmp_path, migrated_database, sample_data)
    settings = Settings(database_url=f"sqlite:///{tmp_path}/provider.db", secret_key=SECRET_KEY)
    engine = open_database(settings)
    Store(settings, engine, Clients(engine, settings), None).put("customer-membership", example("customer-membership"))
    engine.dispose()
    return tmp_path


def test_a_grant_may_name_a_custom_field(folder):
    """`client create` takes the fields of entities, every custom field among them, and no others."""
    create = ("client", "create")
    provider(*create, "a", "--dataset", "customer-membership:membershipType,customField07=hash", cwd=folder)
    said = refusal(*create, "b", "--dataset", "customer-membership:customFieldTexts", cwd=folder)
    assert said.startswith("Dataset customer-membership has no field 'customFieldTexts'. It has: timezoneGmt, ")
    assert "customField01, customFieldLong01" in said
    refusal(*create, "b", "--dataset", "customer-profile:secretScore", cwd=folder)


def test_the_sheet_names_the_built_in_datasets_in_short(folder):
    """`connect` describes a partner's own datasets whole, and names the built-in ones with their addresses."""
    provider("client", "create", "pango", cwd=folder)
    sheet = json.loads(provider("connect", "pango", "--json", cwd=folder).stdout)
    assert [it["dataset"] for it in sheet["data"]] == SAMPLES
    assert [it["dataset"] for it in sheet["others"]] == BUILT_IN
    printed = provider("connect", "pango", cwd=folder).stdout
    assert "  http://127.0.0.1:8000/v1/data/customer-membership  phone, email, customerId, membershipId\n" in printed
    assert "/v1/data/customer-identity-address  phone, email, customerId, addressType\n" in printed


def test_the_sheet_describes_what_was_granted_by_name(folder):
    """A built-in dataset that a client was given by name is described whole, with curl lines."""
    provider("client", "create", "pango", "--dataset", "customer-membership", cwd=folder)
    sheet = json.loads(provider("connect", "pango", "--json", cwd=folder).stdout)
    assert sheet["others"] == []
    [connection] = sheet["data"]
    assert connection["parameters"] == {
        "phone": "System",
        "email": "System",
        "customerId": "Customized (identifier)",
        "membershipId": "Customized (identifier)",
    }
    assert f"phone={PHONE}" in connection["curl"][0]


def test_the_doctor_examines_a_built_in_dataset_by_name(folder):
    """`dataset doctor` looks at one's own datasets, and at a built-in one that it is asked about."""
    [report] = json.loads(
        provider("dataset", "doctor", "customer-membership", "--phone", PHONE, "--json", cwd=folder).stdout
    )
    assert (report["file"], report["errors"], report["findings"]) == ("built in", 0, [])
    assert report["dryRun"]["found"]
    assert report["dryRun"]["fields"]["customerPhone"]["value"] != PHONE
    everything = json.loads(provider("dataset", "doctor", "--json", cwd=folder).stdout)
    assert [it["dataset"] for it in everything] == SAMPLES


@pytest.mark.parametrize("shape", ["object", "list"])
def test_the_standard_suite_fits_a_dataset_of_an_entity(folder, make_package, shape):
    """A partner's dataset over an entity passes the suite of one line."""
    package = make_package(
        mine="from provider.dataset import EntityDataset\n\n"
        f'dataset = EntityDataset("customer-membership", shape="{shape}", example={{"phone": "{PHONE}"}})\n'
    )
    (folder / "test_mine.py").write_text(
        'from provider.testing import standard_suite\n\nTestMine = standard_suite("customer-membership")\n'
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--no-header", "-p", "no:cacheprovider", "test_mine.py"],
        cwd=folder,
        env=environment(PROVIDER_DATASETS=package),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "10 passed" in done.stdout, done.stdout
