"""Reads the decrees of pupils, where a source asks for `history` (portal facts A5.2)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from canonical.batch import Origin
from connectors.asking import REFUSALS, attempt, together
from connectors.asurso.client import Client
from connectors.asurso.directory import Directory
from connectors.asurso.movement import Movement
from connectors.asurso.structure import Page
from connectors.asurso.values import by_number
from connectors.contract import Unit, failed
from connectors.errors import AccessDeniedError, ConnectorError
from connectors.http import Answer


class Cards:
    """The cards of one import. `lost` are those that could not be read."""

    def __init__(self, client: Client, directory: Directory) -> None:
        self._client = client
        self._directory = directory
        self._asked: set[str] = set()
        self.movement = Movement()
        self.origins: list[Origin] = []
        self.lost: list[Unit] = []

    async def of_everybody(self) -> None:
        """The cards of all whom the students' list names. One that is refused speaks for all."""
        numbers = sorted(self._directory.students or (), key=by_number)
        await self._ask(numbers[:1])
        if self.lost and isinstance(self._refusal, AccessDeniedError):
            return
        await self._ask(numbers[1:])

    async def of_former(self, pages: Iterable[Page]) -> None:
        """The cards of those who stand on journal pages alone: they have left. Whose card is not shown has no decrees."""
        listed = self._directory.students or {}
        numbers = {s.id for page in pages for s in page.roster} - listed.keys() - self._asked
        if not isinstance(self._refusal, AccessDeniedError):
            await self._ask(sorted(numbers, key=by_number), former=True)

    _refusal: ConnectorError | None = None

    async def _ask(self, numbers: Sequence[str], *, former: bool = False) -> None:
        self._asked |= set(numbers)
        answers = await together(attempt(self._client.decrees(n)) for n in numbers)
        for number, answer in zip(numbers, answers, strict=True):
            try:
                if not isinstance(answer, Answer):
                    raise answer
                self.origins.append(answer.origin)
                self.movement.take(self._directory.student_key(number), answer)
            except ConnectorError as error:
                if former and isinstance(error, REFUSALS):
                    continue
                self._refusal = error
                self.movement.whole = False
                self.lost.append(failed(f"decrees/{number}", error))
