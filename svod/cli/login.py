"""The command that has a person let us in, once, where a portal gives tokens to people only."""

from __future__ import annotations

import asyncio
import sys
from typing import Annotated

import typer

from canonical.store import sources as source_rows
from connectors.contract import SignIn
from connectors.registry import connect
from pipelines.workplace import SourceJob
from svod.cli.frame import WAITING, Frame

_NEXT = "Then paste here the code that the portal gives, or the whole address to which it leads back:"


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("login")(login)


def login(
    context: typer.Context,
    source: Annotated[str, typer.Argument(help="kolomna/portal, or portal.")],
    code: Annotated[
        str | None,
        typer.Option(metavar="CODE_OR_URL", help="What the portal gave: the code, or the address it led back to."),
    ] = None,
) -> None:
    """Sign in once for a portal that gives tokens to people only; what can be refreshed is kept."""
    frame: Frame = context.obj
    jobs = frame.jobs(sources=[source])
    if len(jobs) > 1:
        raise typer.BadParameter(f"{source!r} is several sources: {', '.join(j.key for j in jobs)}; name one of them")
    (job,) = jobs
    page, done = asyncio.run(_sign_in(frame, job, code))
    if page is None:
        auth = job.config.auth
        frame.say(f"{job.key}: needs no login{f'; auth of kind {auth.kind} does without' if auth else ''}")
    elif done:
        _note(frame, job)
        frame.say(f"{job.key}: signed in; the sign-in is kept and renewed. Next: svod check {job.key}")
    else:
        frame.complain(f"{job.key}: waits for the code: svod login {job.key} --code CODE_OR_URL")
        frame.status = WAITING
    if frame.json:
        frame.give({"source": job.key, "needed": page is not None, "address": page, "signed_in": done})


async def _sign_in(frame: Frame, job: SourceJob, code: str | None) -> tuple[str | None, bool]:
    """The page to open, if the source needs one, and whether somebody has signed in there."""
    connector = connect(frame.work.context(job))
    try:
        page = connector.sign_in_page() if isinstance(connector, SignIn) else None
        if not isinstance(connector, SignIn) or page is None:
            return None, False
        pasted = code if code is not None else _asked(frame, job, page)
        if pasted:
            await connector.take_sign_in(pasted)
        return page, bool(pasted)
    finally:
        await connector.close()


def _asked(frame: Frame, job: SourceJob, page: str) -> str:
    """What a person pastes after opening the page; empty if nobody answers."""
    for line in (
        f"{job.key}: open this address in a browser, sign in with an account of staff, and agree:",
        page,
        _NEXT,
    ):
        typer.echo(line, err=frame.json)
    return sys.stdin.readline().strip()


def _note(frame: Frame, job: SourceJob) -> None:
    """Lets `status` say that nobody need sign in any more."""
    with frame.store.reading() as connection:
        rows = [s for s in source_rows(connection) if s.key == job.key and s.state == "needs_sign_in"]
    for row in rows:
        frame.store.note_source(row.id, "signed_in", None, complete=False)
