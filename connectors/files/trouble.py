"""What can be wrong with one file; it stops that file alone."""

from __future__ import annotations

from connectors.errors import UnexpectedAnswerError


class UnreadableFileError(UnexpectedAnswerError):
    """The file is not what its reader needs: damaged, too large, locked by a password, of a form that is not read.

    Reading it again does not help; somebody must look at the file.
    """

    code = "unreadable_file"
    retry = False


class UnknownFileError(UnreadableFileError):
    """No layout of the source fits the file. `svod files identify` says why."""

    code = "unknown_file"
