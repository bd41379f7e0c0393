"""The command line."""

from __future__ import annotations

import signal
import sys
from importlib import import_module
from types import FrameType

from svod import DISTRIBUTION

PACKAGES = ("canonical", "connectors", "pipelines", "reconcile")


def main() -> None:
    """The entry point `svod`."""
    _check_packages()
    from svod.cli.app import run  # noqa: PLC0415 - only after the packages are known to be ours

    signal.signal(signal.SIGTERM, _stop)
    sys.exit(run(sys.argv[1:]))


def _stop(number: int, place: FrameType | None) -> None:
    """A service manager's wish is heard like Ctrl-C: what is held (a source, a session, a child) is given back.

    While an event loop runs Ctrl-C cancels its task; an exception here could strike in the middle of any line.
    """
    interrupt = signal.getsignal(signal.SIGINT)
    if not callable(interrupt):  # it is ignored, as by jobs in the background of a script
        raise KeyboardInterrupt
    interrupt(number, place)


def _check_packages() -> None:
    """Says clearly when another distribution has put a package of the same name over one of ours."""
    for name in PACKAGES:
        try:
            package = import_module(name)
        except ImportError as error:
            sys.exit(f"svod: its package {name!r} cannot be imported ({error}); install svod again")
        if getattr(package, "DISTRIBUTION", None) != DISTRIBUTION:
            place = getattr(package, "__file__", None) or next(iter(getattr(package, "__path__", ["?"])))
            sys.exit(
                f"svod: the package {name!r} at {place} belongs to another distribution, which hides svod's own; "
                "install svod into an environment of its own"
            )
