"""Connections to a portal's host: by which way they lead, whom they trust, and how an exchange goes over one of them."""

from __future__ import annotations

import ipaddress
import os
import re
import socket
import ssl
import urllib.request
from collections.abc import Callable, Coroutine, Generator
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Final, Generic, TypeVar
from urllib.parse import urlsplit

import httpcore
import httpx

from connectors.errors import SourceConfigError

T = TypeVar("T")

Raw = tuple[int, list[tuple[bytes, bytes]], list[bytes]]
"""What came over the wire: the status, the headers, the parts of the body, still compressed if they were."""

_FAILURES: Final = (httpcore.NetworkError, httpcore.ProtocolError, httpcore.ProxyError, httpcore.TimeoutException)

_KEPT_FOR: Final = 60.0
"""Seconds that a connection is kept open while nothing is asked."""


_MANY_OFFERS: Final = 50


class TooLargeError(Exception):
    """An answer is larger than it may be."""


class Lines:
    """The connections to one host, through a proxy if there is one. Each is taken by one exchange at a time.

    They are connections of httpx's own engine, without its pool: how many there are at once is for the host's limit to say.
    """

    def __init__(self, base_url: str, *, verify: ssl.SSLContext) -> None:
        url = httpx.URL(base_url)
        self._origin = httpcore.Origin(url.raw_scheme, url.raw_host, url.port or {"https": 443}.get(url.scheme, 80))
        self._proxy = _proxy(base_url)
        self._maker = httpcore.AsyncConnectionPool(ssl_context=verify, proxy=self._proxy, keepalive_expiry=_KEPT_FOR)
        self._idle: list[httpcore.AsyncConnectionInterface] = []
        self._closed = False

    @property
    def proxy(self) -> str | None:
        """The proxy that the connections lead through, as `host:port`."""
        if self._proxy is None:
            return None
        origin = self._proxy.url.origin
        return f"{origin.host.decode()}:{origin.port}"

    async def exchange(self, request: httpx.Request, *, most_bytes: int) -> Raw:
        """Sends a request and reads the answer as it comes.

        Raises:
            httpx.TransportError: there was no whole answer.
            TooLargeError: the answer has more than `most_bytes`.

        """
        line = await self._free()
        whole = False
        try:
            raw = await Unbroken(_exchange(line, request, most_bytes))
            whole = True
        except _FAILURES as error:
            raise getattr(httpx, type(error).__name__)(str(error)) from error
        finally:
            if whole and not self._closed:
                self._idle.append(line)
            else:
                await line.aclose()  # one that was stopped midway may be taken for good
        return raw

    async def _free(self) -> httpcore.AsyncConnectionInterface:
        while self._idle:
            line = self._idle.pop()
            if not (line.is_closed() or line.has_expired()):
                return line
            await line.aclose()
        return self._maker.create_connection(self._origin)

    async def aclose(self) -> None:
        """Closes them: those that something is asked over when it has been answered."""
        self._closed = True
        while self._idle:
            await self._idle.pop().aclose()


async def _exchange(line: httpcore.AsyncConnectionInterface, request: httpx.Request, most_bytes: int) -> Raw:
    url = request.url
    asked = httpcore.Request(
        method=request.method,
        url=httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
        headers=request.headers.raw,
        content=request.stream,
        extensions=request.extensions,
    )
    answer = await line.handle_async_request(asked)
    parts: list[bytes] = []
    size = 0
    try:
        async for part in answer.aiter_stream():
            size += len(part)
            if size > most_bytes:
                raise TooLargeError
            parts.append(part)
    finally:
        await answer.aclose()
    return answer.status, answer.headers, parts


class Unbroken(Generic[T]):
    """Awaits a coroutine, but gives way to others only where it must wait for something.

    The engine offers to give way eight times within an exchange. Answers that come together would all be read step by step
    in turn, and all end last. One that does nothing but offer waits for what others do, and is let.
    """

    def __init__(self, coroutine: Coroutine[Any, Any, T]) -> None:
        self._coroutine = coroutine

    def __await__(self) -> Generator[Any, Any, T]:
        go_on = partial(self._coroutine.send, None)
        step: Callable[[], Any] = go_on
        offers = 0
        while True:
            try:
                awaited = step()
            except StopIteration as ended:
                result: T = ended.value
                return result
            offers = offers + 1 if awaited is None else 0
            if 0 < offers < _MANY_OFFERS:
                step = go_on
                continue
            try:
                step = partial(self._coroutine.send, (yield awaited))
            except BaseException as error:  # noqa: BLE001 - it is the coroutine's to deal with
                step = partial(self._coroutine.throw, error)


def _proxy(url: str) -> httpcore.Proxy | None:
    """The proxy that the environment names for an address, as curl and others read it: `HTTPS_PROXY`, `NO_PROXY` …

    Raises:
        SourceConfigError: it is none that can be used. What it says is not shown: it may hold a password.

    """
    parts = urlsplit(url)
    proxies = urllib.request.getproxies()
    name = parts.scheme if parts.scheme in proxies else "all"
    if not proxies.get(name) or urllib.request.proxy_bypass(parts.hostname or ""):
        return None
    said = proxies[name] if "://" in proxies[name] else f"http://{proxies[name]}"
    try:
        proxy = httpx.Proxy(said)
    except (ValueError, httpx.InvalidURL):
        proxy = None
    if proxy is None or proxy.url.scheme not in {"http", "https"} or not proxy.url.host:
        raise SourceConfigError(f"{name.upper()}_PROXY in the environment: write http://HOST:PORT")
    return httpcore.Proxy(str(proxy.url), auth=proxy.raw_auth)


def why(error: httpx.HTTPError) -> str:
    """The kind of a failure, never the library's own words: those can hold an address or a header with a secret."""
    causes: list[BaseException] = [error]
    for one in causes:
        if isinstance(one, ssl.SSLCertVerificationError):
            return f"the portal's certificate is not trusted: {one.verify_message}; see ca_bundle"
        if isinstance(one, socket.gaierror):
            return "its host's name is not known"
        if isinstance(one, ssl.SSLError):
            return f"TLS: {one.reason or type(one).__name__}"
        if isinstance(one, OSError) and one.errno:
            return os.strerror(one.errno).lower()
        inner = one.exceptions if isinstance(one, BaseExceptionGroup) else (one.__cause__ or one.__context__,)
        causes += [c for c in inner if c is not None and c not in causes]
    return type(error).__name__


def check_base_url(url: str) -> None:
    """Holds an address against what may carry children's data: https, or this machine itself.

    Raises:
        SourceConfigError: it may not.

    """
    try:
        parts, _ = urlsplit(url), httpx.URL(url).port
    except (ValueError, httpx.InvalidURL):
        raise SourceConfigError("base_url cannot be read as a web address; write https://…") from None
    if parts.username or parts.password:
        raise SourceConfigError("base_url must not hold a login or password; use auth")
    if parts.scheme not in {"http", "https"} or not parts.hostname or re.search(r"\s", url):
        raise SourceConfigError(f"base_url {url!r} is not a web address; write https://…")
    if parts.scheme == "http" and not _is_loopback(parts.hostname):
        raise SourceConfigError(f"base_url {url!r}: only https is allowed, save for addresses of this machine")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def trust(ca_bundle: str | None) -> ssl.SSLContext:
    """Whom a connection trusts. Reading the machine's certificates takes a tenth of a second: once is enough."""
    try:
        return _read_trust(ca_bundle, Path(ca_bundle).stat().st_mtime_ns if ca_bundle else 0)
    except (OSError, ssl.SSLError) as error:
        raise SourceConfigError(f"ca_bundle {ca_bundle!r} cannot be read: {error}") from None


@lru_cache(maxsize=16)
def _read_trust(ca_bundle: str | None, _changed: int) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=ca_bundle)
