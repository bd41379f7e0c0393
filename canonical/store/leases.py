"""Who may write for a source: one holder at a time, with a token that an overtaken holder no longer has."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, select, text, update

from canonical.store.engine import StoreError
from canonical.store.upsert import upsert
from canonical.tables import LEASES

TTL_MICROSECONDS: Final = 120 * 1_000_000


class LeaseLostError(StoreError):
    """Another process has taken over what this one was working on; nothing of the last batch was kept."""

    code = "lease_lost"


class BusyError(StoreError):
    """Another process is at work on the same thing."""

    code = "busy"


def store_clock(connection: Connection) -> int:
    """The moment by which leases are held, in microseconds since 1970, whatever `--now` says.

    It is the server's clock where there is a server: the clocks of its clients may differ.
    """
    if connection.dialect.name == "sqlite":
        return time.time_ns() // 1000
    moment: int = connection.execute(
        text("SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT)")
    ).scalar_one()
    return moment


def this_process() -> str:
    """`host:pid:start`, which tells this process from any other on any machine."""
    return f"{socket.gethostname()}:{os.getpid()}:{_started(os.getpid())}"


def is_dead(holder: str) -> bool:
    """Whether the holder is a process of this machine that runs no more. Of other machines nothing is known."""
    host, pid, started = holder.rsplit(":", 2)
    return host == socket.gethostname() and _started(int(pid)) != started


def is_live(holder: str, expires: int, now: int) -> bool:
    """Whether a lease is held: not given back, not expired, and not by a process that is known to have died."""
    return holder != "" and expires > now and not is_dead(holder)


def _started(pid: int) -> str:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "0"
    fields = stat.rpartition(")")[2].split()
    return "0" if fields[0] == "Z" else fields[19]


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to write under a name until it is given back or expires."""

    name: str
    holder: str
    token: int

    @classmethod
    def take(cls, connection: Connection, name: str) -> Lease:
        """Takes the lease, also from a holder that has died or has let it expire.

        Raises:
            BusyError: someone else holds it.

        """
        holder = this_process()
        upsert(connection, LEASES, [{"name": name, "holder": "", "token": 0, "expires": 0}], keep=_ALL)
        row = connection.execute(select(LEASES).where(LEASES.c.name == name).with_for_update()).one()
        now = store_clock(connection)
        if is_live(row.holder, row.expires, now):
            host, pid, _ = row.holder.rsplit(":", 2)
            raise BusyError(f"{name}: process {pid} on {host} is at work on it; wait until it has ended")
        token = row.token + 1
        connection.execute(
            update(LEASES)
            .where(LEASES.c.name == name)
            .values(holder=holder, token=token, expires=now + TTL_MICROSECONDS)
        )
        return cls(name, holder, token)

    def hold(self, connection: Connection) -> None:
        """Prolongs the lease within a transaction that relies on it.

        Raises:
            LeaseLostError: another process has it.

        """
        result = connection.execute(
            update(LEASES)
            .where(LEASES.c.name == self.name, LEASES.c.token == self.token)
            .values(expires=store_clock(connection) + TTL_MICROSECONDS)
        )
        if result.rowcount != 1:
            raise LeaseLostError(f"{self.name}: another process has taken over; run the command again if it has failed")

    def give_back(self, connection: Connection) -> None:
        """Lets others have it at once."""
        connection.execute(
            update(LEASES).where(LEASES.c.name == self.name, LEASES.c.token == self.token).values(holder="", expires=0)
        )


@contextmanager
def leased(connection: Connection, name: str, held: Lease | None) -> Iterator[None]:
    """Does something in a transaction under a lease: the one that a job holds already, else one for this transaction.

    Raises:
        BusyError: someone else holds it.
        LeaseLostError: the job's has been taken over.

    """
    if held is not None:
        held.hold(connection)
        yield
        return
    lease = Lease.take(connection, name)
    yield
    lease.give_back(connection)


_ALL: Final = ("holder", "token", "expires")
