"""A process beside this one that reads lines into records: on a machine with several cores, reading and storing overlap."""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import threading
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Final
from zoneinfo import ZoneInfo

from canonical.batch import Origin, Ready
from canonical.store.lines import line_hashes
from canonical.store.ready import make_ready
from connectors.files.blocks import Block
from connectors.files.canonical_layout import read_lines

WORTH_IT: Final = 32 * 1024 * 1024
"""Bytes from which on it pays to start a process."""


def ready_lines(entity: str, body: bytes, zone: str, salt: int) -> Ready | None:
    """The lines of a block as records that can be inserted; null where one of them is no record, or a key comes twice."""
    lines = Block(0, 1, body).lines
    read = read_lines(entity, list(enumerate(lines)), _NOWHERE, ZoneInfo(zone), _nobody)
    return None if read.rejects else make_ready(entity, read.records, line_hashes(lines, salt))


_NOWHERE: Final = Origin("", "", 0, "")


def _nobody(_: str) -> None:
    return None


class Beside:
    """Reads blocks of lines in a process of its own, one after another.

    The process ends when this one does, however it ends. Where it cannot be had, or has died, the answer to everything is
    null: then lines are read where they are needed.
    """

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._pipe: Connection | None = None
        self._process: BaseProcess | None = None
        self._given_up = len(os.sched_getaffinity(0)) < 2

    def read(self, entity: str, body: bytes, zone: str, salt: int) -> Ready | None:
        """`ready_lines`, done by the other process."""
        with self._turn:
            if self._given_up:
                return None
            try:
                pipe = self._pipe or self._start()
                pipe.send((entity, zone, salt))
                pipe.send_bytes(body)
                made: Ready | None = pipe.recv()
            except (OSError, EOFError):
                self._given_up = True
                return None
            return made

    def close(self) -> None:
        """Ends the process."""
        if self._pipe:
            self._pipe.close()
        if self._process:
            self._process.join()

    def _start(self) -> Connection:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs,), name="svod lines", daemon=True)
        self._process.start()
        theirs.close()
        return self._pipe


def _serve(pipe: Connection) -> None:
    """Answers until the other end is closed."""
    gc.disable()  # nothing here is in a circle, and looking for circles takes a third of the time
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that asks
    with suppress(EOFError, OSError):
        while True:
            entity, zone, salt = pipe.recv()
            pipe.send(ready_lines(entity, pipe.recv_bytes(), zone, salt))
