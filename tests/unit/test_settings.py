"""Settings: read once from the environment and .env, and a mistake in them is named."""

import os
from dataclasses import FrozenInstanceError, fields
from pathlib import Path

import pytest

from provider.errors import ConfigurationError
from provider.settings import Settings, describe, variable


def read(monkeypatch, text="", **variables):
    """Read the settings of an environment and a .env file."""
    Path(".env").write_text(text)
    for name, value in variables.items():
        monkeypatch.setenv(f"PROVIDER_{name}", value)
    return Settings.from_environment()


def test_the_defaults_are_those_of_the_interface():
    """Without an environment every setting has the default of the public interface, and no secret key."""
    assert {field.name: getattr(Settings.from_environment(), field.name) for field in fields(Settings)} == {
        "database_url": "sqlite:///provider.db",
        "secret_key": "",
        "api_key_header": "token-key",
        "required_headers": {},
        "auth_methods": ("api_key", "token", "oauth"),
        "token_header": "",
        "token_ttl": 900,
        "token_id_field": "clientId",
        "token_secret_field": "clientSecret",
        "oauth_issuers": {},
        "redis_url": "",
        "trusted_proxies": (),
        "lookup_timeout": 2.0,
        "success_key": "success",
        "data_key": "data",
        "message_key": "message",
        "error_code_key": "errorCode",
        "error_codes": {},
        "http_status": "standard",
        "miss": "failure",
        "phone_region": "VN",
        "pango_auth": "v1",
        "pango_auth_url": "",
        "pango_ingest_url": "",
        "pango_username": "",
        "pango_api_key": "",
        "pango_group_key": "",
        "pango_org_id": "",
        "pango_app_id": "",
        "pango_account": "",
        "pango_refresh_token": "",
        "pango_rate_limits": ("50/1", "1000/60", "5000/300", "50000/3600", "400000/86400"),
        "datasets": "provider.datasets",
        "callback_api_keys": (),
        "callback_checksum": "",
        "callback_strict": False,
        "sources": {},
    }


def test_the_file_is_read_and_the_environment_wins(monkeypatch):
    """A setting comes from .env of the working folder, and from the environment where both have it."""
    settings = read(
        monkeypatch, "PROVIDER_DATA_KEY=body\nPROVIDER_SUCCESS_KEY=isSuccess\nOTHER=1\n", SUCCESS_KEY="success"
    )
    assert (settings.data_key, settings.success_key) == ("body", "success")


def test_a_file_in_a_folder_above_is_not_read(monkeypatch, tmp_path):
    """Only .env of the working folder counts: a stray one above it changes nothing."""
    (tmp_path / ".env").write_text("PROVIDER_DATA_KEY=body\n")
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    assert Settings.from_environment().data_key == "data"


def test_pairs_are_read_with_their_equals_signs(monkeypatch):
    """Fixed headers and renamed codes are pairs; a value may hold an equals sign, and blanks around are dropped."""
    settings = read(monkeypatch, REQUIRED_HEADERS="any-key=abc==, header-01=x", ERROR_CODES="Unauthorized=-102")
    assert settings.required_headers == {"any-key": "abc==", "header-01": "x"}
    assert settings.error_codes == {"Unauthorized": "-102"}


@pytest.mark.parametrize("name", ["MESSAGE_KEY", "ERROR_CODE_KEY"])
def test_an_empty_name_leaves_the_key_out(monkeypatch, name):
    """An empty name in the environment stays empty: it leaves the key out."""
    assert getattr(read(monkeypatch, **{name: ""}), name.lower()) == ""


@pytest.mark.parametrize("name", ["REQUIRED_HEADERS", "ERROR_CODES"])
def test_empty_pairs_are_none(monkeypatch, name):
    """An empty list of pairs is no pairs: .env.example may be copied as it is."""
    assert getattr(read(monkeypatch, **{name: ""}), name.lower()) == {}


def test_sources_are_named_by_their_variables(monkeypatch):
    """PROVIDER_SOURCE_<NAME>_URL is a source under its name in small letters."""
    settings = read(monkeypatch, SOURCE_CRM_URL="sqlite:///crm.db", SOURCE_OLD_SHOP_URL="sqlite:///old.db")
    assert settings.sources == {"crm": "sqlite:///crm.db", "old_shop": "sqlite:///old.db"}


MISSPELT = [
    ("PROVIDER_API_KEY_HEADR", "PROVIDER_API_KEY_HEADER"),
    ("PROVIDER_DATABSE_URL", "PROVIDER_DATABASE_URL"),
    ("PROVIDER_SECRETKEY", "PROVIDER_SECRET_KEY"),
    ("PROVIDER_ERROR_CODE", "PROVIDER_ERROR_CODES"),
]


@pytest.mark.parametrize(("misspelt", "meant"), MISSPELT)
@pytest.mark.parametrize("in_file", [True, False])
def test_a_misspelt_setting_is_refused(monkeypatch, misspelt, meant, in_file):
    """A variable that is nearly a setting stops the start with the name that is meant, wherever it is set."""
    text, variables = (f"{misspelt}=x\n", {}) if in_file else ("", {misspelt.removeprefix("PROVIDER_"): "x"})
    with pytest.raises(ConfigurationError, match=f"{misspelt} is not a setting. Did you mean {meant}"):
        read(monkeypatch, text, **variables)


def test_a_variable_of_somebody_else_is_left_alone(monkeypatch):
    """A variable that only shares the prefix is none of our business."""
    assert read(monkeypatch, BILLING_ACCOUNT="x") == Settings()


@pytest.mark.parametrize("name", ["REQUIRED_HEADERS", "ERROR_CODES"])
def test_pairs_that_are_none_are_refused(monkeypatch, name):
    """Text without an equals sign where pairs are wanted is refused, and the message names the variable."""
    with pytest.raises(ConfigurationError, match=f"PROVIDER_{name} cannot be read"):
        read(monkeypatch, **{name: "Unauthorized"})


@pytest.mark.parametrize("key", ["", "only a few letters", "x" * 31])
def test_a_secret_key_that_is_none_is_refused(key):
    """Without a secret key of 32 characters the service does not start; the message says how to get one."""
    with pytest.raises(ConfigurationError, match="provider init") as caught:
        Settings(secret_key=key).require_secret_key()
    assert not key or key not in str(caught.value)


def test_settings_are_frozen():
    """Settings do not change after the start."""
    with pytest.raises(FrozenInstanceError):
        Settings().data_key = "body"


def test_every_setting_has_a_meaning():
    """Each setting is described in one sentence, under the name of its variable."""
    for field in describe():
        assert field.metadata["meaning"].endswith(".")
        assert variable(field.name).startswith("PROVIDER_")


def test_reading_settings_leaves_other_variables_alone(monkeypatch):
    """Variables that are not settings are not touched by reading."""
    monkeypatch.setenv("OTHER", "here")
    read(monkeypatch, "OTHER=there\n")
    assert os.environ["OTHER"] == "here"
