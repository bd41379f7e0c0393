"""The commands, and how their errors are told."""

from __future__ import annotations

import logging
import traceback
from pathlib import Path
from typing import Annotated, Final

import typer
from rich.logging import RichHandler

from canonical.store import StoreError
from connectors.errors import ConnectorError, SourceConfigError
from svod import __version__
from svod.cli import completeness, demo, files, findings, journal, login, reconcile, reports, rules, sources, stand
from svod.cli.frame import WRONG, Frame
from svod.cli.moments import parse_moment
from svod.settings import SettingsError

app = typer.Typer(
    name="svod",
    help="Reads the electronic journals of many schools from their portals, reconciles them, finds what is unfilled and reports.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)

_FLAGS: Final = {"--json", "-v", "--verbose", "-q", "--quiet"}
_VALUES: Final = {"--config", "--now"}


def _version(value: bool) -> None:
    if value:
        typer.echo(f"svod {__version__}")
        raise typer.Exit


@app.callback()
def _globals(
    context: typer.Context,
    config: Annotated[
        Path | None, typer.Option(help="The configuration; else $SVOD_CONFIG, ./svod.toml, config/svod.toml.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Standard output holds exactly one JSON document.")] = False,
    now: Annotated[str | None, typer.Option(help="The clock, for repeatable runs: 2026-11-20T18:00:00+03:00.")] = None,
    verbose: Annotated[
        bool, typer.Option("-v", "--verbose", help="More on standard error, traces of errors too.")
    ] = False,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Only results and errors.")] = False,
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="The version.")] = False,  # noqa: ARG001
) -> None:
    frame = context.ensure_object(Frame)
    frame.config, frame.json, frame.verbose, frame.quiet = config, json, verbose, quiet
    frame.now = parse_moment(now) if now else None
    level = logging.DEBUG if verbose else logging.ERROR if quiet else logging.WARNING
    handler = RichHandler(console=frame.errors, show_path=False, show_time=False, rich_tracebacks=False)
    logging.basicConfig(level=logging.WARNING, format="%(message)s", handlers=[handler], force=True)
    logging.getLogger("svod").setLevel(level)


for _commands in (sources, login, files, journal, reconcile, completeness, findings, rules, reports, stand, demo):
    _commands.register(app)


def run(arguments: list[str]) -> int:
    """Runs one call; gives its exit status."""
    frame = Frame(json="--json" in arguments, verbose=bool({"-v", "--verbose"} & set(arguments)))
    try:
        outcome = app(args=hoisted(arguments), standalone_mode=False, obj=frame, prog_name="svod")
    except BaseException as error:  # noqa: BLE001 - the one place that decides how an error is told
        return _tell(frame, error)
    finally:
        frame.close()
    return outcome if isinstance(outcome, int) and outcome else frame.status


def _tell(frame: Frame, error: BaseException) -> int:
    """Says what went wrong and what to do; gives the exit status. A trace only with `-v`."""
    if frame.verbose and not isinstance(error, typer.TyperException):
        traceback.print_exception(error)
    match error:
        case SettingsError():
            frame.fail(str(error), "configuration", WRONG)
        case SourceConfigError():
            frame.fail(str(error), error.code, WRONG)
        case ConnectorError():
            frame.fail(str(error), error.code)
        case StoreError():
            frame.fail(str(error), "store")
        case typer.TyperException():
            where = getattr(getattr(error, "ctx", None), "command_path", "svod")
            frame.fail(f"{where}: {error.format_message().rstrip('.')}; see {where} --help", "usage", WRONG)
        case KeyboardInterrupt() | typer.Abort():
            frame.complain("stopped; what had been committed stays")
            return 130
        case SystemExit():
            return error.code if isinstance(error.code, int) else 1
        case OSError():
            frame.fail(f"{error.filename or 'a file'}: {error.strerror or error}", "file")
        case _:
            what = f"svod failed by its own fault ({type(error).__name__})"
            frame.fail(f"{what}: run it again with -v and send the trace to its developers", "internal_error")
    return frame.status


def hoisted(arguments: list[str]) -> list[str]:
    """The arguments with those that every command has put first, wherever they stood."""
    first: list[str] = []
    rest: list[str] = []
    waiting = iter(arguments)
    for argument in waiting:
        if argument == "--":
            rest += [argument, *waiting]
        elif argument in _FLAGS or argument.partition("=")[0] in _VALUES:
            first.append(argument)
            if argument in _VALUES:
                first += [next(waiting, "")]
        else:
            rest.append(argument)
    return first + rest
