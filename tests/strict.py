"""A reader of OAuth answers that forgives nothing: the grammar of challenges, and the shape of tokens and errors."""

import re
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import orjson

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_QUOTED = r'"((?:[\t \x21\x23-\x5b\x5d-\x7e]|\\[\t \x21-\x7e])*)"'
_SCHEME = re.compile(rf"({_TOKEN})(?: +(?={_TOKEN}[ \t]*=)|(?=[ \t]*(?:,|$)))")
_PARAMETER = re.compile(rf"({_TOKEN})[ \t]*=[ \t]*{_QUOTED}")
_COMMA = re.compile(r"[ \t]*,[ \t]*")

_TEXT = re.compile(r"[\x20-\x21\x23-\x5b\x5d-\x7e]+")
"""What `error` and `error_description` may hold (RFC 6749 section 5.2)."""

TOKEN_ERRORS = {
    "invalid_request",
    "invalid_client",
    "invalid_grant",
    "unauthorized_client",
    "unsupported_grant_type",
    "invalid_scope",
}
"""RFC 6749 section 5.2."""

AUTHORIZATION_ERRORS = {
    "invalid_request",
    "unauthorized_client",
    "access_denied",
    "unsupported_response_type",
    "invalid_scope",
    "server_error",
    "temporarily_unavailable",
}
"""RFC 6749 section 4.1.2.1."""

Challenge = tuple[str, dict[str, str]]


def parse_challenges(text: str) -> list[Challenge]:
    """Read one WWW-Authenticate header (RFC 9110 section 11.6.1): schemes with quoted parameters, as we write them."""
    found: list[Challenge] = []
    while True:
        scheme = _SCHEME.match(text)
        assert scheme, f"no scheme at {text!r}"
        text, parameters = text[scheme.end() :], {}
        while parameter := _PARAMETER.match(text):
            name = parameter[1].lower()
            assert name not in parameters, f"{name} twice"
            parameters[name] = re.sub(r"\\(.)", r"\1", parameter[2])
            text = text[parameter.end() :]
            comma = _COMMA.match(text)
            if not comma or not _PARAMETER.match(text, comma.end()):
                break
            text = text[comma.end() :]
        found.append((scheme[1], parameters))
        if not text:
            return found
        comma = _COMMA.match(text)
        assert comma, f"no comma at {text!r}"
        text = text[comma.end() :]


def challenges(response: Any) -> dict[str, dict[str, str]]:
    """Read the challenges of an answer; a scheme may come once."""
    found = [challenge for text in _values(response, "WWW-Authenticate") for challenge in parse_challenges(text)]
    for scheme, parameters in found:
        assert parameters.get("realm"), f"{scheme} without a realm"
    assert len(found) == len({scheme for scheme, _ in found}), found
    return dict(found)


def bearer(response: Any) -> dict[str, str]:
    """Read the bearer challenge of an answer (RFC 6750 section 3) without its realm."""
    parameters = dict(challenges(response)["Bearer"])
    parameters.pop("realm")
    assert set(parameters) <= {"error", "error_description", "scope"}
    for value in parameters.values():
        assert _TEXT.fullmatch(value)
    if "error" in parameters:
        expected = {"invalid_request": 400, "invalid_token": 401, "insufficient_scope": 403}
        assert response.status_code == expected[parameters["error"]]
    return parameters


def document(response: Any) -> dict[str, Any]:
    """Read an OAuth answer: one JSON object that nobody may keep, outside the envelope."""
    assert response.headers["Content-Type"] == "application/json"
    assert "no-store" in response.headers["Cache-Control"]
    content = orjson.loads(response.data if hasattr(response, "data") else response.content)
    assert isinstance(content, dict)
    assert not {"success", "data", "errorCode"} & set(content)
    return content


def token(response: Any) -> dict[str, Any]:
    """Read a token answer (RFC 6749 section 5.1)."""
    content = document(response)
    assert response.status_code == 200, content
    assert set(content) <= {"access_token", "token_type", "expires_in", "scope", "refresh_token"}
    assert content["token_type"] == "Bearer"
    assert isinstance(content["expires_in"], int)
    assert 0 < content["expires_in"] <= 3600
    assert re.fullmatch(r"[A-Za-z0-9._~+/-]+=*", content["access_token"])  # b64token, RFC 6750 section 2.1
    assert response.headers["Pragma"] == "no-cache"
    return content


def error(response: Any, code: str, status: int = 400) -> str:
    """Read an error answer of a token endpoint (RFC 6749 section 5.2); give its description."""
    content = document(response)
    assert set(content) <= {"error", "error_description", "error_uri"}
    assert content["error"] == code, content
    assert response.status_code == status, content
    assert _TEXT.fullmatch(content["error"])
    assert _TEXT.fullmatch(content.get("error_description", "-"))
    if status == 401:
        assert set(challenges(response)) == {"Basic"}
    return str(content.get("error_description", ""))


def redirect(response: Any, address: str) -> dict[str, str]:
    """Read what an authorization answer sends back to a client's address (RFC 6749 section 4.1.2)."""
    assert response.status_code == 302, response.data if hasattr(response, "data") else response.content
    assert "no-store" in response.headers["Cache-Control"]
    location, wanted = urlsplit(response.headers["Location"]), urlsplit(address)
    assert (location.scheme, location.netloc, location.path) == (wanted.scheme, wanted.netloc, wanted.path)
    assert not location.fragment
    pairs = parse_qsl(location.query, keep_blank_values=True, strict_parsing=True)
    own = parse_qsl(wanted.query, keep_blank_values=True)
    assert pairs[: len(own)] == own, "a query of the registered address is retained"
    sent = dict(pairs[len(own) :])
    assert len(sent) == len(pairs) - len(own), "a parameter comes twice"
    if "error" in sent:
        assert sent["error"] in AUTHORIZATION_ERRORS
        assert _TEXT.fullmatch(sent.get("error_description", "-"))
        assert "code" not in sent
    return sent


def _values(response: Any, name: str) -> list[str]:
    headers = response.headers
    for reader in ("getlist", "get_list"):
        if hasattr(headers, reader):
            return list(getattr(headers, reader)(name))
    return [headers[name]] if name in headers else []
