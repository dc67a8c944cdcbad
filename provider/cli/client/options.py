"""Types of options of `provider client`: lengths of time and renamed error codes."""

import re
from datetime import timedelta
from typing import Any

import click

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
