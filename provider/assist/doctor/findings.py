"""What the doctor reports: findings of three levels."""

from dataclasses import dataclass

OK, WARNING, ERROR = "ok", "warning", "error"


@dataclass(frozen=True)
class Finding:
    """One thing the doctor reports. `check` names the rule, `advice` says what to do, `sql` what to run for it."""

    level: str
    check: str
    message: str
    advice: str = ""
    sql: str = ""


class Findings(list[Finding]):
    """The findings about one dataset, in the order of the checks."""

    def add(self, level: str, check: str, message: str, advice: str = "", sql: str = "") -> None:
        """Add a finding."""
        self.append(Finding(level, check, message, advice, sql))
