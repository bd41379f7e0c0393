"""Who may write for a source: one holder at a time, with a token that an overtaken holder no longer has."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, insert, select, update

from canonical.store.engine import StoreError
from canonical.tables import LEASES

TTL_MICROSECONDS: Final = 120 * 1_000_000


class LeaseLostError(StoreError):
    """Another process has taken over what this one was working on; nothing of the last batch was kept."""

    code = "lease_lost"


class BusyError(StoreError):
    """Another process is at work on the same thing."""

    code = "busy"


def this_process() -> str:
    """`host:pid:start`, which tells this process from any other on any machine."""
    return f"{socket.gethostname()}:{os.getpid()}:{_started(os.getpid())}"


def is_dead(holder: str) -> bool:
    """Whether the holder is a process of this machine that runs no more. Of other machines nothing is known."""
    host, pid, started = holder.rsplit(":", 2)
    return host == socket.gethostname() and _started(int(pid)) != started


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
    def take(cls, connection: Connection, name: str, now: int) -> Lease:
        """Takes the lease, also from a holder that has died or has let it expire. `now` is microseconds since 1970.

        Raises:
            BusyError: someone else holds it.

        """
        holder = this_process()
        row = connection.execute(select(LEASES).where(LEASES.c.name == name).with_for_update()).first()
        if row is None:
            connection.execute(insert(LEASES).values(name=name, holder=holder, token=1, expires=now + TTL_MICROSECONDS))
            return cls(name, holder, 1)
        if row.expires > now and row.holder != "" and not is_dead(row.holder):
            host, pid, _ = row.holder.rsplit(":", 2)
            raise BusyError(f"{name}: process {pid} on {host} is at work on it; wait until it has ended")
        token = row.token + 1
        connection.execute(
            update(LEASES)
            .where(LEASES.c.name == name)
            .values(holder=holder, token=token, expires=now + TTL_MICROSECONDS)
        )
        return cls(name, holder, token)

    def hold(self, connection: Connection, now: int) -> None:
        """Prolongs the lease within a transaction that relies on it.

        Raises:
            LeaseLostError: another process has it.

        """
        result = connection.execute(
            update(LEASES)
            .where(LEASES.c.name == self.name, LEASES.c.token == self.token)
            .values(expires=now + TTL_MICROSECONDS)
        )
        if result.rowcount != 1:
            raise LeaseLostError(f"{self.name}: another process has taken over; run the command again if it has failed")

    def give_back(self, connection: Connection) -> None:
        """Lets others have it at once."""
        connection.execute(
            update(LEASES).where(LEASES.c.name == self.name, LEASES.c.token == self.token).values(holder="", expires=0)
        )
