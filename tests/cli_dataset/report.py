"""Reading what the doctor reports."""

from typing import Any


def findings(report: dict[str, Any], *levels: str) -> list[dict[str, Any]]:
    """List a report's findings of these levels, errors and warnings when none is named."""
    return [it for it in report["findings"] if it["level"] in (levels or ("error", "warning"))]
