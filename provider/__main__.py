"""`python -m provider` is the same as `provider`."""

from provider.cli import main

main()
