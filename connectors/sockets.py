"""The one module that talks over web sockets: a conversation with a portal's hub, message by message."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Mapping
from typing import Final

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException

from connectors.errors import AccessDeniedError, ExpiredError, NotFoundError, UnavailableError

_MOST_BYTES: Final = 4 * 1024 * 1024


class Conversation:
    """An open web socket."""

    def __init__(self, where: str, connection: ClientConnection) -> None:
        self._where = where
        self._connection = connection

    async def send(self, text: str) -> None:
        """Says something.

        Raises:
            UnavailableError: the portal has hung up.

        """
        try:
            await self._connection.send(text)
        except ConnectionClosed:
            raise UnavailableError(f"{self._where}: the portal has hung up") from None

    async def receive(self, within: float) -> str:
        """What the portal says next, as text, whichever kind of message it came in.

        Raises:
            UnavailableError: it has hung up, or said nothing within so many seconds.

        """
        try:
            async with asyncio.timeout(within):
                said = await self._connection.recv()
        except TimeoutError:
            raise UnavailableError(f"{self._where}: nothing was said within {within:g} s") from None
        except ConnectionClosed:
            raise UnavailableError(f"{self._where}: the portal has hung up") from None
        return said if isinstance(said, str) else said.decode("utf-8", errors="replace")


@contextlib.asynccontextmanager
async def conversation(
    address: str, where: str, headers: Mapping[str, str], *, verify: ssl.SSLContext, within: float
) -> AsyncIterator[Conversation]:
    """Opens a web socket and closes it in the end. `where` names it in messages: the address may hold a token.

    Raises:
        UnavailableError: it cannot be opened.
        ExpiredError: the portal asks to sign in first.
        AccessDeniedError: the account may not open it.
        NotFoundError: the portal has none there.

    """
    try:
        connection = await connect(
            address,
            additional_headers=dict(headers),
            user_agent_header=None,
            ssl=verify if address.startswith("wss:") else None,
            open_timeout=within,
            max_size=_MOST_BYTES,
        )
    except InvalidStatus as error:
        status = error.response.status_code
        known = {401: ExpiredError, 403: AccessDeniedError, 404: NotFoundError}
        raise known.get(status, UnavailableError)(f"{where}: no web socket ({status})") from None
    except (OSError, TimeoutError, WebSocketException) as error:
        raise UnavailableError(f"{where}: no web socket ({type(error).__name__})") from None
    try:
        yield Conversation(where, connection)
    finally:
        await connection.close()
