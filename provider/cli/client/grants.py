"""What a new client may read and call, as `provider client create` takes it: datasets, fields, masks and webhooks."""

from provider.auth.access import WEBHOOK
from provider.dataset import Dataset
from provider.dataset.builtin import all_datasets
from provider.dataset.masks import MASKS
from provider.errors import ConfigurationError
from provider.ingestion.inbound.webhooks import NAME
from provider.settings import Settings


def read_grants(texts: tuple[str, ...], settings: Settings) -> dict[str, dict[str, str | None] | None]:
    """Read NAME or NAME:FIELD,FIELD=MASK; ConfigurationError for a dataset, a field or a mask that does not exist."""
    known = all_datasets(settings.datasets)
    grants: dict[str, dict[str, str | None] | None] = {}
    for text in texts:
        name, colon, listed = text.partition(":")
        if name not in known:
            raise ConfigurationError(f"There is no dataset {name!r}. There are: {', '.join(known)}.")
        grants[name] = _visible(listed, known[name]) if colon else None
    return grants


def read_webhook_grants(names: tuple[str, ...]) -> dict[str, dict[str, str | None] | None]:
    """Read names of webhooks; ConfigurationError for what cannot be one."""
    for name in names:
        if not NAME.fullmatch(name):
            raise ConfigurationError(f"{name!r} is no webhook's name. Use a-z, 0-9 and -, 64 at most.")
    return {WEBHOOK + name: None for name in names}


def _visible(listed: str, dataset: Dataset) -> dict[str, str | None]:
    visible: dict[str, str | None] = {}
    for text in listed.split(","):
        field, masked, mask = text.strip().partition("=")
        if not dataset.declares(field):
            known = ", ".join(dataset.record_fields)
            raise ConfigurationError(f"Dataset {dataset.name} has no field {field!r}. It has: {known}.")
        if masked and mask not in MASKS:
            raise ConfigurationError(f"There is no mask {mask!r}. There are: {', '.join(MASKS)}.")
        visible[field] = mask or None
    return visible
