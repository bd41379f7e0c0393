"""Connections to a portal's host, and how an exchange goes over one of them. How HTTP/1.1 is spoken is h11's to know."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import select
import ssl
import time
from collections.abc import Sequence
from typing import Final, NamedTuple, cast

import h11
import httpx

from connectors.addresses import is_number, proxy_of, trust

Headers = Sequence[tuple[bytes, bytes]]

Raw = tuple[int, Headers, list[bytes]]
"""What came over the wire: the status, the headers, the parts of the body, still compressed if they were."""

_KEPT_FOR: Final = 60.0
"""Seconds that a connection is kept open while nothing is asked."""

_NEXT_ADDRESS_AFTER: Final = 0.25
"""Seconds until a host's next address is tried beside one that does not answer (RFC 8305)."""

_MOST_OF_A_HEAD: Final = 100 * 1024
"""Bytes that the headers of an answer may have."""


class TooLargeError(Exception):
    """An answer is larger than it may be."""


class Asked(NamedTuple):
    """A request that is ready to be sent."""

    head: h11.Request
    body: bytes = b""

    @property
    def events(self) -> list[h11.Event]:
        """What h11 is told of it."""
        return [self.head, *([h11.Data(data=self.body)] if self.body else []), h11.EndOfMessage()]

    def with_cookie(self, cookie: str) -> Asked:
        """The same with a cookie, which may hold any letters, unless it has one of its own."""
        head = self.head
        headers = [*head.headers.raw_items(), (b"Cookie", cookie.encode())]
        if any(name == b"cookie" for name, _ in head.headers):
            return self
        return Asked(h11.Request(method=head.method, target=head.target, headers=headers), self.body)


class Lines:
    """The connections to one host, through a proxy if there is one. Each is taken by one exchange at a time.

    How many there are at once is for the host's limit to say. Seconds: `connect` until there is a connection, `read` between
    two parts of an answer.
    """

    def __init__(self, base_url: str, *, verify: ssl.SSLContext, connect: float, read: float) -> None:
        self._url = httpx.URL(base_url)
        self._verify = verify
        self._connect = connect
        self._read = read
        self._proxy = proxy_of(base_url)
        self._idle: list[_Line] = []
        self._closed = False

    @property
    def proxy(self) -> str | None:
        """The proxy that the connections lead through, as `host:port`."""
        return _named(_place(self._proxy.url)) if self._proxy else None

    def ready(self, method: str, target: bytes, headers: Headers, body: bytes = b"") -> Asked:
        """A request as it is sent; a proxy that does not lead on to its host is told the whole address.

        Raises:
            httpx.LocalProtocolError: it cannot be sent.

        """
        host = self._url.netloc
        if self._proxy and self._url.scheme == "http":
            target, headers = b"http://" + host + target, [*headers, *_to_proxy(self._proxy)]
        try:
            head = h11.Request(method=method, target=target, headers=[(b"Host", host), *headers])
        except h11.LocalProtocolError as error:
            raise httpx.LocalProtocolError(str(error)) from error
        return Asked(head, body)

    async def exchange(self, asked: Asked, *, most_bytes: int) -> Raw:
        """Sends a request and reads the answer as it comes.

        Raises:
            httpx.TransportError: there was no whole answer.
            TooLargeError: the answer has more than `most_bytes`.

        """
        line = self._free() or await self._open()
        try:
            raw = await line.exchange(asked, most_bytes=most_bytes, read=self._read)
        except BaseException:
            line.abort()  # over one that was stopped midway the rest would come to whoever is next
            raise
        if line.is_free and not self._closed:
            self._idle.append(line)
        else:
            line.abort()
        return raw

    def _free(self) -> _Line | None:
        while self._idle:
            line = self._idle.pop()
            if line.is_fresh:
                return line
            line.abort()
        return None

    async def _open(self) -> _Line:
        proxy, secure = self._proxy, self._url.scheme == "https"
        try:
            async with asyncio.timeout(self._connect):
                if proxy is None:
                    return await _connected(self._url, self._verify)
                line = await _connected(proxy.url, trust(None))
                try:
                    if secure:
                        await line.lead_on(_place(self._url), _to_proxy(proxy), self._verify, read=self._connect)
                except BaseException:
                    line.abort()
                    raise
                return line
        except TimeoutError:
            raise httpx.ConnectTimeout("") from None
        except (OSError, UnicodeError, OverflowError) as error:  # also a name that cannot be one, and a port too high
            raise httpx.ConnectError("") from error

    async def aclose(self) -> None:
        """Closes them: those that something is asked over when it has been answered."""
        self._closed = True
        idle, self._idle = self._idle, []
        for line in idle:
            line.abort()
        for line in idle:
            await line.gone.wait()


class _Line(asyncio.Protocol):
    """One connection."""

    def __init__(self) -> None:
        self.gone = asyncio.Event()
        self._transport: asyncio.Transport
        self._free_since = time.monotonic()
        self._begin_to_talk()
        self._told: asyncio.Future[Raw] | None = None

    def _begin_to_talk(self) -> None:
        self._talk = h11.Connection(h11.CLIENT, max_incomplete_event_size=_MOST_OF_A_HEAD)

    @property
    def is_free(self) -> bool:
        """Whether something may be asked over it."""
        return self._talk.our_state is h11.IDLE and not self._transport.is_closing()

    @property
    def is_fresh(self) -> bool:
        """Whether it is free, was so for not too long, and the host has not closed it, even if the loop has not heard so yet."""
        if not self.is_free or time.monotonic() - self._free_since > _KEPT_FOR:
            return False
        heard = select.poll()
        heard.register(self._transport.get_extra_info("socket"), select.POLLIN)
        return not heard.poll(0)

    async def exchange(self, asked: Asked, *, most_bytes: int, read: float) -> Raw:
        try:
            said = b"".join(self._talk.send(event) or b"" for event in asked.events)
        except h11.LocalProtocolError as error:
            raise httpx.LocalProtocolError(str(error)) from error
        self._head: h11.Response | None = None
        self._parts: list[bytes] = []
        self._left, self._read = most_bytes, read
        self._told = asyncio.get_running_loop().create_future()
        self._transport.write(said)
        try:
            async with asyncio.timeout(read) as self._patience:
                return await self._told
        except TimeoutError:
            raise httpx.ReadTimeout("") from None
        finally:
            self._told, self._parts = None, []  # while nothing is asked over it, it holds no answer

    async def lead_on(self, place: tuple[str, int], headers: Headers, verify: ssl.SSLContext, *, read: float) -> None:
        """Has a proxy lead it on to a place, and speaks TLS with that from then on.

        Raises:
            httpx.ProxyError: the proxy does not.

        """
        target = _named(place).encode()
        asked = h11.Request(method="CONNECT", target=target, headers=[(b"Host", target), *headers])
        with contextlib.suppress(TooLargeError):  # a page that says why it does not
            await self.exchange(Asked(asked), most_bytes=0, read=read)
        if self._head is None or not 200 <= self._head.status_code < 300:
            raise httpx.ProxyError(str(self._head and self._head.status_code))
        self._begin_to_talk()
        try:
            led = await asyncio.get_running_loop().start_tls(self._transport, self, verify, server_hostname=place[0])
        except TypeError as error:  # Python 3.11.7 stumbles over what goes wrong in TLS within TLS: see its context
            raise httpx.ConnectError("") from error
        if led is None:
            raise httpx.ProxyError("hung up")
        self._transport = led

    def abort(self) -> None:
        """Closes it at once."""
        self._transport.abort()

    # -- what the loop says ------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._hear(data)

    def eof_received(self) -> None:
        self._hear(b"")

    def connection_lost(self, error: Exception | None) -> None:
        self.gone.set()
        failure = httpx.ReadError("")
        failure.__cause__ = error
        self._end(failure)

    # -- what it makes of it -----------------------------------------------------------------------------------------

    def _hear(self, data: bytes) -> None:
        if self._told is None or self._told.done():  # nothing was asked: the host hangs up, or speaks out of turn
            self.abort()
            return
        try:
            self._talk.receive_data(data)
            if self._reads_to_the_end():
                self._end(self._whole())
            else:
                self._patience.reschedule(asyncio.get_running_loop().time() + self._read)
        except h11.RemoteProtocolError as error:
            self._end(httpx.RemoteProtocolError(str(error)))
        except TooLargeError as error:
            self._end(error)

    def _reads_to_the_end(self) -> bool:
        """Reads on; says whether the answer has come to its end."""
        while (event := self._talk.next_event()) is not h11.NEED_DATA:
            if isinstance(event, h11.Data):
                self._left -= len(event.data)
                if self._left < 0:
                    raise TooLargeError
                self._parts.append(event.data)
            elif isinstance(event, h11.Response):
                self._head = event
            elif not isinstance(event, h11.InformationalResponse):
                return True
        return False

    def _whole(self) -> Raw:
        if self._head is None:
            raise h11.RemoteProtocolError("hung up without an answer")
        if self._talk.our_state is self._talk.their_state is h11.DONE and not self._talk.trailing_data[0]:
            self._talk.start_next_cycle()
            self._free_since = time.monotonic()
        return self._head.status_code, self._head.headers.raw_items(), self._parts

    def _end(self, told: Raw | Exception) -> None:
        if self._told is None or self._told.done():
            return
        self._patience.reschedule(None)  # if the loop was busy for long, time is up in this very step
        if isinstance(told, Exception):
            self._told.set_exception(told)
        else:
            self._told.set_result(told)


async def _connected(url: httpx.URL, verify: ssl.SSLContext) -> _Line:
    host, port = _place(url)
    # a number is one address; asyncio loses a socket when it is stopped in the middle of a race
    delay = None if is_number(host) else _NEXT_ADDRESS_AFTER
    tls = verify if url.scheme == "https" else None
    loop = asyncio.get_running_loop()
    _, line = await loop.create_connection(_Line, host, port, ssl=tls, happy_eyeballs_delay=delay)
    return line


def _place(url: httpx.URL) -> tuple[str, int]:
    return url.raw_host.decode(), url.port or {"https": 443}.get(url.scheme, 80)


def _named(place: tuple[str, int]) -> str:
    host, port = place
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _to_proxy(proxy: httpx.Proxy) -> Headers:
    if proxy.raw_auth is None:
        return []
    return [(b"Proxy-Authorization", b"Basic " + base64.b64encode(b":".join(proxy.raw_auth)))]
