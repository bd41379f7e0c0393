"""The commands, and how their errors are told."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from typer.core import TyperGroup

from canonical.writing import WriteError
from svod import __version__
from svod.cli.frame import STOPPED, WRONG, Frame, mute
from svod.cli.logs import Lines
from svod.cli.moments import parse_moment

COMMANDS: Final = {
    "init": ("sources", "Write a commented svod.toml here, and create the store."),
    "check": (
        "sources",
        "Ask each source whether it is reachable, whether the credentials are good, and what they let us read.",
    ),
    "import": ("sources", "Read from the portals into the store."),
    "replay": ("sources", "Map the archived raw answers again, without the portals."),
    "login": ("login", "Sign in once for a portal that gives tokens to people only; what can be refreshed is kept."),
    "files": ("files", "Exported files and their layouts."),
    "connectors": ("connectors", "What can read a portal, and how well."),
    "quarantine": ("journal", "Records that could not be stored, each with its reason and raw form."),
    "runs": ("journal", "What ran, when, how long, with what ledger."),
    "status": ("journal", "Show what each source last delivered, and what waits for a person."),
    "jobs": ("jobs", "What is to be done, being done, or parked; how to try it again, or to drop it."),
    "worker": ("serving", "Do the jobs on the queue, on this machine or many."),
    "scheduler": ("serving", "Ask for jobs when they fall due; without a queue do them as well."),
    "export": ("journal", "The canonical journal as files."),
    "reconcile": (
        "reconcile",
        "Match people and journals between the sources of an institution, and list where they differ.",
    ),
    "discrepancies": ("reconcile", "The life of what reconcile found."),
    "people": ("reconcile", "Doubtful matches of people, for a person to decide."),
    "completeness": (
        "completeness",
        "Hold the journals against the rules: what is unfilled, since when, and who answers.",
    ),
    "findings": ("findings", "The life of what completeness found."),
    "rules": ("rules", "The rules, each with the clause it comes from."),
    "report": ("reports", "List the reports, or print one: for one institution, or consolidated over all."),
    "backup": ("care", "Write the store into one file, as it stands at one moment; imports may go on."),
    "restore": (
        "care",
        "Put a backup in the place of the store, which must be empty; it is looked at whole before anything is touched.",
    ),
    "prune": ("care", "Let go of what is older than [store] raw_keep_days, runs_keep_days and history_keep_days say."),
    "verify": (
        "care",
        "Hold the store against its invariants: ledger against rows, history, references, the raw answers' hashes.",
    ),
    "standin": (
        "stand",
        "Start one stand-in portal by itself; the first line on standard output says how to reach it.",
    ),
    "demo": (
        "demo",
        "Start stand-in portals, and do the whole job on them: check, import, reconcile, completeness, reports.",
    ),
}
"""Each command: the module of `svod.cli` whose `register` adds it, and what it does, in the words of its own help.

A module is loaded when one of its commands is called: to load them all would take longer than most commands take.
"""


class _Commands(TyperGroup):
    """Knows every command by name, and loads the one that is called."""

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        name, _, rest = super().resolve_command(ctx, args)
        return name, load_module(COMMANDS[name][0])[name] if name else None, rest


@cache
def load_module(name: str) -> Mapping[str, Any]:
    """The commands of a module of `svod.cli`, by name."""
    part = typer.Typer(rich_markup_mode=None)
    import_module(f"svod.cli.{name}").register(part)
    return typer.main.get_group(part).commands


app = typer.Typer(
    name="svod",
    cls=_Commands,
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
    logging.basicConfig(level=logging.WARNING, handlers=[Lines(frame.errors)], force=True)
    logging.getLogger("svod").setLevel(level)


def _not_loaded() -> None:
    """Stands for a command until it is called."""


for _name, (_, _help) in COMMANDS.items():
    app.command(_name, help=_help)(_not_loaded)


@cache
def _whole() -> Any:
    """The command that knows all others; made once, however often a process calls it."""
    return typer.main.get_command(app)


def run(arguments: list[str]) -> int:
    """Runs one call; gives its exit status."""
    frame = Frame(json="--json" in arguments, verbose=bool({"-v", "--verbose"} & set(arguments)))
    try:
        outcome = _whole()(args=hoisted(arguments), standalone_mode=False, obj=frame, prog_name="svod")
        with frame.aloud():
            pass  # what is left of the output leaves now, while it can be told if it cannot
    except BaseException as error:  # noqa: BLE001 - the one place that decides how an error is told
        return _tell(frame, error)
    finally:
        frame.close()
    if outcome == STOPPED:  # Ctrl-C, as typer gives it
        return _tell(frame, KeyboardInterrupt())
    return outcome if isinstance(outcome, int) and outcome else frame.status


def _tell(frame: Frame, error: BaseException) -> int:
    """Says what went wrong and what to do; gives the exit status."""
    match error:
        case typer.TyperException():
            where = getattr(getattr(error, "ctx", None), "command_path", "svod")
            frame.fail(f"{where}: {error.format_message().rstrip('.')}; see {where} --help", "usage", WRONG)
        case KeyboardInterrupt() | typer.Abort():
            frame.fail("stopped; what had been committed stays: call it again", "stopped", STOPPED)
        case BrokenPipeError() | SystemExit(__context__=BrokenPipeError()):
            mute(sys.stdout)  # whoever read it has what they wanted
        case SystemExit():
            return error.code if isinstance(error.code, int) else 1
        case WriteError():
            frame.fail(str(error), "file")
        case OSError():
            where = f"{error.filename}: " if error.filename else ""
            frame.fail(f"{where}{error.strerror or error}; run it again with -v to see what was being done", "file")
        case _:
            _tell_ours(frame, error)
    return frame.status


def _tell_ours(frame: Frame, error: BaseException) -> None:
    # they take long to load, and are loaded already if one of them was raised
    from canonical.store import StoreError  # noqa: PLC0415
    from connectors.errors import ConnectorError, SourceConfigError  # noqa: PLC0415
    from svod.settings import SettingsError  # noqa: PLC0415

    match error:
        case SettingsError():
            frame.fail(str(error), "configuration", WRONG)
        case SourceConfigError():
            frame.fail(str(error), error.code, WRONG)
        case ConnectorError():
            frame.fail(str(error), error.code)
        case StoreError():
            frame.fail(str(error), error.code)
        case _:
            what = f"svod failed by its own fault ({type(error).__name__})"
            frame.fail(f"{what}: run it again with -v and send the trace to its developers", "internal_error")


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
