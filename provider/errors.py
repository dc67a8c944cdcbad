"""Errors that a caller may see (ProviderError), and mistakes in the installation (ConfigurationError)."""

from collections.abc import Sequence
from typing import ClassVar


class ConfigurationError(Exception):
    """A mistake in the installation: one line that says where it is and what to do."""


class ProviderError(Exception):
    """An error that is answered inside the envelope. Each one is a subclass, whose name is its error code.

    `status` is the HTTP status in the mode `standard`, `default` the message for people. `headers` are added to the
    response. A message holds no personal data.
    """

    code: ClassVar[str]
    status: ClassVar[int]
    default: ClassVar[str]

    def __init_subclass__(cls) -> None:
        """Take the code from the class name. A subclass of an error that has a code keeps that code."""
        if ProviderError in cls.__bases__:
            cls.code = cls.__name__

    def __init__(self, message: str | None = None, *, headers: Sequence[tuple[str, str]] = ()) -> None:
        super().__init__(message or self.default)
        self.message = message or self.default
        self.headers = headers


class Unauthorized(ProviderError):
    """No credentials, or credentials that are not valid (RFC 9110 section 15.5.2)."""

    status = 401
    default = "Valid credentials are needed."


class Forbidden(ProviderError):
    """The caller is known and lacks the right."""

    status = 403
    default = "This client may not do that."


class InvalidRequest(ProviderError):
    """A request that cannot be understood, or a parameter that breaks its rule."""

    status = 400
    default = "The request could not be understood."


class MissingIdentifier(ProviderError):
    """No identifier was sent."""

    status = 400
    default = "Say whose data is wanted: send phone or email."


class InvalidPhone(ProviderError):
    """The phone is not a phone number."""

    status = 400
    default = "phone is not a valid phone number. Send it like 0359677657 or +84359677657."


class InvalidEmail(ProviderError):
    """The email is not an email address."""

    status = 400
    default = "email is not a valid email address. Send it like name@example.com."


class NotFound(ProviderError):
    """Nobody matches: a business answer, hence HTTP 200."""

    status = 200
    default = "Nobody matches."


class Ambiguous(ProviderError):
    """Several records match and the dataset does not say which one counts: a business answer, hence HTTP 200."""

    status = 200
    default = "More than one record matches, and the dataset does not say which one counts."


class UnknownDataset(ProviderError):
    """Nothing is served at this address."""

    status = 404
    default = "Nothing is served at this address. Datasets are at /v1/data/<dataset>."


class MethodNotAllowed(ProviderError):
    """The address does not accept the method; the Allow header names those it accepts (RFC 9110 section 15.5.6)."""

    status = 405
    default = "This address does not accept that method. The Allow header names those it does."


class UnsupportedMediaType(ProviderError):
    """A body in a format other than JSON or a form."""

    status = 415
    default = "Send the body as application/json, or as a form."


class PayloadTooLarge(ProviderError):
    """A body over the limit. The rest of the body is not read, so the connection is closed."""

    status = 413
    default = "The body is too large: 64 KiB is the limit."


class TooManyRequests(ProviderError):
    """The caller must slow down."""

    status = 429
    default = "Too many requests. Wait as long as the Retry-After header says."


class SourceUnavailable(ProviderError):
    """A database does not answer."""

    status = 503
    default = "The database behind this dataset does not answer. Try again later."


class Timeout(ProviderError):
    """A database took too long."""

    status = 503
    default = "The database behind this dataset took too long. Try again later."


class InternalError(ProviderError):
    """A fault of the service or of a dataset's own code."""

    status = 500
    default = "Something went wrong on our side. Quote the X-Request-ID header when you report it."


ERRORS = {error.code: error for error in ProviderError.__subclasses__()}
"""All error codes, by name. A deployment or a client may rename them, but not add one."""
