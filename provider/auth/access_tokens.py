"""Issues, reads and revokes access tokens. They are signed: only a revocation is stored.

A token is `pat_<payload>.<signature>`. The payload says which client it is for, how it was obtained, what it may read
and when it expires; nothing in it is secret.
"""

import base64
import hashlib
import hmac
import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import NamedTuple

import orjson
from itsdangerous import Signer
from sqlalchemy import Engine, bindparam, delete, insert, select
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from provider.auth.keys import derive_key, random_id
from provider.database.statements import PinnedConnections, Statement
from provider.errors import ConfigurationError
from provider.store.client_tables import Revocation
from provider.store.provider_database import database_down, reaching_database

PREFIX = "pat_"
_LONGEST = 4096


class AccessToken(NamedTuple):
    """What a token says. `owner` is the id of its client's row, `issued` and `expires` are in seconds since the epoch.

    `scope` is None when it may read all that its client may. `family` is the id of the consent it was issued for.
    """

    id: str
    owner: int
    method: str
    scope: str | None
    family: str | None
    issued: int
    expires: int


class AccessTokens:
    """Issues, reads and revokes access tokens. The engine must be one that PinnedConnections can use."""

    def __init__(self, engine: Engine, secret_key: bytes, lifetime: int) -> None:
        if lifetime < 1:
            raise ConfigurationError(f"PROVIDER_TOKEN_TTL cannot be {lifetime}: a token lives a second at least.")
        self.lifetime = lifetime
        self._engine = engine
        self._connections = PinnedConnections(engine)
        self._errors = (engine.dialect.loaded_dbapi.Error, SQLAlchemyError)
        self._signer = Signer(
            derive_key(secret_key, "signature of access tokens"),
            key_derivation="none",
            digest_method=hashlib.sha256,
        )
        self._find = Statement(
            select(Revocation.id).where(Revocation.id.in_([bindparam("token", ""), bindparam("family", "")])),
            engine.dialect,
        )

    def issue(
        self, owner: int, method: str, *, scope: str | None = None, family: str | None = None
    ) -> tuple[str, AccessToken]:
        """Make a token for a client; return its text and what it says. Older tokens stay valid until they expire."""
        now = int(time.time())
        token = AccessToken(random_id(), owner, method, scope, family, now, now + self.lifetime)
        payload = orjson.dumps(list(token))
        signed = self._signer.sign(base64.urlsafe_b64encode(payload).rstrip(b"="))
        return PREFIX + signed.decode(), token

    def read(self, text: str) -> AccessToken | None:
        """Read one of our tokens, even an expired or revoked one (see `is_live`); None for other text."""
        if not text.startswith(PREFIX) or len(text) > _LONGEST or not text.isascii():
            return None
        payload, _, signature = text[len(PREFIX) :].encode().rpartition(b".")
        # Compared as text, because several texts in Base64 can mean the same bytes.
        if not hmac.compare_digest(self._signer.get_signature(payload), signature):
            return None
        return AccessToken(*orjson.loads(base64.urlsafe_b64decode(payload + b"=" * (-len(payload) % 4))))

    def is_live(self, token: AccessToken) -> bool:
        """Return whether a token has neither expired nor been revoked, by any worker, until now."""
        return token.expires > time.time() and not self.is_revoked(token=token.id, family=token.family or "")

    def is_revoked(self, *, token: str = "", family: str = "") -> bool:
        """Return whether a token or its family is revoked, by their ids; SourceUnavailable."""
        try:
            return bool(self._connections.run(self._find, {"token": token, "family": family}, 1))
        except self._errors as error:
            raise database_down() from error

    def revoke(self, revoked_id: str, until: datetime) -> None:
        """Revoke a token or a family until the time it would have expired; SourceUnavailable."""
        with reaching_database():
            with self._engine.begin() as connection:
                connection.execute(delete(Revocation).where(Revocation.expires_at < datetime.now(UTC)))
            with suppress(IntegrityError), self._engine.begin() as connection:
                connection.execute(insert(Revocation).values(id=revoked_id, expires_at=until))
