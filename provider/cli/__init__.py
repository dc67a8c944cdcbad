"""The `provider` command: a file or a folder for each of its commands."""

from provider.cli.main import main

__all__ = ["main"]
