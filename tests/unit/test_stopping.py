"""How the command line hears a service manager's wish to end."""

import asyncio
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from svod.cli import _stop
from svod.cli.app import run


@pytest.fixture
def heard() -> Iterator[None]:
    """And Ctrl-C too, which whoever runs the tests in the background of a script has had ignored."""
    before = signal.signal(signal.SIGTERM, _stop), signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    for number, handler in zip((signal.SIGTERM, signal.SIGINT), before, strict=True):
        signal.signal(number, handler)


@pytest.mark.usefixtures("heard")
def test_a_running_task_is_cancelled_and_may_give_back_what_it_holds() -> None:
    given_back = []

    async def work() -> None:
        try:
            os.kill(os.getpid(), signal.SIGTERM)  # in the middle of a step
            given_back.append("the step was ended")
            await asyncio.sleep(10)
        except asyncio.CancelledError:
            await asyncio.sleep(0)
            given_back.append("the session")
            raise

    with pytest.raises(KeyboardInterrupt):
        asyncio.run(work())
    assert given_back == ["the step was ended", "the session"]


@pytest.mark.usefixtures("heard")
@pytest.mark.parametrize("interrupt", [signal.default_int_handler, signal.SIG_IGN])
def test_without_a_running_task_it_stops_at_once(interrupt: signal.Handlers) -> None:
    before = signal.signal(signal.SIGINT, interrupt)
    try:
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGTERM)
    finally:
        signal.signal(signal.SIGINT, before)


def test_what_was_stopped_says_so(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("svod.cli.frame.Frame.jobs", stop)
    monkeypatch.chdir(tmp_path)
    assert run(["--json", "import"]) == 130
    said = capsys.readouterr()
    assert json.loads(said.out)["error"]["code"] == "stopped"
    assert said.err == "stopped; what had been committed stays: call it again\n"
