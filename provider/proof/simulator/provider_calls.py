"""Calls a provider as Pango does (PangoCDP, "Access Data API" and "Access Token Api")."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx2
import orjson

from provider.errors import ConfigurationError
from provider.proof.simulator.answer_reading import AnswerReading, read_answer

_TIMEOUT_SECONDS = 30.0
_LONG_SECRET = 16


@dataclass(frozen=True, kw_only=True)
class TokenApi:
    """An Access Token Api connection; `path` is the dotted path of the token in the answer (Token Field)."""

    url: str
    method: str = "POST"
    path: str = "data.accessToken"
    prefix: str = "Bearer"
    body: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Exchange:
    """One request and its answer, with secrets and tokens masked."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: Mapping[str, Any] | None
    status: int
    answer: str
    milliseconds: float


@dataclass(frozen=True)
class ProviderCall:
    """A data call, with the token call before it. Without a token, the data call is not made."""

    exchanges: list[Exchange]
    reading: AnswerReading


def call_provider(
    url: str,
    parameters: Mapping[str, str],
    *,
    method: str = "POST",
    headers: Mapping[str, str] | None = None,
    token_api: TokenApi | None = None,
    names: Mapping[str, str] | None = None,
) -> ProviderCall:
    """Call a data address, with a fresh token where there is a token API. ConfigurationError when nobody answers.

    GET carries the parameters in the query, POST in a JSON body. `names` says what the roles' keys are called.
    """
    sent = dict(headers or {})
    exchanges: list[Exchange] = []
    with httpx2.Client(timeout=_TIMEOUT_SECONDS, trust_env=False) as client:
        if token_api:
            exchange, token = _fetch_token(client, token_api)
            exchanges.append(exchange)
            if token is None:
                return ProviderCall(
                    exchanges, AnswerReading(warnings=[f"There is no text at {token_api.path} of the token's answer."])
                )
            sent["Authorization"] = f"{token_api.prefix} {token}".strip()
        body = parameters if method == "POST" else None
        query = None if method == "POST" else parameters
        response, milliseconds = _send(client, method, url, sent, body=body, query=query)
    secrets = [*sent.values(), *(value.rpartition(" ")[2] for value in sent.values())]
    exchanges.append(_describe(response, milliseconds, _mask_values(sent), body, secrets))
    return ProviderCall(exchanges, read_answer(response.status_code, response.content, names))


def _fetch_token(client: httpx2.Client, api: TokenApi) -> tuple[Exchange, str | None]:
    body = api.body if api.method == "POST" else None
    response, milliseconds = _send(client, api.method, api.url, {}, body=body)
    token = _find_text(response.content, api.path)
    masked = None if body is None else _mask_values({name: str(value) for name, value in body.items()})
    secrets = [token or "", *(str(value) for value in api.body.values())]
    return _describe(response, milliseconds, {}, masked, secrets), token


def _send(
    client: httpx2.Client,
    method: str,
    url: str,
    headers: Mapping[str, str],
    *,
    body: Mapping[str, Any] | None = None,
    query: Mapping[str, str] | None = None,
) -> tuple[httpx2.Response, float]:
    began = time.perf_counter()
    try:
        # An empty query would wipe out the one that the address itself has.
        response = client.request(method, url, headers=headers, json=body, params=query or None)
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        address = url.partition("?")[0]
        raise ConfigurationError(
            f"No answer from {address} ({type(error).__name__}). Is the provider running there?"
        ) from None
    return response, round((time.perf_counter() - began) * 1000, 1)


def _describe(
    response: httpx2.Response,
    milliseconds: float,
    headers: Mapping[str, str],
    body: Mapping[str, Any] | None,
    secrets: Iterable[str],
) -> Exchange:
    text = response.text
    for secret in sorted(set(secrets), key=len, reverse=True):
        if len(secret) >= _LONG_SECRET:
            text = text.replace(secret, mask_secret(secret))
    request = response.request
    return Exchange(request.method, str(request.url), headers, body, response.status_code, text, milliseconds)


def _find_text(body: bytes, path: str) -> str | None:
    """Return the text at a dotted path of a JSON object, or None."""
    try:
        found: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    for name in path.split("."):
        if not isinstance(found, dict):
            return None
        found = found.get(name)
    return found if isinstance(found, str) and found else None


def mask_secret(secret: str) -> str:
    """Show the ends of a secret, enough to tell it from another."""
    return f"{secret[:4]}…{secret[-4:]}" if len(secret) >= _LONG_SECRET else "…"


def _mask_values(secrets: Mapping[str, str]) -> dict[str, str]:
    masked = {}
    for name, value in secrets.items():
        scheme, blank, secret = value.rpartition(" ")
        masked[name] = f"{scheme}{blank}{mask_secret(secret)}"
    return masked
