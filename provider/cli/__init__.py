"""The `provider` command: one file per group."""

from provider.cli.main import main

__all__ = ["main"]
