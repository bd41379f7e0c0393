"""Connections over real sockets: which are kept, and what becomes of hosts that misbehave."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import socket
import ssl
import struct
import threading
import time
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from connectors.addresses import trust, why
from connectors.lines import Asked, Lines, Raw, TooLargeError

FINE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"

Say = Callable[[asyncio.StreamWriter], Awaitable[None]]
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[Any, Any, None]]


class Host:
    """Answers the requests of all its connections by a script, then with `FINE`; None hangs up instead."""

    def __init__(self, *script: bytes | Say | None) -> None:
        self.script = list(script)
        self.connections: list[asyncio.StreamWriter] = []
        self.ended = 0
        self.asked: list[bytes] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections.append(writer)
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            while True:
                self.asked.append(await reader.readuntil(b"\r\n\r\n"))
                said = self.script.pop(0) if self.script else FINE
                if said is None:
                    break
                if isinstance(said, bytes):
                    writer.write(said)
                    await writer.drain()
                else:
                    await said(writer)
        self.ended += 1
        writer.close()


@contextlib.asynccontextmanager
async def serving(handle: Handler, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Serves at a port, and waits in the end until all connections are over."""
    under_way: list[asyncio.Task[None]] = []

    def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        under_way.append(asyncio.create_task(handle(reader, writer)))

    server = await asyncio.start_server(begin, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await asyncio.wait_for(asyncio.gather(*under_way), 10)


@contextlib.asynccontextmanager
async def reached(
    host: Handler,
    tls: ssl.SSLContext | None = None,
    verify: ssl.SSLContext | None = None,
    *,
    connect: float = 5.0,
    read: float = 0.3,
) -> AsyncIterator[tuple[Lines, str]]:
    async with serving(host, tls) as port:
        url = f"{'https' if tls else 'http'}://127.0.0.1:{port}"
        lines = Lines(url, verify=verify or trust(None), connect=connect, read=read)
        try:
            yield lines, url
        finally:
            await lines.aclose()


async def ask(lines: Lines, url: str, path: str = "/x", *, most_bytes: int = 1_000_000, **more: Any) -> Raw:
    return await lines.exchange(sent(lines, httpx.Request("GET", url + path, **more)), most_bytes=most_bytes)


def sent(lines: Lines, request: httpx.Request) -> Asked:
    headers = [(name, value) for name, value in request.headers.raw if name.lower() != b"host"]
    return lines.ready(request.method, request.url.raw_path, headers, request.content)


def asked(host: Host, times: int = 1, **more: Any) -> list[bytes]:
    """The bodies of so many answers, asked for one after another."""

    async def go() -> list[bytes]:
        async with reached(host) as (lines, url):
            return [b"".join((await ask(lines, url, **more))[2]) for _ in range(times)]

    return asyncio.run(go())


class TestOneLine:
    def test_it_is_kept_for_the_next(self) -> None:
        host = Host()
        assert asked(host, 3) == [b"{}"] * 3
        assert len(host.connections) == 1

    @pytest.mark.parametrize(
        "said",
        [
            b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"not"',
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}",
            b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        ],
    )
    def test_it_is_not_kept_when_more_came_than_was_announced_or_the_host_will_close_it(self, said: bytes) -> None:
        host = Host(said)
        assert asked(host, 2) == [b"{}"] * 2
        assert len(host.connections) == 2

    @pytest.mark.parametrize("said", [b"", b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n"])
    @pytest.mark.parametrize("wait", [time.sleep, asyncio.sleep])
    def test_one_that_the_host_gave_up_meanwhile_is_not_used(self, said: bytes, wait: Callable[[float], Any]) -> None:
        """Even if the loop was busy with something else and has not heard of it."""
        listener = socket.create_server(("127.0.0.1", 0))
        lines = Lines(url := f"http://127.0.0.1:{listener.getsockname()[1]}", verify=trust(None), connect=1, read=1)

        def serve() -> None:
            for word in (said, b""):
                line, _ = listener.accept()
                line.recv(65_536)
                line.sendall(FINE)
                time.sleep(0.05)
                line.sendall(word)
                line.close()

        async def go() -> list[bytes]:
            first = await ask(lines, url)
            if (waits := wait(0.2)) is not None:
                await waits
            answers = [b"".join(raw[2]) for raw in (first, await ask(lines, url))]
            await lines.aclose()
            return answers

        server = threading.Thread(target=serve)
        server.start()
        with listener:
            assert asyncio.run(go()) == [b"{}"] * 2
            server.join()

    def test_one_that_was_idle_too_long_is_not_used(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("connectors.lines._KEPT_FOR", 0.0)
        host = Host()
        assert asked(host, 2) == [b"{}"] * 2
        assert len(host.connections) == 2

    def test_it_does_not_hold_what_was_answered(self) -> None:
        """There may be many of them, and an answer as large as one may be."""
        size = 10_000_000

        async def much(writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
            for _ in range(10):
                writer.write(b"x" * (size // 10))
                await writer.drain()

        async def go() -> int:
            async with reached(Host(FINE, much)) as (lines, url):
                await ask(lines, url)
                tracemalloc.start()
                await ask(lines, url, most_bytes=size)
                await asyncio.sleep(0)
                held, _ = tracemalloc.get_traced_memory()
                tracemalloc.stop()
                return held

        assert asyncio.run(go()) < size / 2

    def test_none_is_left_open(self) -> None:
        host = Host()

        async def go() -> None:
            async with reached(host) as (lines, url):
                await asyncio.gather(*(ask(lines, url) for _ in range(3)))

        asyncio.run(go())
        assert len(host.connections) == host.ended == 3

    def test_none_is_left_open_when_closing_them_is_stopped_midway(self) -> None:
        host = Host()

        async def go() -> None:
            async with reached(host) as (lines, url):
                await asyncio.gather(*(ask(lines, url) for _ in range(3)))
                closing = asyncio.create_task(lines.aclose())
                await asyncio.sleep(0)
                closing.cancel()
                await asyncio.sleep(0.1)
                assert host.ended == 3

        asyncio.run(go())

    def test_what_is_asked_over_it_when_they_are_closed_is_answered(self) -> None:
        host = Host(slowly(FINE))

        async def go() -> Raw:
            async with reached(host) as (lines, url):
                asking = asyncio.create_task(ask(lines, url))
                await asyncio.sleep(0.05)
                await lines.aclose()
                return await asking

        assert asyncio.run(go())[0] == 200
        assert host.ended == 1


def slowly(*parts: bytes, seconds: float = 0.1) -> Say:
    async def say(writer: asyncio.StreamWriter) -> None:
        for part in parts:
            await asyncio.sleep(seconds)
            writer.write(part)
            await writer.drain()

    return say


async def reset(writer: asyncio.StreamWriter) -> None:
    writer.write(FINE[:-1])
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    await asyncio.sleep(0.05)
    writer.transport.abort()


class TestAnswers:
    @pytest.mark.parametrize(
        ("said", "body"),
        [
            (b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + FINE, b"{}"),
            (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[1\r\n1\r\n]\r\n0\r\n\r\n", b"[1]"),
            (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
            (b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 60_000 + b"\r\nContent-Length: 2\r\n\r\n{}", b"{}"),
        ],
    )
    def test_are_read_in_every_form(self, said: bytes, body: bytes) -> None:
        host = Host(said)
        assert asked(host, 2) == [body, b"{}"]
        assert len(host.connections) == 1

    def test_one_that_ends_with_the_connection_is_whole(self) -> None:
        async def all_there_is(writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.0 200 OK\r\n\r\n[1,")
            await asyncio.sleep(0.05)
            writer.write(b"2]")
            writer.close()

        assert asked(Host(all_there_is)) == [b"[1,2]"]

    def test_one_that_drips_is_waited_for_as_long_as_something_comes(self) -> None:
        assert asked(Host(slowly(*(FINE[n : n + 10] for n in range(0, len(FINE), 10)), seconds=0.15))) == [b"{}"]

    def test_one_that_came_in_time_is_not_too_late_because_the_loop_was_busy(self) -> None:
        def serve() -> None:
            line, _ = listener.accept()
            line.recv(65_536)
            time.sleep(0.1)
            line.sendall(FINE)
            line.recv(65_536)
            line.close()

        async def go() -> Raw:
            url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            lines = Lines(url, verify=trust(None), connect=1, read=0.2)
            asyncio.get_running_loop().call_later(0.05, time.sleep, 0.4)
            try:
                return await ask(lines, url)
            finally:
                await lines.aclose()

        with socket.create_server(("127.0.0.1", 0)) as listener:
            server = threading.Thread(target=serve)
            server.start()
            assert asyncio.run(go())[0] == 200
            server.join()

    @pytest.mark.parametrize(
        ("said", "error"),
        [
            (None, "RemoteProtocolError"),
            (FINE[:-1], "ReadTimeout"),
            (b"HTTP/1.1 200 OK\r\n", "ReadTimeout"),
            (b"SSH-2.0-x\r\n\r\n", "RemoteProtocolError"),
            (b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 200_000, "RemoteProtocolError"),
            (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", "RemoteProtocolError"),
            (reset, "ReadError"),
        ],
    )
    def test_one_that_is_none_is_told_and_its_connection_is_not_used_again(self, said: Any, error: str) -> None:
        host = Host(said)

        async def go() -> bytes:
            async with reached(host) as (lines, url):
                with pytest.raises(getattr(httpx, error)):
                    await ask(lines, url)
                return b"".join((await ask(lines, url))[2])

        assert asyncio.run(go()) == b"{}"
        assert len(host.connections) == 2

    def test_one_that_is_cut_off_is_none(self) -> None:
        async def cut(writer: asyncio.StreamWriter) -> None:
            writer.write(FINE[:-1])
            writer.close()

        with pytest.raises(httpx.RemoteProtocolError):
            asked(Host(cut))

    def test_one_that_is_too_large_is_not_read_to_its_end(self) -> None:
        sent: list[int] = []

        async def flood(writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.0 200 OK\r\n\r\n")
            for n in range(10_000):
                writer.write(b"x" * 65_536)
                await writer.drain()
                sent.append(n)

        with pytest.raises(TooLargeError):
            asked(Host(flood), most_bytes=1_000_000)
        assert len(sent) < 1_000

    def test_what_is_sent_stands_as_it_was_given(self) -> None:
        host = Host()

        async def go() -> None:
            async with reached(host) as (lines, url):
                request = httpx.Request("POST", f"{url}/a%20b?c=d%26", headers={"X-Own": "1"}, json={"a": 1})
                await lines.exchange(sent(lines, request), most_bytes=100)

        asyncio.run(go())
        (first,) = host.asked
        assert first.startswith(b"POST /a%20b?c=d%26 HTTP/1.1\r\nHost: 127.0.0.1:")
        assert b"\r\nX-Own: 1\r\n" in first
        assert b"\r\nContent-Length: 7\r\n" in first


@pytest.mark.parametrize("header", [("Content-Length", "5"), ("Transfer-Encoding", "gzip"), ("X", "a\r\nb")])
def test_what_may_not_be_sent_is_not(header: tuple[str, str]) -> None:
    host = Host()
    with pytest.raises(httpx.LocalProtocolError):
        asked(host, headers=[header])
    assert not host.asked


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of 127.0.0.1 with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "synthetic")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "both.pem"
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(made.public_bytes(Encoding.PEM) + secret)
    return file


@pytest.fixture
def tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


class TestTls:
    def test_it_is_spoken_with_whom_is_trusted(self, tls: ssl.SSLContext, certificate: Path) -> None:
        host = Host()

        async def go() -> list[int]:
            async with reached(host, tls, trust(str(certificate))) as (lines, url):
                return [(await ask(lines, url))[0] for _ in range(2)]

        assert asyncio.run(go()) == [200, 200]
        assert len(host.connections) == 1

    @pytest.mark.parametrize("steps", range(4))
    def test_one_that_the_host_ends_with_its_answer_is_not_used(
        self, steps: int, tls: ssl.SSLContext, certificate: Path
    ) -> None:
        """However soon the next is asked: that TLS has ended is known before the socket is closed."""

        async def leave(writer: asyncio.StreamWriter) -> None:
            writer.write(FINE)
            writer.close()

        host = Host(leave)

        async def go() -> list[int]:
            async with reached(host, tls, trust(str(certificate))) as (lines, url):
                first = await ask(lines, url)
                for _ in range(steps):
                    await asyncio.sleep(0)
                return [first[0], (await ask(lines, url))[0]]

        assert asyncio.run(go()) == [200, 200]
        assert len(host.connections) == 2

    def test_with_others_it_is_not(self, tls: ssl.SSLContext) -> None:
        async def go() -> None:
            async with reached(Host(), tls) as (lines, url):
                await ask(lines, url)

        with pytest.raises(httpx.ConnectError) as caught:
            asyncio.run(go())
        assert "certificate is not trusted" in why(caught.value)

    def test_a_host_that_never_begins_is_left(self) -> None:
        """And its connection is closed at once."""
        left: list[bool] = []

        async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(ConnectionError):
                await reader.read()
            left.append(True)
            writer.close()

        async def go() -> None:
            async with serving(silent) as port:
                url = f"https://127.0.0.1:{port}"
                lines = Lines(url, verify=trust(None), connect=0.1, read=60)
                with pytest.raises(httpx.ConnectTimeout):
                    await ask(lines, url)

        asyncio.run(go())
        assert left


class Proxy:
    """Leads on to where it is told to, or answers itself."""

    def __init__(self, answer: bytes = b"HTTP/1.1 200 Connection established\r\n\r\n") -> None:
        self.answer = answer
        self.heads: list[bytes] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.heads.append(head := await reader.readuntil(b"\r\n\r\n"))
        writer.write(self.answer)
        if b" 200 " in self.answer and head.startswith(b"CONNECT"):
            host, port = head.split()[1].decode().split(":")
            onward_reader, onward = await asyncio.open_connection(host, int(port))
            await asyncio.gather(_pour(reader, onward), _pour(onward_reader, writer))
        writer.close()


async def _pour(source: asyncio.StreamReader, into: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while some := await source.read(65_536):
            into.write(some)
            await into.drain()
    into.close()


class TestProxies:
    @pytest.mark.parametrize("secured", [False, True])
    def test_one_leads_on_and_is_told_who_asks(
        self, secured: bool, tls: ssl.SSLContext, certificate: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """What is said to the host it does not see; a proxy may be spoken to in TLS itself."""
        proxy, host = Proxy(), Host()

        async def go() -> list[int]:
            async with serving(proxy, tls if secured else None) as port:
                monkeypatch.setenv("https_proxy", f"{'https' if secured else 'http'}://u:p%40ss@127.0.0.1:{port}")
                if secured:
                    monkeypatch.setattr("connectors.lines.trust", lambda _: trust(str(certificate)))
                async with reached(host, tls, trust(str(certificate))) as (lines, url):
                    assert lines.proxy == f"127.0.0.1:{port}"
                    return [(await ask(lines, url, headers={"X-Own": "1"}))[0] for _ in range(2)]

        assert asyncio.run(go()) == [200, 200]
        (head,) = proxy.heads
        assert head.startswith(b"CONNECT 127.0.0.1:")
        assert b"Proxy-Authorization: Basic " + base64.b64encode(b"u:p@ss") in head
        assert b"X-Own" not in head
        assert [b"Proxy-Authorization" in asked for asked in host.asked] == [False, False]

    def test_with_whom_is_not_trusted_no_tls_is_spoken_through_one_either(
        self, tls: ssl.SSLContext, certificate: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def go() -> None:
            async with serving(Proxy(), tls) as port:
                monkeypatch.setenv("https_proxy", f"https://127.0.0.1:{port}")
                monkeypatch.setattr("connectors.lines.trust", lambda _: trust(str(certificate)))
                async with reached(Host(), tls) as (lines, url):
                    await ask(lines, url)

        with pytest.raises(httpx.ConnectError) as caught:
            asyncio.run(go())
        assert "certificate is not trusted" in why(caught.value)

    @pytest.mark.parametrize("page", [b"", b"no", b"no " * 100_000])
    def test_one_that_leads_nowhere_is_told(
        self, page: bytes, tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        proxy = Proxy(b"HTTP/1.1 403 Forbidden\r\nContent-Length: %d\r\n\r\n%b" % (len(page), page))

        async def go() -> None:
            async with serving(proxy) as port:
                monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{port}")
                async with reached(Host(), tls) as (lines, url):
                    await ask(lines, url)

        with pytest.raises(httpx.ProxyError, match="403"):
            asyncio.run(go())

    def test_one_is_told_an_address_of_ipv6_in_brackets(self, monkeypatch: pytest.MonkeyPatch) -> None:
        proxy = Proxy(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")

        async def go() -> None:
            async with serving(proxy) as port:
                monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{port}")
                lines = Lines("https://[2001:db8::1]", verify=trust(None), connect=1, read=1)
                await ask(lines, "https://[2001:db8::1]")

        with pytest.raises(httpx.ProxyError):
            asyncio.run(go())
        assert proxy.heads[0].startswith(b"CONNECT [2001:db8::1]:443 HTTP/1.1\r\nHost: [2001:db8::1]:443\r\n")

    def test_one_may_have_an_address_of_ipv6(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("https_proxy", "http://[2001:db8::1]:3128")
        lines = Lines("https://portal.example.invalid", verify=trust(None), connect=1, read=1)
        assert lines.proxy == "[2001:db8::1]:3128"

    def test_one_to_a_host_without_tls_is_told_the_whole_address(self, monkeypatch: pytest.MonkeyPatch) -> None:
        proxy = Proxy(FINE)

        async def go() -> int:
            async with serving(proxy) as port:
                monkeypatch.setenv("http_proxy", f"http://u:p@127.0.0.1:{port}")
                async with reached(Host()) as (lines, url):
                    answer = await ask(lines, url, "/a?b=1")
                    assert proxy.heads[0].startswith(f"GET {url}/a?b=1 HTTP/1.1\r\n".encode())
                    return answer[0]

        assert asyncio.run(go()) == 200
        assert b"Proxy-Authorization: Basic " + base64.b64encode(b"u:p") in proxy.heads[0]


def test_of_a_host_with_several_addresses_it_is_told_what_went_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    def both(*_: object, **__: object) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 9)) for address in ("127.0.0.1", "127.0.0.2")]

    monkeypatch.setattr(socket, "getaddrinfo", both)

    async def go() -> None:
        await ask(Lines("https://portal.example.invalid", verify=trust(None), connect=1, read=1), "https://x.invalid")

    with pytest.raises(httpx.ConnectError) as caught:
        asyncio.run(go())
    assert why(caught.value) == "connection refused"


@pytest.mark.parametrize("host", ["a..b.invalid", ".a.invalid", f"{'a' * 64}.invalid"])
@pytest.mark.parametrize("proxy", ["", "http://{host}:3128"])
def test_a_name_that_can_be_none_is_not_known(host: str, proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", proxy.format(host=host))
    lines = Lines(f"https://{host}", verify=trust(None), connect=1, read=1)
    with pytest.raises(httpx.ConnectError) as caught:
        asyncio.run(ask(lines, f"https://{host}"))
    assert why(caught.value) == "its host's name is not known"


def test_to_a_port_that_there_cannot_be_there_is_no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:99999")
    lines = Lines("https://portal.example.invalid", verify=trust(None), connect=1, read=1)
    with pytest.raises(httpx.ConnectError):
        asyncio.run(ask(lines, "https://portal.example.invalid"))
