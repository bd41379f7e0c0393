"""The session's behaviour on the wire: retries, limits, sign-in, what it refuses."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import time
import tracemalloc
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request as WebRequest
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from connectors.addresses import check_base_url
from connectors.archive import FolderArchive
from connectors.errors import (
    AccessDeniedError,
    ConnectorError,
    DamagedAnswerError,
    NotFoundError,
    OutOfOrderError,
    RateLimitedError,
    SignInNeededError,
    SourceConfigError,
    UnavailableError,
    UnexpectedAnswerError,
)
from connectors.http import Answer, Network, Patience, Session, _Parts, _whole, common_fault, retry_after
from connectors.limits import HostLimit
from connectors.lines import TooLargeError
from connectors.standins.server import Door, Faults, serving
from tests.mocked import mocked

BASE = "https://portal.example.invalid"
QUICK = Patience(attempts=4, first_wait=0.001, longest_wait=0.01, read=0.5, total=1.0, most_bytes=10_000)


@dataclass
class Plain:
    token: str = "first"
    signed_in: list[bool] = field(default_factory=list)

    def headers(self) -> Mapping[str, str]:
        return {"Access-Token": self.token}

    def fault(self, answer: Answer) -> ConnectorError | None:
        return common_fault(answer)

    async def sign_in(self, session: Session, *, expired: bool) -> None:
        self.signed_in.append(expired)
        if expired:
            self.token = "second"


def session(base: str = BASE, **more: Any) -> Session:
    return Session(
        Network(base, patience=QUICK),
        more.pop("manner", None) or Plain(),
        patience=QUICK,
        reads_by_post=[r"/many"],
        sign_in_paths=[r"/login"],
        **more,
    )


def ask(made: Session, path: str = "/x", **more: Any) -> Answer:
    async def go() -> Answer:
        try:
            return await made.get(path, **more)
        finally:
            await made.close()

    return asyncio.run(go())


def test_a_connection_that_was_stopped_midway_is_not_used_again() -> None:
    """The rest of the answer would come to whoever is next."""
    used: list[asyncio.StreamWriter] = []
    closed: list[asyncio.StreamWriter] = []

    async def portal(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while await reader.readuntil(b"\r\n\r\n"):
                used.append(writer)
                if len(used) > 1:
                    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        closed.append(writer)
        writer.close()

    async def go() -> None:
        async with await asyncio.start_server(portal, "127.0.0.1", 0) as server:
            made = session(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
            try:
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0.1):
                        await made.get("/a")
                await made.get("/b")
                await made.get("/c")
            finally:
                await made.close()
            await asyncio.sleep(0.05)
        first, second, third = used
        assert first is not second is third
        assert closed == [first, second]

    asyncio.run(go())


@pytest.mark.parametrize(("bypass", "through_it"), [("", True), ("127.0.0.1", False)])
def test_the_proxy_of_the_environment_is_used(bypass: str, through_it: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append((await reader.readuntil(b"\r\n\r\n")).decode().partition("\r\n")[0])
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: close\r\n\r\n1")
        writer.close()

    async def go() -> None:
        server = await asyncio.start_server(proxy, "127.0.0.1", 0)
        async with server:
            monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
            monkeypatch.setenv("no_proxy", bypass)
            made = session("http://127.0.0.1:9")
            try:
                assert (await made.get("/x", {"a": "б в"})).json() == 1
            finally:
                await made.close()

    if through_it:
        asyncio.run(go())
        assert asked == ["GET http://127.0.0.1:9/x?a=%D0%B1+%D0%B2 HTTP/1.1"]
    else:
        with pytest.raises(UnavailableError, match="connection refused"):
            asyncio.run(go())


@pytest.mark.parametrize("status", [407, 502])
def test_a_proxy_that_leads_nowhere_is_told(status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append((await reader.readuntil(b"\r\n\r\n")).decode().partition("\r\n")[0])
        writer.write(b"HTTP/1.1 %d No\r\nContent-Length: 0\r\n\r\n" % status)
        writer.close()

    async def go() -> None:
        server = await asyncio.start_server(proxy, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{port}")
            made = session()
            try:
                with pytest.raises(UnavailableError, match=rf"HTTPS_PROXY .* leads to 127\.0\.0\.1:{port}"):
                    await made.get("/x")
            finally:
                await made.close()

    asyncio.run(go())
    assert asked == ["CONNECT portal.example.invalid:443 HTTP/1.1"] * QUICK.attempts


class Wire:
    """Answers as said, one request after another, and remembers them."""

    def __init__(self, *answers: httpx.Response) -> None:
        self.answers = list(answers)
        self.came: list[tuple[float, httpx.Request]] = []
        mocked.route().mock(side_effect=self)

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        self.came.append((time.monotonic(), request))
        await asyncio.sleep(0.01)
        return self.answers.pop(0) if self.answers else httpx.Response(200, json=1)


@pytest.mark.parametrize("status", [429, 433])
@mocked
def test_who_waits_for_a_place_heeds_the_answer_that_frees_it(status: int) -> None:
    wire = Wire(httpx.Response(status, headers={"retry-after": "1"}, json={}))
    limit = HostLimit()
    limit.join(float("inf"), 1)

    async def go() -> None:
        made = Session(Network(BASE), Plain(), limit=limit)
        await asyncio.gather(*(made.get(f"/{n}") for n in range(3)))
        await made.close()

    asyncio.run(go())
    first, second, *_ = (at for at, _ in wire.came)
    assert second - first >= 1


@mocked
def test_what_has_come_of_signing_in_is_not_lost_when_the_work_is_given_up() -> None:
    """A new refresh token that is lost cannot be had again."""
    got: list[Any] = []

    async def go() -> None:
        class Stopping(Wire):
            async def __call__(self, request: httpx.Request) -> httpx.Response:
                answer = await super().__call__(request)
                asyncio.get_running_loop().call_soon(task.cancel)
                return answer

        Stopping()
        made = Session(Network(BASE), Plain(), sign_in_paths=["/login"])

        async def sign_in() -> None:
            got.append((await made.private("POST", "/login", json={}, again=False)).json())

        task = asyncio.create_task(sign_in())
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(go())
    assert got == [1]


@mocked
def test_headers_and_parameters_of_a_connector_join_those_that_are_there() -> None:
    wire = Wire()

    async def go() -> None:
        made = Session(Network(BASE), Plain())
        await made.get("/x?y=1", {"q": 2}, headers={"accept": "text/csv"})
        await made.close()

    asyncio.run(go())
    ((_, request),) = wire.came
    assert str(request.url) == f"{BASE}/x?y=1&q=2"
    assert request.headers.get_list("accept") == ["text/csv"]


@pytest.mark.parametrize("proxy", ["ftp://u:hush@host", "http://", "socks5://127.0.0.1:1", "http://host:port"])
def test_a_proxy_that_cannot_be_used_is_told_and_not_shown(proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", proxy)
    with pytest.raises(SourceConfigError, match=r"^HTTPS_PROXY in the environment: write http://HOST:PORT$"):
        ask(session())


class TestOneExchange:
    @mocked
    def test_gives_the_answer_with_where_it_came_from(self, tmp_path: Path) -> None:
        route = mocked.get(f"{BASE}/x", params={"a": "1"}).mock(httpx.Response(200, json=[1, 2]))
        archive = FolderArchive(tmp_path)
        answer = ask(session(archive=archive), params={"a": 1})
        assert answer.json() == [1, 2]
        assert answer.origin.request == "GET /x?a=1"
        assert archive.get(answer.origin.sha256) == b"[1,2]"
        assert route.calls[0].request.headers["access-token"] == "first"

    @mocked
    @pytest.mark.parametrize(
        ("bad", "error"),
        [
            (httpx.Response(500), UnavailableError),
            (httpx.Response(429), RateLimitedError),
            (httpx.Response(433), RateLimitedError),
            (httpx.Response(200, html="<!doctype html><p>работы</p>"), UnavailableError),
            (httpx.Response(200, text='[{"id": 1}, {"i'), UnexpectedAnswerError),
            (httpx.ConnectError("refused"), UnavailableError),
            (httpx.ReadTimeout("slow"), UnavailableError),
            (httpx.RemoteProtocolError("peer closed connection"), UnavailableError),
        ],
    )
    def test_what_may_pass_is_asked_again(self, bad: Any, error: type[ConnectorError]) -> None:
        route = mocked.get(f"{BASE}/x").mock(side_effect=[bad, bad, httpx.Response(200, json=1)])
        made = session()
        assert ask(made).json() == 1
        assert made.traffic.retries == 2
        route.mock(side_effect=[bad] * 4)
        with pytest.raises(error):
            ask(session())

    @mocked
    @pytest.mark.parametrize(("status", "error"), [(403, AccessDeniedError), (404, NotFoundError)])
    def test_what_will_not_pass_is_not(self, status: int, error: type[ConnectorError]) -> None:
        route = mocked.get(f"{BASE}/x").mock(httpx.Response(status))
        with pytest.raises(error):
            ask(session())
        assert route.call_count == 1

    @mocked
    def test_cookies_that_the_portal_sets_come_back_to_it(self) -> None:
        first = httpx.Response(
            200,
            json=1,
            headers=[
                ("Set-Cookie", "sid=a1; Path=/"),
                ("Set-Cookie", "unit=7; Path=/x"),
                ("Set-Cookie", "unit=8; Path=/elsewhere"),
            ],
        )
        route = mocked.get(f"{BASE}/x").mock(side_effect=[first, httpx.Response(200, json=2)])

        async def go() -> Answer:
            made = session()
            try:
                answer = await made.get("/x")
                await made.get("/x")
                return answer
            finally:
                await made.close()

        assert asyncio.run(go()).cookies == {"sid": "a1", "unit": "8"}
        came = [call.request.headers.get("cookie", "") for call in route.calls]
        assert [sorted(x.split("; ")) for x in came] == [[""], ["sid=a1", "unit=7"]]

    @pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
    def test_a_cookie_may_hold_any_letters(self, encoding: str) -> None:
        came: list[bytes] = []

        async def portal(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            for _ in range(2):
                came.append(await reader.readuntil(b"\r\n\r\n"))
                writer.write(
                    b"HTTP/1.1 200 OK\r\nSet-Cookie: n=%b\r\nContent-Length: 1\r\n\r\n1" % "ö".encode(encoding)
                )
            writer.close()

        async def go() -> None:
            async with await asyncio.start_server(portal, "127.0.0.1", 0) as server:
                made = session(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
                for _ in range(2):
                    await made.get("/x")
                await made.close()

        asyncio.run(go())
        assert "cookie: n=ö\r\n".encode() in came[1].replace(b"Cookie", b"cookie")

    @pytest.mark.parametrize("packed", [False, True])
    def test_too_large_an_answer_is_refused(self, packed: bool) -> None:
        body = b"1" * 10_001

        async def portal(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            sent = gzip.compress(body) if packed else body
            encoding = b"Content-Encoding: gzip\r\n" if packed else b""
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n%s\r\n%s" % (len(sent), encoding, sent))
            writer.close()

        async def go() -> None:
            async with await asyncio.start_server(portal, "127.0.0.1", 0) as server:
                made = session(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
                try:
                    with pytest.raises(UnexpectedAnswerError, match="larger than 10000 bytes"):
                        await made.get("/x")
                finally:
                    await made.close()

        asyncio.run(go())

    def test_what_is_far_too_large_unpacked_is_not_unpacked_whole(self) -> None:
        packed = gzip.compress(bytes(100_000_000), 1)
        answer = httpx.Response(200, headers={"Content-Encoding": "gzip"}, stream=_Parts([packed]))
        tracemalloc.start()
        with pytest.raises(TooLargeError):
            _whole(answer.iter_bytes(), 1_000_000)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert most < 50_000_000

    @mocked
    def test_no_error_shows_the_token(self) -> None:
        mocked.get(f"{BASE}/x").mock(side_effect=httpx.ConnectError("refused"))
        with pytest.raises(UnavailableError) as caught:
            ask(session())
        assert "first" not in str(caught.value)

    @mocked
    @pytest.mark.parametrize("method", ["GET", "POST"])
    @pytest.mark.parametrize("answer", [httpx.Response(503), httpx.ConnectError("refused")])
    def test_no_error_of_signing_in_shows_a_secret(self, method: str, answer: Any) -> None:
        mocked.route(method=method, url=f"{BASE}/login").mock(side_effect=[answer] * 4)

        async def go() -> None:
            made = session()
            try:
                await made.private(method, "/login", params={"code": "hush"}, json={"password": "hush"})
            finally:
                await made.close()

        with pytest.raises(UnavailableError) as caught:
            asyncio.run(go())
        assert "hush" not in str(caught.value)


class TestSignIn:
    @mocked
    def test_an_expired_session_is_renewed_once_for_all_that_wait(self) -> None:
        def answer(request: httpx.Request) -> httpx.Response:
            return httpx.Response(200 if request.headers["access-token"] == "second" else 401, json=1)

        mocked.get(f"{BASE}/x").mock(side_effect=answer)
        manner = Plain()
        made = session(manner=manner)

        async def go() -> None:
            await asyncio.gather(*(made.get("/x") for _ in range(5)))
            await made.close()

        asyncio.run(go())
        assert manner.signed_in == [False, True]

    @mocked
    def test_refused_again_a_person_is_needed(self) -> None:
        mocked.get(f"{BASE}/x").mock(httpx.Response(401))
        with pytest.raises(SignInNeededError):
            ask(session())

    @mocked
    def test_sessions_that_end_again_and_again_while_they_serve_are_renewed(self) -> None:
        served = [0, 0]

        def answer(request: httpx.Request) -> httpx.Response:
            if served[0] == 3:
                return httpx.Response(401)
            served[0] += 1
            return httpx.Response(200, json=1)

        class Short(Plain):
            async def sign_in(self, session: Session, *, expired: bool) -> None:
                served[0] = 0
                served[1] += 1

        mocked.get(f"{BASE}/x").mock(side_effect=answer)
        made = session(manner=Short())

        async def go() -> list[Answer]:
            answers = await asyncio.gather(*(made.get("/x") for _ in range(10)))
            await made.close()
            return answers

        assert len(asyncio.run(go())) == 10
        assert served[1] == 4

    @mocked
    @pytest.mark.parametrize(
        ("status", "error", "tries"),
        [(502, UnavailableError, QUICK.attempts), (400, SignInNeededError, 1)],
        ids=["the portal is down", "the password is wrong"],
    )
    def test_a_sign_in_that_fails_is_kept_at_once_for_all_that_wait(
        self, status: int, error: type[ConnectorError], tries: int
    ) -> None:
        class ByPassword(Plain):
            async def sign_in(self, session: Session, *, expired: bool) -> None:
                answer = await session.private("POST", "/login", json={})
                if answer.status != 200:
                    raise SignInNeededError("wrong password")

        login = mocked.post(f"{BASE}/login").mock(httpx.Response(status))
        made = session(manner=ByPassword())

        async def go() -> list[Any]:
            errors = await asyncio.gather(*(made.get("/x") for _ in range(5)), return_exceptions=True)
            await made.close()
            return errors

        assert {type(e) for e in asyncio.run(go())} == {error}
        assert login.call_count == tries

    @mocked
    def test_a_redirect_to_a_page_is_an_expired_session(self) -> None:
        mocked.get(f"{BASE}/x").mock(httpx.Response(302, headers={"location": "/security/"}))
        with pytest.raises(SignInNeededError, match="another page"):
            ask(session())


class TestReadOnly:
    @mocked
    def test_post_only_where_it_reads(self) -> None:
        mocked.post(f"{BASE}/many").mock(httpx.Response(200, json=[]))

        async def go() -> None:
            made = session()
            answer = await made.query("/many", json=[2, 1])
            assert answer.origin.request == "POST /many [2,1]"
            with pytest.raises(ValueError, match="never writes"):
                await made.query("/marks", json={})
            with pytest.raises(ValueError, match="sign-in"):
                await made.private("DELETE", "/marks")
            await made.close()

        asyncio.run(go())

    @pytest.mark.parametrize(
        "url",
        [
            "http://portal.example.invalid",
            "ftp://x",
            "портал",
            "https://x.invalid:port",
            "https://x.invalid:99999",
            "https://xn--.invalid",
            "https://x .invalid",
            "https://[::1",
        ],
    )
    def test_addresses_that_may_not_carry_data(self, url: str) -> None:
        with pytest.raises(SourceConfigError, match="base_url"):
            check_base_url(url)

    @pytest.mark.parametrize("url", ["https://user:hush@x.invalid", "ftp://user:hush@x", "https://user:hush@x:port"])
    def test_an_address_with_a_password_is_not_shown(self, url: str) -> None:
        with pytest.raises(SourceConfigError, match="base_url") as caught:
            check_base_url(url)
        assert "hush" not in str(caught.value)

    @pytest.mark.parametrize("url", ["https://x.invalid", "http://127.0.0.1:1", "http://[::1]:1", "http://localhost"])
    def test_addresses_that_may(self, url: str) -> None:
        check_base_url(url)


class TestPoliteness:
    @mocked
    def test_retry_after_is_obeyed(self) -> None:
        mocked.get(f"{BASE}/x").mock(
            side_effect=[httpx.Response(429, headers={"retry-after": "1"}), httpx.Response(200, json=1)]
        )
        before = time.monotonic()
        ask(session())
        assert time.monotonic() - before >= 1.0

    def test_retry_after_in_both_forms(self) -> None:
        assert retry_after({"retry-after": "7"}) == 7
        date = {"retry-after": "Fri, 20 Nov 2026 15:00:09 GMT", "date": "Fri, 20 Nov 2026 15:00:00 GMT"}
        assert retry_after(date) == 9
        assert retry_after({"retry-after": "Fri, 20 Nov 2026 15:00:09 -0000", "date": "nonsense"}) is not None
        for odd in ("soon", "²", "-7", "Fri, 99 Nov 2026 15:00:09 GMT"):
            assert retry_after({"retry-after": odd}) is None
        assert retry_after({"retry-after": "9" * 400}) == 86_400

    def test_never_more_than_the_limits(self) -> None:
        async def answer(_: WebRequest) -> Response:
            await asyncio.sleep(0.05)
            return JSONResponse(1)

        door = Door(Starlette(routes=[Route("/x", answer)]))

        async def go(base: str) -> None:
            limit = HostLimit()
            limit.join(40, 3)
            made = session(base, limit=limit)
            await asyncio.gather(*(made.get("/x") for _ in range(60)))
            await made.close()

        with serving(door) as base:
            asyncio.run(go(base))
        assert door.visits.most_at_once <= 3
        assert door.visits.busiest_second() <= 40

    def test_late_wakers_do_not_bunch(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Virtual time, in which every third sleep is far too long."""
        now, sent, slept = [100.0], [], [0]

        async def oversleep(seconds: float) -> None:
            slept[0] += 1
            now[0] += seconds + (0.4 if slept[0] % 3 == 0 else 0.0)

        monkeypatch.setattr("connectors.limits.time.monotonic", lambda: now[0])
        monkeypatch.setattr("connectors.limits.asyncio.sleep", oversleep)

        async def go() -> None:
            limit = HostLimit()
            limit.join(10, 2)
            for _ in range(100):
                async with limit.turn():
                    sent.append(now[0])

        asyncio.run(go())
        assert all(b - a > 0.999 for a, b in zip(sent, sent[10:], strict=False))

    def test_a_portal_that_is_down_is_asked_less_and_less(self) -> None:
        async def answer(_: WebRequest) -> Response:
            return Response(status_code=503)

        door = Door(Starlette(routes=[Route("/x", answer)]))
        patience = Patience(attempts=5, first_wait=0.01, longest_wait=0.4, total=5)

        async def go(base: str) -> None:
            limit = HostLimit()
            made = Session(Network(base, patience=patience), Plain(), patience=patience, limit=limit)
            await asyncio.gather(*(made.get("/x") for _ in range(4)), return_exceptions=True)
            await made.close()

        with serving(door) as base:
            asyncio.run(go(base))
        gaps = [b - a for a, b in zip(door.visits.at, door.visits.at[1:], strict=False)]
        assert max(gaps[8:]) > 0.2 > max(gaps[:3])

    def test_one_thing_out_of_order_is_told_from_a_portal_that_is_down(self) -> None:
        broken = {"/broken"}

        async def answer(request: WebRequest) -> Response:
            path = request.url.path
            return Response(status_code=500) if path in broken or "*" in broken else JSONResponse(path)

        door = Door(Starlette(routes=[Route("/{what:path}", answer)]))

        async def go(base: str) -> list[type[BaseException]]:
            made = Session(Network(base, patience=QUICK), Plain(), patience=QUICK)
            errors: list[type[BaseException]] = []

            async def failing(path: str) -> None:
                with pytest.raises(UnavailableError) as caught:
                    await made.get(path)
                errors.append(caught.type)

            await failing("/broken")  # nothing has been answered yet
            await made.get("/sound")
            await asyncio.gather(*(failing("/broken") for _ in range(3)))
            assert (await made.get("/sound")).json() == "/sound"
            broken.add("*")
            await failing("/sound")
            await made.close()
            return errors

        with serving(door) as base:
            assert asyncio.run(go(base)) == [UnavailableError, *[OutOfOrderError] * 3, UnavailableError]

    def test_every_fault_passes_in_the_end(self) -> None:
        async def answer(request: WebRequest) -> Response:
            return JSONResponse({"n": request.path_params["n"], "filler": "x" * 500})

        door = Door(Starlette(routes=[Route("/{n:int}", answer)]), Faults(rate=0.3))
        patience = Patience(attempts=12, first_wait=0.001, longest_wait=0.01, total=5)

        async def go(base: str) -> list[Any]:
            made = Session(Network(base, patience=patience), Plain(), patience=patience)
            answers = await asyncio.gather(*(made.get(f"/{n}") for n in range(100)))
            await made.close()
            return [a.json()["n"] for a in answers]

        with serving(door) as base:
            assert asyncio.run(go(base)) == list(range(100))

    def test_a_slow_drip_is_cut_off(self) -> None:
        async def drip(scope: Any, receive: Any, send: Any) -> None:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            for _ in range(100):
                await asyncio.sleep(0.2)
                await send({"type": "http.response.body", "body": b" ", "more_body": True})

        with serving(drip) as base, pytest.raises(UnavailableError, match="no whole answer"):
            made = Session(Network(base, patience=QUICK), Plain(), patience=Patience(attempts=1))
            ask(made)


def test_the_archive_keeps_a_body_once_and_notices_damage(tmp_path: Path) -> None:
    archive = FolderArchive(tmp_path)
    body = json.dumps({"marks": [5] * 100}).encode()
    name = archive.put(body)
    assert archive.put(body) == name
    assert archive.get(name) == body
    assert archive.path(name).stat().st_mode & 0o077 == 0
    archive.path(name).write_bytes(b"scratched")
    with pytest.raises(DamagedAnswerError, match="damaged"):
        archive.get(name)
    with pytest.raises(KeyError):
        archive.get("0" * 64)
