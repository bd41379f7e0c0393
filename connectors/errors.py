"""What can go wrong between a portal and us, by who must act.

    ConnectorError
    ├── UnavailableError        nobody, wait     retried; then the source stops for this run
    │   ├── OutOfOrderError     the portal's     retried; then the unit is left out: the portal answers to all else
    │   └── RateLimitedError    nobody, wait     retried after the portal's own time
    ├── UnexpectedAnswerError   the developers   retried (it may be a passing fault); then the unit is left out
    ├── NotFoundError           nobody           the unit is left out
    │   └── NotCapturedError    who captures     told, and no error: it was not paged to
    ├── AccessDeniedError       administrator    the unit is left out
    ├── ExpiredError            nobody           the session signs in anew, once; then it is SignInNeededError
    ├── SignInNeededError       account owner    the source stops until someone signs in
    ├── SourceConfigError       IT staff         the source stops until its configuration is mended
    ├── CaptureError            who captures     the source stops until a good file of the browser is there
    └── ArchiveError            IT staff         the source stops until the raw archive can be written to
        └── DamagedAnswerError  IT staff         the unit is left out of the replay: its answer was damaged on the disk

A message says what, where and what to do. It never holds a secret or a person's name.
"""

from __future__ import annotations

from typing import ClassVar, Literal


class ConnectorError(Exception):
    """Something between a portal and us.

    `code` is stable and documented; `retry` says whether asking again may help; `stops` what cannot go on.
    """

    code: ClassVar[str] = "connector_error"
    retry: ClassVar[bool] = False
    stops: ClassVar[Literal["unit", "source"]] = "source"


class UnavailableError(ConnectorError):
    """The portal does not answer, or answers that it cannot: a timeout, a lost connection, 5xx, a maintenance page."""

    code = "portal_unavailable"
    retry = True


class OutOfOrderError(UnavailableError):
    """The portal cannot give this one thing, while it goes on answering to others."""

    code = "out_of_order"
    stops = "unit"


class RateLimitedError(UnavailableError):
    """The portal asks for patience. `after` is the number of seconds it named, if it named one."""

    code = "rate_limited"

    def __init__(self, message: str, after: float | None = None) -> None:
        super().__init__(message)
        self.after = after


class UnexpectedAnswerError(ConnectorError):
    """The answer is not what the portal's contract says: not JSON, cut off, too large, of another shape."""

    code = "unexpected_answer"
    retry = True
    stops = "unit"


class NotFoundError(ConnectorError):
    """The portal knows no such object."""

    code = "not_found"
    stops = "unit"


class NotCapturedError(NotFoundError):
    """A browser's capture does not hold this: nobody has paged to it."""

    code = "not_captured"


class AccessDeniedError(ConnectorError):
    """The account may not read this. An administrator of the portal can give it the right."""

    code = "access_denied"
    stops = "unit"


class ExpiredError(ConnectorError):
    """The session or token is not valid any more."""

    code = "sign_in_expired"


class SignInNeededError(ConnectorError):
    """No valid sign-in, and none can be made without a person."""

    code = "sign_in_needed"


class SourceConfigError(ConnectorError):
    """The configuration of the source cannot work."""

    code = "source_config"


class CaptureError(ConnectorError):
    """A file that a browser has saved cannot be used: it is cut off, no HAR file, or holds nothing of the portal."""

    code = "capture"


class ArchiveError(ConnectorError):
    """The raw archive cannot be written to or read from: its folder, its rights, its disk."""

    code = "raw_archive"


class DamagedAnswerError(ArchiveError):
    """What the raw archive holds of one answer is not what was put there."""

    code = "raw_archive_damaged"
    stops = "unit"
