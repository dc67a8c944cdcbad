"""The envelope: the outer JSON object of every answer (PangoCDP, "Access Data API", Data Response)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from provider.errors import ERRORS, ConfigurationError, NotFound, ProviderError
from provider.settings import Settings

CHOICES: dict[str, tuple[str, ...]] = {
    "success_key": ("success", "isSuccess"),
    "data_key": ("data", "result", "response", "body"),
    "message_key": ("message", "msg", "errorMsg", ""),
    "error_code_key": ("errorCode", "responseCode", ""),
    "http_status": ("standard", "always_200"),
    "miss": ("failure", "empty"),
}
"""What each option may be. The key names are those that Pango accepts; an empty name leaves the key out."""

OK = "OK"


@dataclass(frozen=True, kw_only=True)
class Envelope:
    """Key names and options of one connection; ConfigurationError for a value that is not among CHOICES."""

    success_key: str = "success"
    data_key: str = "data"
    message_key: str = "message"
    error_code_key: str = "errorCode"
    error_codes: Mapping[str, str] = field(default_factory=dict)
    http_status: str = "standard"
    miss: str = "failure"

    def __post_init__(self) -> None:
        for name, choices in CHOICES.items():
            if (value := getattr(self, name)) not in choices:
                allowed = ", ".join(choice or "empty" for choice in choices)
                raise ConfigurationError(f"PROVIDER_{name.upper()} cannot be {value!r}. Choose one of: {allowed}.")
        if unknown := sorted(set(self.error_codes) - set(ERRORS)):
            raise ConfigurationError(
                f"{unknown[0]!r} is no error code, so ERROR_CODES cannot rename it. The codes are: {', '.join(ERRORS)}."
            )

    @classmethod
    def of(cls, settings: Settings, overrides: Mapping[str, Any] | None = None) -> Self:
        """Make the deployment's envelope; `overrides` are a client's own options."""
        names = cls.__dataclass_fields__
        return cls(**{name: getattr(settings, name) for name in names} | dict(overrides or {}))

    def ok(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """Wrap a record. On success the error code is the number 0, as in all of Pango's samples."""
        return self._wrap(success=True, message=OK, code=0, data=record)

    def error(self, error: ProviderError) -> dict[str, Any]:
        """Wrap an error: its code as text, renamed where configured, and an empty data object."""
        if self.miss == "empty" and isinstance(error, NotFound):
            return self._wrap(success=True, message=error.message, code=0, data={})
        code = self.error_codes.get(error.code, error.code)
        return self._wrap(success=False, message=error.message, code=code, data={})

    def status(self, error: ProviderError) -> int:
        """Return the HTTP status that goes with an error."""
        return 200 if self.http_status == "always_200" else error.status

    def _wrap(self, *, success: bool, message: str, code: int | str, data: Mapping[str, Any]) -> dict[str, Any]:
        envelope: dict[str, Any] = {self.success_key: success}
        if self.message_key:
            envelope[self.message_key] = message
        if self.error_code_key:
            envelope[self.error_code_key] = code
        envelope[self.data_key] = data
        return envelope
