"""Asks the portal on behalf of one reading, and remembers what was answered and what was not."""

from __future__ import annotations

from collections.abc import Awaitable, Iterable
from typing import Final

from canonical.batch import Origin
from connectors.asking import REFUSALS, attempt, together
from connectors.contract import Reading, Unit
from connectors.errors import ConnectorError
from connectors.http import Answer
from connectors.partner_api import people
from connectors.partner_api.client import PartnerApi

FOUND_ON_THE_WAY: Final = ("people", "subjects", "groups")
"""Entities that lessons may add to, so that they are complete only when all the year's lessons were read."""


class Asker:
    """`read` are the answers so far; `lost` are units that report what could not be read; `unsure` names entities of
    which something may have been missed.
    """

    def __init__(self, api: PartnerApi) -> None:
        self.api = api
        self.read: list[Origin] = []
        self.lost: list[Unit] = []
        self.unsure: set[str] = set()
        self._met: set[str] = set()

    async def ask(self, name: str, call: Awaitable[Answer], *, optional: bool = False) -> Answer | None:
        """An answer, or null: then what is missing is reported as a lost unit, unless the portal need not tell it."""
        got = await attempt(call)
        if isinstance(got, ConnectorError):
            if not (optional and isinstance(got, REFUSALS)):
                self.lose(name, got)
            return None
        self.read.append(got.origin)
        return got

    def lose(self, name: str, error: ConnectorError) -> None:
        """Reports what could not be read as a unit of this name."""
        self.unsure.update(FOUND_ON_THE_WAY)

        async def read() -> Reading:
            raise error

        self.lost.append(Unit(name, read))

    async def births(self, answers: Iterable[Answer]) -> tuple[Answer, ...]:
        """The logins of people, for their birth dates."""
        users = people.users_of(answers)
        got = await attempt(self.api.users(users)) if users else []
        if isinstance(got, ConnectorError):
            self.lose("birth dates", got)
            return ()
        self.read += [answer.origin for answer in got]
        return tuple(got)

    async def meet(self, keys: Iterable[str]) -> people.Strangers:
        """People who are named and stand on no list, each once: teachers who have left."""
        new = sorted(set(keys) - self._met)
        self._met.update(new)
        got = await together(self.ask(f"person {k}", self.api.person(k), optional=True) for k in new)
        answers = tuple(answer for answer in got if answer is not None)
        if len(answers) < len(new):
            self.unsure.add("people")
        return people.Strangers(answers, await self.births(answers))
