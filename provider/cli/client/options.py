"""What is given to `provider client`: lengths of time, renamed error codes, and what a client may read and call."""

import re
from datetime import timedelta
from typing import Any

import click

from provider.auth.access import WEBHOOK
from provider.dataset import Dataset
from provider.dataset.builtin import served
from provider.dataset.masks import MASKS
from provider.errors import ConfigurationError
from provider.ingestion.inbound.webhooks import NAME
from provider.settings import Settings

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


class Duration(click.ParamType[timedelta]):
    """A length of time: a number with s, m, h or d."""

    name = "DURATION"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """Read a length of time."""
        if isinstance(value, timedelta):
            return value
        match = re.fullmatch(r"([0-9]{1,6})([smhd])", value) or re.fullmatch(r"(0)()", value)
        if not match:
            self.fail("give a number with its unit, like 90s, 30m, 24h or 7d; 0 means at once", param, ctx)
        return timedelta(seconds=int(match[1]) * _UNITS.get(match[2], 0))


class Renames(click.ParamType[dict[str, str]]):
    """Pairs written name=value,name=value."""

    name = "NAME=VALUE,..."

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> dict[str, str]:
        """Read the pairs."""
        pairs = [pair.partition("=") for pair in value.split(",")]
        if not all(separator and name.strip() for name, separator, _ in pairs):
            self.fail("write pairs like Unauthorized=-102,NotFound=E404", param, ctx)
        return {name.strip(): new.strip() for name, _, new in pairs}


def read_grants(texts: tuple[str, ...], settings: Settings) -> dict[str, dict[str, str | None] | None]:
    """Read NAME or NAME:FIELD,FIELD=MASK; ConfigurationError for a dataset, a field or a mask that does not exist."""
    known = served(settings.datasets)
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
