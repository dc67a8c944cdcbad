"""No secret is stored in clear: the database's files are searched for everything that was issued."""

from datetime import timedelta

import strict
from partner import Console
from support import record


def test_no_issued_secret_is_in_the_database(deployment, tmp_path):
    """Keys, client secrets, consent codes, codes and tokens are in no file of the database, whole or in part."""
    console = Console(deployment)
    consent_code = console.consent_code()
    used = strict.redirect(console.decide(consent_code), console.redirect_uri)["code"]
    first = strict.token(console.exchange(code=used, code_verifier=console.pkce.verifier))
    second = strict.token(console.refresh(first["refresh_token"]))
    machine = strict.token(console.exchange("client_credentials"))
    fetched = record(console.browser.get("/v1/token", headers={"token-key": console.issued.api_key}))
    proof = (console.id, console.issued.client_secret)
    console.browser.post("/oauth2/revoke", data={"token": machine["access_token"]}, auth=proof)
    rotated = deployment.clients.rotate("pango", timedelta(hours=1))
    kept = {
        "consent codes": [consent_code, console.consent_code()],
        "authorization codes": [used, console.code()],
        "refresh tokens": [first["refresh_token"], second["refresh_token"]],
        "keys": [
            console.issued.api_key,
            rotated.api_key,
            deployment.clients.issue_trial("pango", "api_key", timedelta(1)),
        ],
        "client secrets": [console.issued.client_secret, rotated.client_secret],
    }
    never_kept = [token["access_token"] for token in (first, second, machine)] + [fetched["accessToken"]]

    files = sorted(tmp_path.glob("provider.db*"))
    assert [file.name for file in files] == ["provider.db", "provider.db-shm", "provider.db-wal"]
    contents = b"\n".join(file.read_bytes() for file in files)
    for kind, secrets in kept.items():
        for secret in secrets:
            _, key_id, rest = secret.split("_")
            assert key_id.encode() in contents, f"the public id of {kind} is how they are found"
            for part in (secret, rest, rest[:32]):
                assert part.encode() not in contents, kind
    for token in never_kept:
        payload, signature = token.removeprefix("pat_").split(".")
        for part in (token, payload, signature):
            assert part.encode() not in contents
    assert console.pkce.verifier.encode() not in contents
    assert deployment.settings.secret_key.encode() not in contents
