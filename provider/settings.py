"""Reads the settings from the environment and `.env`, once. Nothing else reads the environment."""

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import Field, dataclass, field, fields
from difflib import get_close_matches
from typing import Any, Self

from dotenv import dotenv_values
from environs import Env, EnvError

from provider.errors import ConfigurationError

PREFIX = "PROVIDER_"
SECRET_KEY_LENGTH = 32
AUTH_METHODS = ("api_key", "token", "oauth")
PANGO_AUTH = ("v1", "v2")
RATE_LIMITS = ("50/1", "1000/60", "5000/300", "50000/3600", "400000/86400")
"""PangoCDP, "Data Ingestion", note on X-Rate-Limit-Retry-After-Seconds."""
_MISSPELT = 0.9
"""How similar a variable's name must be to a setting's to count as misspelt; others with the prefix are ignored."""
_SOURCE = re.compile(r"SOURCE_([A-Z0-9_]+)_URL")


def _setting(meaning: str, default: Any, read: Callable[..., Any] = Env.str, *, secret: bool = False) -> Any:
    metadata = {"meaning": meaning, "read": read, "secret": secret}
    if isinstance(default, dict):
        return field(default_factory=lambda: dict(default), metadata=metadata)
    return field(default=default, metadata=metadata)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """One deployment's settings; the field `api_key_header` is the variable `PROVIDER_API_KEY_HEADER`."""

    database_url: str = _setting(
        "The provider database: the service's own tables (clients, keys).", "sqlite:///provider.db", secret=True
    )
    secret_key: str = _setting(
        "Protects every key the service issues. `provider init` makes one; never change or share it.", "", secret=True
    )
    api_key_header: str = _setting("The header that carries the API key.", "token-key")
    required_headers: Mapping[str, str] = _setting(
        "Fixed headers every data call must carry: name=value,name=value.", {}, Env.dict, secret=True
    )
    auth_methods: Sequence[str] = _setting(
        "How clients may authenticate: api_key, token (from /v1/token), oauth.", AUTH_METHODS, Env.list
    )
    token_header: str = _setting(
        "A header that may carry a bearer token, for consoles that cannot set Authorization; empty for none.", ""
    )
    token_ttl: int = _setting("How long an access token lives, in seconds.", 900, Env.int)
    token_id_field: str = _setting("The name of the client id in the body of a call to /v1/token.", "clientId")
    token_secret_field: str = _setting(
        "The name of the client secret in the body of a call to /v1/token.", "clientSecret"
    )
    oauth_issuers: Mapping[str, str] = _setting(
        "Outside OAuth issuers whose JWT access tokens are accepted: issuer=audience,issuer=audience.", {}, Env.dict
    )
    redis_url: str = _setting(
        "Redis for counters that all workers share; empty counts in each process.", "", secret=True
    )
    trusted_proxies: Sequence[str] = _setting(
        "Networks of the proxies in front, whose X-Forwarded-For, -Proto and -Host count: 10.0.0.0/8,...", (), Env.list
    )
    success_key: str = _setting("The envelope's success key: success or isSuccess.", "success")
    data_key: str = _setting("The envelope's data key: data, result, response or body.", "data")
    message_key: str = _setting("The envelope's message key: message, msg or errorMsg; empty leaves it out.", "message")
    error_code_key: str = _setting(
        "The envelope's error code key: errorCode or responseCode; empty leaves it out.", "errorCode"
    )
    error_codes: Mapping[str, str] = _setting("Renames error codes: Unauthorized=-102,NotFound=E404.", {}, Env.dict)
    http_status: str = _setting(
        "standard answers errors with their HTTP status; always_200 says it in the envelope alone.", "standard"
    )
    miss: str = _setting(
        "When nobody matches: failure (success false, NotFound) or empty (success true, no data).", "failure"
    )
    phone_region: str = _setting("The country of phone numbers written without a country code.", "VN")
    lookup_timeout: float = _setting("How long a source may take for a lookup, in seconds.", 2.0, Env.float)
    pango_auth: str = _setting("How pushes authenticate at Pango: v1 (documented) or v2 (App Connect).", "v1")
    pango_auth_url: str = _setting("Where Pango gives tokens for pushes.", "")
    pango_ingest_url: str = _setting("Where Pango takes records.", "")
    pango_username: str = _setting("The Pango user that pushes (v1).", "")
    pango_api_key: str = _setting("The API key of that user (v1).", "", secret=True)
    pango_group_key: str = _setting("The key of your organisation at Pango, cdpGKey (v1).", "", secret=True)
    pango_org_id: str = _setting("The id of your organisation at Pango (v2).", "")
    pango_app_id: str = _setting("The App Connect's id (v2).", "")
    pango_account: str = _setting("The App Connect's account (v2).", "")
    pango_refresh_token: str = _setting("The App Connect's long-lived token (v2).", "", secret=True)
    pango_rate_limits: Sequence[str] = _setting(
        "How many requests Pango takes in how many seconds; all hold at once.", RATE_LIMITS, Env.list
    )
    datasets: str = _setting(
        "The Python package that holds the datasets; one of your own keeps a fork easy to update.", "provider.datasets"
    )
    callback_api_keys: Sequence[str] = _setting(
        "The keys Pango may send in a callback's ApiKey header, comma separated; none refuses callbacks.",
        (),
        Env.list,
        secret=True,
    )
    callback_checksum: str = _setting(
        "Your function that verifies a callback's Checksum: package.module:function; empty for none.", ""
    )
    callback_strict: bool = _setting(
        "Refuse callbacks whose Checksum cannot be verified.", default=False, read=Env.bool
    )
    sources: Mapping[str, str] = field(
        default_factory=dict,
        metadata={"meaning": "A database of yours, read only: SQLAlchemy address. One variable per source."},
    )

    @classmethod
    def from_environment(cls) -> Self:
        """Read the environment and `.env` of the working folder, where the environment wins; ConfigurationError."""
        env = Env(prefix=PREFIX)
        env.read_env(".env", recurse=False)
        names = {name for name in {*dotenv_values(".env"), *os.environ} if name.startswith(PREFIX)}
        known = {variable(setting.name): setting for setting in fields(cls) if "read" in setting.metadata}
        values, sources = {}, {}
        for name in sorted(names):
            short = name.removeprefix(PREFIX)
            if source := _SOURCE.fullmatch(short):
                sources[source[1].lower()] = env.str(short)
            elif name in known:
                try:
                    values[known[name].name] = known[name].metadata["read"](env, short)
                except EnvError as error:
                    raise ConfigurationError(f"{name} cannot be read: {error}") from None
                except ValueError:  # not name=value; the value may be a secret, so the message does not quote it
                    raise ConfigurationError(f"{name} cannot be read. Write name=value,name=value.") from None
            elif close := get_close_matches(name, known, n=1, cutoff=_MISSPELT):
                raise ConfigurationError(f"{name} is not a setting. Did you mean {close[0]}?")
        settings = cls(**values, sources=sources)
        if not settings.auth_methods:
            raise ConfigurationError(f"PROVIDER_AUTH_METHODS is empty. Choose among: {', '.join(AUTH_METHODS)}.")
        if unknown := set(settings.auth_methods) - set(AUTH_METHODS):
            raise ConfigurationError(
                f"PROVIDER_AUTH_METHODS cannot have {min(unknown)!r}. Choose among: {', '.join(AUTH_METHODS)}."
            )
        if settings.pango_auth not in PANGO_AUTH:
            raise ConfigurationError(f"PROVIDER_PANGO_AUTH cannot be {settings.pango_auth!r}. Write v1 or v2.")
        return settings

    def require_secret_key(self) -> bytes:
        """Return the secret key; ConfigurationError when it is missing or too short."""
        if len(self.secret_key) < SECRET_KEY_LENGTH:
            raise ConfigurationError(
                f"PROVIDER_SECRET_KEY is not set, or shorter than {SECRET_KEY_LENGTH} characters. "
                "Run `provider init`: it writes a .env with a fresh one."
            )
        return self.secret_key.encode()


def variable(name: str) -> str:
    """Return the environment variable of a settings field."""
    return "PROVIDER_SOURCE_<NAME>_URL" if name == "sources" else PREFIX + name.upper()


def describe() -> list[Field[Any]]:
    """List the settings in reading order; metadata has `meaning`, and `secret` for a value that must not be shown."""
    return list(fields(Settings))
