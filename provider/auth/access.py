"""What an authenticated call may do: the client that calls, and the scopes of its token."""

from collections.abc import Mapping
from dataclasses import dataclass

from provider.auth.addresses import Network
from provider.auth.challenges import bearer_challenge
from provider.contract.envelope import Envelope
from provider.errors import Forbidden

SCOPE = "data:"
"""A scope is this and a dataset's name: `data:voucher`."""
WEBHOOK = "webhook:"
"""A grant, and a scope, is this and a webhook's name: `webhook:voucher-issued`."""

Visible = Mapping[str, str | None] | None
"""The fields of a record a client may see, each with its mask, None for no mask; None for all, as they are."""


def scope_of(right: str) -> str:
    """Write a right of a client, the name of a dataset or a webhook with its prefix, as a scope."""
    return right if right.startswith(WEBHOOK) else SCOPE + right


@dataclass(frozen=True, slots=True)
class Caller:
    """A client as a call sees it.

    `grants` is None where it may read every dataset and call every webhook, `networks` empty where it may call from
    anywhere.
    """

    id: int
    name: str
    client_id: str
    envelope: Envelope
    grants: Mapping[str, Visible] | None
    methods: frozenset[str]
    networks: tuple[Network, ...]
    redirect_uris: tuple[str, ...]
    revoked: bool


@dataclass(frozen=True, slots=True)
class Access:
    """What a call may do. `scopes` are those of its token, None when nothing but the client's grants limits it.

    `use_to_note` is the id of the call's API key when its use is still to be noted in this minute.
    """

    caller: Caller
    scopes: frozenset[str] | None = None
    use_to_note: str | None = None

    def visible(self, dataset: str) -> Visible:
        """Say which fields of a dataset may be seen; Forbidden when it may not be read at all."""
        grants = self.caller.grants
        granted = grants is None or dataset in grants
        if self.scopes is not None and not (granted and SCOPE + dataset in self.scopes):
            raise Forbidden(
                f"This token may not read the dataset {dataset}.",
                headers=bearer_challenge("insufficient_scope", scope=SCOPE + dataset),
            )
        if not granted:
            raise Forbidden(f"This client may not read the dataset {dataset}.")
        return None if grants is None else grants[dataset]

    def check_webhook(self, name: str) -> None:
        """Refuse a webhook; Forbidden. A client with grants, and a token with scopes, must name the webhook there."""
        right = WEBHOOK + name
        if self.scopes is not None and right not in self.scopes:
            raise Forbidden(
                f"This token may not call the webhook {name}.",
                headers=bearer_challenge("insufficient_scope", scope=right),
            )
        if self.caller.grants is not None and right not in self.caller.grants:
            raise Forbidden(f"This client may not call the webhook {name}.")
