"""What both modules ask of an account: its password, its turn, and that its session is given back.

The portal lets an account have only a few sessions at once, or warns its owner of a second one. So the sources of this
process work with an account one after the other, and none leaves a session behind.
"""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from typing import Any, Final
from weakref import WeakValueDictionary

from connectors.contract import Context, PasswordAuth
from connectors.errors import ConnectorError, SourceConfigError, UnavailableError
from connectors.http import Answer, Session

log = logging.getLogger("svod.asurso")

_SIGN_OUT_SECONDS: Final = 20.0

_IN_USE: Final[WeakValueDictionary[tuple[int, str, str], asyncio.Lock]] = WeakValueDictionary()
"""Who works with an account now, by event loop, address and login."""


class AccountManner(ABC):
    """The part of a module's manner that has to do with its account. A module says in `_leave` how a session ends."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._base = (context.config.base_url or context.product.base_url or "").rstrip("/")
        self._turn: asyncio.Lock | None = None

    async def sign_out(self, session: Session) -> None:
        """Gives the session back to the account. That it could not be is told and stops nothing."""
        try:
            async with asyncio.timeout(_SIGN_OUT_SECONDS):
                await self._leave(session)
        except (ConnectorError, TimeoutError):
            log.warning("%s: the portal did not answer to the sign-out; its session ends by itself", self._source)
        finally:
            if self._turn:
                self._turn.release()
                self._turn = None

    @abstractmethod
    async def _leave(self, session: Session) -> None:
        """Ends the session, if there is one."""

    async def _wait_for_account(self) -> None:
        """Waits until no other source of this process works with the account."""
        if self._turn is None:
            place = (id(asyncio.get_running_loop()), self._base, self._auth.login)
            turn = _IN_USE.setdefault(place, asyncio.Lock())
            await turn.acquire()
            self._turn = turn

    @property
    def _source(self) -> str:
        return f"source {self._context.source}"

    @property
    def _auth(self) -> PasswordAuth:
        auth = self._context.config.auth
        if not isinstance(auth, PasswordAuth):
            raise SourceConfigError(f'{self._source}: auth: kind "password" with login and password is needed')
        return auth


def said_by(answer: Answer) -> Any:
    """The JSON of an answer to a sign-in call.

    Raises:
        UnavailableError: a web page came: the portal is being worked on.
        UnexpectedAnswerError: it is cut off.

    """
    if answer.is_html:
        raise UnavailableError(f"{answer.origin.request}: a web page came in the place of data")
    return answer.json()
