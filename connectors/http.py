"""Requests to a portal, in its own manner.

A `Session` sends requests in a portal's manner and gives back answers that were accepted: it holds the portal's limits,
retries what may pass, signs in anew once when a session has expired, refuses to write, and puts every answer into the raw
archive. What is particular to a portal it asks of a `Manner`.
"""

from __future__ import annotations

import asyncio
import contextlib
import email.utils
import http.cookiejar
import logging
import re
import time
import urllib.request
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final, Protocol
from urllib.parse import urlencode, urlsplit

import httpx
import msgspec
import tenacity

from canonical.batch import Origin
from connectors.addresses import check_base_url, trust, why
from connectors.archive import Archive, NoArchive, digest
from connectors.errors import (
    AccessDeniedError,
    ConnectorError,
    DamagedAnswerError,
    ExpiredError,
    NotFoundError,
    OutOfOrderError,
    RateLimitedError,
    SignInNeededError,
    SourceConfigError,
    UnavailableError,
    UnexpectedAnswerError,
)
from connectors.limits import HostLimit
from connectors.lines import Asked, Headers, Lines, TooLargeError
from connectors.sockets import Conversation, conversation

log = logging.getLogger("svod.http")

Params = Mapping[str, str | int | Sequence[str | int]]

_MOST_SIGN_INS: Final = 4
"""How often one request may find the session ended, when others have been answered in it meanwhile."""

_LONG: Final = 10.0
"""Seconds of waiting that somebody is told of."""

_LONGEST_REST: Final = 86_400.0
"""Seconds for which a portal may wish to be left in peace."""

_UNPACKED_AT_ONCE: Final = 16 * 1024
"""Bytes of an answer: they may become a thousand times as many before anybody can see that it is too large."""

_PLAIN: Final = re.compile(r"[\w/-]+(\?([\w=&+.-]|%[0-9A-F]{2})*)?", re.ASCII)
"""The path and query of an address in which nothing is to be written otherwise."""

_UNREAD: Final = object()

USER_AGENT: Final = "svod/0.1 (read-only journal hub)"

_HEADERS: Final = {
    "User-Agent": USER_AGENT,
    "Accept": "application/json, text/plain, */*",
    "Accept-Encoding": "gzip, deflate",
    "Connection": "keep-alive",
}


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked. What signs a request is added by the `Manner`; a `private` one signs in, and holds secrets itself."""

    method: str
    path: str
    params: tuple[tuple[str, str], ...] = ()
    json: Any = None
    form: Mapping[str, str] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    private: bool = False

    @property
    def signature(self) -> str:
        """The same text whenever the same is asked, and never a secret: the key to archived answers."""
        if self.private:
            return f"{self.method} {self.path}"
        query = f"?{urlencode(sorted(self.params))}" if self.params else ""
        body = ""
        if self.json is not None:
            body = " " + msgspec.json.encode(self.json, order="sorted").decode()
        elif self.form is not None:
            body = " " + urlencode(sorted(self.form.items()))
        return f"{self.method} {self.path}{query}{body}"


@dataclass(slots=True)
class Answer:
    """What was answered: header names in lower case, the body as bytes."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    origin: Origin
    cookies: Mapping[str, str] = field(default_factory=dict)
    _json: Any = _UNREAD

    @property
    def content_type(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def text(self) -> str:
        """The body as text; what is not in its character set is replaced."""
        charset = re.search(r"charset=\"?([\w-]+)", self.headers.get("content-type", ""))
        try:
            return self.body.decode(charset[1] if charset else "utf-8", errors="replace")
        except LookupError:
            return self.body.decode("utf-8", errors="replace")

    @property
    def is_html(self) -> bool:
        """Whether a page came where data was asked for."""
        return self.content_type == "text/html" or self.body[:64].lstrip().lower().startswith((b"<!doctype", b"<html"))

    def json(self) -> Any:
        """The body as JSON; an empty one is null.

        Raises:
            UnexpectedAnswerError: it is not JSON, or it is cut off.

        """
        if self._json is _UNREAD:
            self._json = self._decode()
        return self._json

    def only(self, keep: Callable[[Any], Any]) -> Answer:
        """The same with nothing but what `keep` makes of it; an empty body stays one."""
        said = self.json()
        if said is None:
            return self
        body = msgspec.json.encode(keep(said), order="sorted")
        origin = replace(self.origin, sha256=digest(body), size=len(body))
        return replace(self, body=body, origin=origin, _json=_UNREAD)

    def _decode(self) -> Any:
        if not self.body.strip():
            return None
        try:
            return msgspec.json.decode(self.body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise UnexpectedAnswerError(f"{self.origin.request}: the answer is not JSON ({error})") from None


class Manner(Protocol):
    """What is particular about a portal's way with HTTP."""

    def headers(self) -> Mapping[str, str]:
        """What goes with every request: the token, and what the portal's own pages send."""
        ...

    def fault(self, answer: Answer) -> ConnectorError | None:
        """Reads an answer: what is wrong with it, if anything. `common_fault` knows what all portals share."""
        ...

    async def sign_in(self, session: Session, *, expired: bool) -> None:
        """Gets a valid session or token, by `Session.private`. `expired`: the one there was is refused by the portal.

        Raises:
            SignInNeededError: only a person can.

        """
        ...


Exchange = Callable[[], Awaitable[Answer]]
"""Sends a request and gives the answer, or raises `UnavailableError`; an offline sender that has none, `NotFoundError`."""


class Sender(Protocol):
    """Where answers come from: the network, the raw archive, a browser's capture."""

    @property
    def offline(self) -> bool:
        """Whether nobody is there to sign in to."""
        ...

    def ready(self, request: Request, headers: Mapping[str, str]) -> Exchange:
        """Makes one exchange ready to be done: when its turn comes, no more time is lost than must be.

        Raises:
            SourceConfigError: a header cannot be sent.

        """
        ...

    async def close(self) -> None: ...


def common_fault(answer: Answer) -> ConnectorError | None:
    """What the status, or a page in the place of data, says on any portal. A status of success is no fault."""
    where = answer.origin.request
    status = answer.status
    if status in {429, 433}:
        return RateLimitedError(f"{where}: too many requests ({status})", retry_after(answer.headers))
    if status >= 500:
        after = retry_after(answer.headers)
        if status == 503 and after is not None:
            return RateLimitedError(f"{where}: asked to come back later (503)", after)
        return UnavailableError(f"{where}: the portal answers {status}")
    by_status: dict[int, ConnectorError] = {
        401: ExpiredError(f"{where}: not signed in (401)"),
        403: AccessDeniedError(f"{where}: the account may not read this (403)"),
        404: NotFoundError(f"{where}: the portal does not know this (404)"),
    }
    if status in by_status or status >= 400:
        return by_status.get(status) or UnexpectedAnswerError(f"{where}: refused with {status}")
    if status >= 300:
        return ExpiredError(f"{where}: sent to another page ({status})")
    return UnavailableError(f"{where}: a web page came in the place of data") if answer.is_html else None


def _overload(answer: Answer) -> ConnectorError | None:
    """What is wrong with an answer to signing in, which only its sender can judge otherwise."""
    return common_fault(answer) if answer.status in {429, 433} or answer.status >= 500 else None


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that a Retry-After header asks for, in either of its forms, by the portal's own clock."""
    value = headers.get("retry-after", "").strip()
    if not value:
        return None
    if value.isascii() and value.isdecimal():
        return min(float(value), _LONGEST_REST)
    until = _moment(value)
    if until is None:
        return None
    now = _moment(headers.get("date", "")) or datetime.now(UTC)
    return min(max(0.0, (until - now).total_seconds()), _LONGEST_REST)


def _moment(date: str) -> datetime | None:
    """A date of a header; null if it is none."""
    try:
        moment = email.utils.parsedate_to_datetime(date)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a request is kept at. Waits are seconds; `total` bounds one exchange, however slowly it drips.

    A portal that has not answered to this source yet must do so within `first_answer`. One that answers to nothing that
    anybody asks for `unreachable` is given up as a whole.
    """

    attempts: int = 7
    first_wait: float = 0.5
    longest_wait: float = 60.0
    connect: float = 10.0
    read: float = 60.0
    total: float = 180.0
    first_answer: float = 180.0
    unreachable: float = 120.0
    most_bytes: int = 64 * 1024 * 1024


BRIEF: Final = Patience(
    attempts=5, first_wait=0.3, longest_wait=2.0, connect=4.0, read=30.0, total=60.0, first_answer=4.0, unreachable=8.0
)
"""For one who waits for the answer: a portal that is away is told within a quarter of a minute."""


@dataclass(slots=True)
class Traffic:
    """What has been sent so far; `waited` is seconds, for the limits of the portal and between retries."""

    requests: int = 0
    retries: int = 0
    waited: float = 0.0


TRAFFIC: Final[defaultdict[str, Traffic]] = defaultdict(Traffic)
"""What this process has sent for each source since it began."""


class Session:
    """Requests to one portal for one source.

    `reads_by_post` are regular expressions of the paths whose POST only reads; `sign_in_paths` of those that sign in and
    out. Everything else is GET: a session cannot write. `name` is the source's, for messages of waiting. `remembered` gives,
    by a request's signature, an answer that need not be asked for again: an earlier attempt of the same job has had it.
    """

    def __init__(
        self,
        sender: Sender,
        manner: Manner,
        *,
        archive: Archive | None = None,
        patience: Patience | None = None,
        reads_by_post: Sequence[str] = (),
        sign_in_paths: Sequence[str] = (),
        limit: HostLimit | None = None,
        name: str = "the portal",
        remembered: Mapping[str, Origin] | None = None,
    ) -> None:
        self.traffic = Traffic()
        self._remembered = remembered or {}
        self._name = name
        self._counts = (self.traffic,) if sender.offline else (self.traffic, TRAFFIC[name])
        self._sender = sender
        self._manner = manner
        self._archive = archive or NoArchive()
        self._patience = patience or Patience()
        self._posts = [re.compile(p) for p in reads_by_post]
        self._sign_in_paths = [re.compile(p) for p in sign_in_paths]
        self._limit = limit or HostLimit()
        self._signing_in = asyncio.Lock()
        self._signed_in = sender.offline
        self._no_way_in: ConnectorError | None = None
        self._times_signed_in = 0
        self._served_in = 0
        self._has_answered = False
        self._last_good: tuple[Request, bool] | None = None
        self._trouble: UnavailableError | None = None

    @property
    def has_answered(self) -> bool:
        """Whether the portal has answered anything at all."""
        return self._has_answered

    @property
    def sender(self) -> Sender:
        """Where the answers come from."""
        return self._sender

    @property
    def offline(self) -> bool:
        """Whether answers come from an archive or a capture, so that nobody need sign in or out."""
        return self._sender.offline

    async def get(
        self,
        path: str,
        params: Params | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        json: bool = True,
        keep: Callable[[Any], Any] | None = None,
    ) -> Answer:
        """Asks for something; `json` says that it must be JSON.

        `keep` gives what of it may be kept, where it holds what must not be: the rest is let go before anybody sees it.
        It must give the same when it is called on what it gave.

        Raises:
            ConnectorError: see `connectors.errors`; what could be retried has been.

        """
        return await self._ask(Request("GET", path, _flat(params), headers=headers or {}), json=json, keep=keep)

    async def query(
        self,
        path: str,
        *,
        json: Any = None,
        form: Mapping[str, str] | None = None,
        params: Params | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Asks by a POST that only reads.

        Raises:
            ConnectorError: as `get`.
            ValueError: the connector's manifest does not name the path among such.

        """
        if not any(p.fullmatch(path) for p in self._posts):
            raise ValueError(f"POST {path} is not among the reads of the manifest: this hub never writes")
        return await self._ask(Request("POST", path, _flat(params), json, form, headers or {}), json=True)

    async def private(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        form: Mapping[str, str] | None = None,
        params: Params | None = None,
        headers: Mapping[str, str] | None = None,
        again: bool = True,
    ) -> Answer:
        """One exchange that signs in or out: not judged, not archived, retried only if there was no answer.

        `again` is false where not even that is harmless, since what is sent is good for one time only.

        Raises:
            UnavailableError: there was no answer, or the portal is down.
            ValueError: the connector's manifest does not name the path among such.

        """
        if not any(p.fullmatch(path) for p in self._sign_in_paths):
            raise ValueError(f"{method} {path} is not among the sign-in paths of the manifest")
        request = Request(method, path, _flat(params), json, form, headers or {}, private=True)

        async def once() -> Answer:
            return await self._exchange(request, {}, _overload)

        if not again:
            return await once()
        try:
            return await self._persist(once)
        except UnavailableError as error:
            self._no_way_in = error  # it has been kept at long enough
            raise

    @contextlib.asynccontextmanager
    async def converse(self, path: str, params: Params | None = None) -> AsyncIterator[Conversation]:
        """A conversation over a web socket that only reads; begun once, retried by whoever knows what was said.

        Raises:
            ConnectorError: it cannot be begun; an archive has none.
            ValueError: the connector's manifest does not name the path among the reads.

        """
        if not any(p.fullmatch(path) for p in self._posts):
            raise ValueError(f"the web socket {path} is not among the reads of the manifest: this hub never writes")
        sender = self._sender
        if not isinstance(sender, Network):
            raise NotFoundError(f"{path}: a web socket can only be asked on the network")
        await self._sign_in()
        async with contextlib.AsyncExitStack() as open_now:
            async with self._limit.turn():
                self._count(requests=1)
                talk = await open_now.enter_async_context(
                    sender.converse(Request("GET", path, _flat(params)), self._manner.headers())
                )
            yield talk

    async def close(self) -> None:
        """Lets go of the connections. Signing out is the connector's."""
        await self._sender.close()

    def _recalled(self, request: Request) -> Answer | None:
        origin = self._remembered.get(request.signature)
        if origin is None:
            return None
        try:
            return Answer(200, {}, self._archive.get(origin.sha256), origin)
        except (KeyError, DamagedAnswerError):  # it is not there any more, or damaged: the portal has it still
            return None

    async def _ask(self, request: Request, *, json: bool, keep: Callable[[Any], Any] | None = None) -> Answer:
        known = self._recalled(request) if self._remembered else None
        if known is not None:
            return known

        async def once() -> Answer:
            try:
                return await self._attempt(request, json=json)
            except RateLimitedError:
                raise
            except UnavailableError:
                if self._limit.troubled or self._is_away:
                    await self.answers_to_others()  # if so, it need not be left in peace
                raise

        try:
            answer = await self._persist(once)
        except RateLimitedError:
            raise
        except UnavailableError:
            if self._is_away or not await self.answers_to_others():
                raise
            answer = await self._last_attempt(request, json=json)
        if json:  # a file may be there for one time only
            self._last_good = request, json
        if keep is not None:
            answer = answer.only(keep)
        self._archive.put(answer.body)
        return answer

    async def _last_attempt(self, request: Request, *, json: bool) -> Answer:
        try:
            return await self._attempt(request, json=json)
        except UnavailableError as error:
            raise OutOfOrderError(f"{error}, though it answers to others") from None

    async def _attempt(self, request: Request, *, json: bool) -> Answer:
        refused: int | None = None
        for _ in range(_MOST_SIGN_INS):
            signed_in = await self._sign_in(refused)
            try:
                answer = await self._exchange(request, self._manner.headers(), self._manner.fault)
            except ExpiredError as fault:
                if self.offline:
                    raise NotFoundError(f"{request.signature}: the captured answer is a refusal") from None
                if refused is not None and self._served_in < signed_in:  # signing in anew has helped nobody
                    raise SignInNeededError(f"{fault}, and again after signing in anew") from None
                refused, expired = signed_in, fault
            else:
                self._served_in = max(self._served_in, signed_in)
                if json and not self._archive.holds(answer.origin.sha256):
                    answer.json()  # an answer that is cut off may come whole the next time
                return answer
        raise SignInNeededError(f"{expired}, and again after signing in anew")

    async def answers_to_others(self) -> bool:
        """Whether the portal still answers to what it answered last: then it is not down as a whole."""
        if self._last_good is None or self.offline:
            return False
        request, json = self._last_good
        try:
            answer = await self._exchange(request, self._manner.headers(), self._manner.fault)
            if json:
                answer.json()
        except ConnectorError:
            return False
        return True

    async def _sign_in(self, refused: int | None = None) -> int:
        """Sees to it that there is a valid sign-in; says which one it is, so that only one caller renews it.

        One that has failed for good is not tried again by others who wait for it: a password that is refused too often
        locks its account.
        """
        async with self._signing_in:
            if self._no_way_in:
                raise self._no_way_in
            if not self._signed_in or refused == self._times_signed_in:
                try:
                    await self._manner.sign_in(self, expired=refused is not None)
                except ConnectorError as error:
                    if not error.retry:
                        self._no_way_in = error
                    raise
                self._signed_in = True
                self._times_signed_in += 1
            return self._times_signed_in

    async def _exchange(
        self, request: Request, headers: Mapping[str, str], judge: Callable[[Answer], ConnectorError | None]
    ) -> Answer:
        """One exchange in its turn. It is judged before its place is free: who is next heeds what was answered.

        Raises:
            ConnectorError: there was no answer, or what `judge` says of it.

        """
        limit, patience = self._limit, self._patience
        if limit.opens_in > _LONG:
            self._tell(limit.opens_in)
        waiting_since = time.monotonic()
        exchange = self._sender.ready(request, {**headers, **request.headers})

        async def in_turn() -> Answer:
            asked_at = time.monotonic()
            self._count(requests=1, waited=asked_at - waiting_since)
            try:
                answer = await (exchange() if self._has_answered else self._first(request, exchange))
            except UnavailableError as error:
                self._trouble = error
                limit.failed(patience.longest_wait, asked_at=asked_at, patience=patience.unreachable)
                raise
            self._has_answered = True
            if answer.status >= 500:
                self._trouble = UnavailableError(f"the portal answers {answer.status}")
                limit.failed(patience.longest_wait, asked_at=asked_at, patience=patience.unreachable)
            else:
                limit.succeeded()
            fault = judge(answer)
            if isinstance(fault, RateLimitedError):
                limit.rest(patience.first_wait if fault.after is None else fault.after)
            if fault:
                raise fault
            return answer

        if self.offline:
            return await in_turn()
        if request.private:
            async with limit.turn():
                return await in_turn()
        return await limit.run(in_turn)

    async def _first(self, request: Request, exchange: Exchange) -> Answer:
        seconds = self._patience.first_answer
        try:
            async with asyncio.timeout(seconds):
                return await exchange()
        except TimeoutError:
            raise UnavailableError(f"{request.method} {request.path}: no answer within {seconds:g} s") from None

    @property
    def _is_away(self) -> bool:
        """Whether the host has answered to nobody for so long that it is given up."""
        return self._limit.is_away(self._patience.unreachable)

    def _tell(self, seconds: float, trouble: ConnectorError | None = None) -> None:
        """Says that there is a long wait, and why; once a minute for a host."""
        if not self._limit.may_tell():
            return
        why = trouble or self._trouble or "the portal is left in peace, it has not answered"
        if isinstance(trouble, RateLimitedError) or not self._limit.failing_for:
            log.warning("%s: %s; the next try is in %.0f s", self._name, why, seconds, extra={"source": self._name})
        else:
            left = max(seconds, self._patience.unreachable - self._limit.failing_for)
            log.warning("%s: %s; trying again for up to %.0f s", self._name, why, left, extra={"source": self._name})

    async def _persist(self, once: Callable[[], Awaitable[Answer]]) -> Answer:
        patience = self._patience
        spread = tenacity.wait_exponential_jitter(
            multiplier=patience.first_wait, max=patience.longest_wait, jitter=patience.first_wait
        )

        def wait(state: tenacity.RetryCallState) -> float:
            error = state.outcome.exception() if state.outcome else None
            if isinstance(error, RateLimitedError):
                after = error.after if error.after is not None else spread(state)
                self._limit.rest(after)
                return after
            return spread(state)

        def may_pass(error: BaseException) -> bool:
            given_up = self._is_away and not isinstance(error, RateLimitedError)
            hopeless = error is self._no_way_in or self.offline or given_up
            return isinstance(error, ConnectorError) and error.retry and not hopeless

        retrying = tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception(may_pass),
            stop=tenacity.stop_after_attempt(patience.attempts),
            wait=wait,
            before_sleep=self._before_retry,
            reraise=True,
        )
        try:
            return await retrying(once)
        except RateLimitedError:
            raise
        except UnavailableError as error:
            if error is self._no_way_in or not self._is_away:
                raise
            away = f"{error}; it has answered nothing for {self._limit.failing_for:.0f} s, and is given up for now"
            raise UnavailableError(away) from None
        finally:
            retrying.iter_state.reset()  # else it holds itself, until Python looks for circles

    def _count(self, *, requests: int = 0, retries: int = 0, waited: float = 0.0) -> None:
        for traffic in self._counts:
            traffic.requests += requests
            traffic.retries += retries
            traffic.waited += waited

    def _before_retry(self, state: tenacity.RetryCallState) -> None:
        seconds = state.next_action.sleep if state.next_action else 0.0
        self._count(retries=1, waited=seconds)
        error = state.outcome.exception() if state.outcome else None
        if max(seconds, state.seconds_since_start or 0.0) > _LONG:
            self._tell(seconds, error if isinstance(error, ConnectorError) else None)


def _flat(params: Params | None) -> tuple[tuple[str, str], ...]:
    flat: list[tuple[str, str]] = []
    for name, value in (params or {}).items():
        several = value if isinstance(value, Sequence) and not isinstance(value, str) else [value]
        flat.extend((name, str(v)) for v in several)
    return tuple(flat)


class Network:
    """Sends requests to a portal's address over as many connections as the limit lets be used at once.

    What one portal needs of a client is a base address, headers and cookies. httpx reads addresses and unpacks answers; its
    client is not used, since it looks through a pool at every request.
    """

    offline = False

    def __init__(
        self,
        base_url: str,
        *,
        patience: Patience | None = None,
        ca_bundle: str | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        check_base_url(base_url)
        url = httpx.URL(base_url)
        self._site = f"{url.scheme}://{url.netloc.decode()}"
        self._prefix = url.raw_path.decode().rstrip("/")
        self._patience = patience or Patience()
        self._clock = clock
        self._jar = http.cookiejar.CookieJar(http.cookiejar.DefaultCookiePolicy(rfc2965=False))
        self._cookies = httpx.Cookies(self._jar)
        self._verify = trust(ca_bundle)
        self._lines = Lines(self._site, verify=self._verify, connect=self._patience.connect, read=self._patience.read)
        self.host = urlsplit(base_url).netloc

    @property
    def _whither(self) -> str:
        """Where a connection was to lead, for messages."""
        if self._lines.proxy is None:
            return f"; base_url leads to {self.host}"
        return f"; HTTPS_PROXY or HTTP_PROXY of the environment leads to {self._lines.proxy}"

    @property
    def cookies(self) -> http.cookiejar.CookieJar:
        """Cookies that the portal has set."""
        return self._jar

    def ready(self, request: Request, headers: Mapping[str, str]) -> Exchange:
        signature = request.signature
        where = signature if request.method == "GET" else f"{request.method} {request.path}"
        for name, value in headers.items():
            if not may_be_sent(value):
                raise SourceConfigError(
                    f"{where}: the header {name} holds a character that no header may; copy the secrets of auth anew"
                )
        target = self._target(request)
        body, kind = _body(request)
        given = [(name.encode(), value.encode()) for name, value in (_together(_HEADERS, kind, headers)).values()]
        return partial(self._send, self._lines.ready(request.method, target, given, body), target, signature, where)

    async def _send(self, asked: Asked, target: bytes, signature: str, where: str) -> Answer:
        if len(self._jar) and (cookie := self._cookie(target)):
            asked = asked.with_cookie(cookie)
        most_bytes = self._patience.most_bytes
        try:
            async with asyncio.timeout(self._patience.total):
                status, raw, parts = await self._lines.exchange(asked, most_bytes=most_bytes)
            said = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in raw}
            if "content-encoding" in said:
                packed = httpx.Response(status, headers=raw, stream=_Parts(parts))
                body = _whole(packed.iter_bytes(), most_bytes)
            else:
                body = b"".join(parts)
        except TimeoutError:
            raise UnavailableError(f"{where}: no whole answer within {self._patience.total:g} s") from None
        except httpx.TimeoutException as error:
            raise UnavailableError(f"{where}: no answer in time ({type(error).__name__})") from None
        except httpx.HTTPError as error:
            raise UnavailableError(f"{where}: the connection failed ({why(error)}){self._whither}") from None
        except TooLargeError:
            raise UnexpectedAnswerError(f"{where}: the answer is larger than {most_bytes} bytes") from None
        origin = Origin(signature, digest(body), len(body), self._clock().isoformat())
        cookies = self._cookies_of(status, raw, target) if "set-cookie" in said else {}
        return Answer(status, said, body, origin, cookies)

    def converse(
        self, request: Request, headers: Mapping[str, str]
    ) -> contextlib.AbstractAsyncContextManager[Conversation]:
        """A web socket at the portal's address, with the cookies that it has set."""
        target = self._target(request)
        own = {"Cookie": cookie} if (cookie := self._cookie(target)) else {}
        given = dict(_together({"User-Agent": USER_AGENT}, own, headers).values())
        address = re.sub("^http", "ws", self._site) + target.decode()
        return conversation(
            address, f"socket {request.path}", given, verify=self._verify, within=self._patience.connect
        )

    def _target(self, request: Request) -> bytes:
        """The path and the query, every letter as it may be sent."""
        query = f"{'&' if '?' in request.path else '?'}{urlencode(request.params)}" if request.params else ""
        target = self._prefix + request.path + query
        return target.encode() if _PLAIN.fullmatch(target) else httpx.URL(self._site + target).raw_path

    def _cookie(self, target: bytes) -> str | None:
        """What the portal's cookies come to for an address."""
        asked = urllib.request.Request(self._site + target.decode())  # noqa: S310 - nothing is opened
        self._jar.add_cookie_header(asked)
        return asked.get_header("Cookie")

    def _cookies_of(self, status: int, headers: Headers, target: bytes) -> Mapping[str, str]:
        """The cookies that an answer sets; they go with what is asked from now on."""
        asked = httpx.Request("GET", self._site + target.decode())
        answered = httpx.Response(status, headers=headers, request=asked)
        self._cookies.extract_cookies(answered)
        return {cookie.name: cookie.value or "" for cookie in answered.cookies.jar}

    async def close(self) -> None:
        await self._lines.aclose()


def _together(*some: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Headers of which the later ones hold, whatever case their names are in."""
    return {name.lower(): (name, value) for headers in some for name, value in headers.items()}


def _body(request: Request) -> tuple[bytes, Mapping[str, str]]:
    """The body of a request, and the headers that say what it is."""
    if request.form:
        body, kind = urlencode(request.form).encode(), "application/x-www-form-urlencoded"
    elif request.json is not None:
        body, kind = msgspec.json.encode(request.json), "application/json"
    else:
        return b"", {} if request.method == "GET" else {"Content-Length": "0"}
    return body, {"Content-Length": f"{len(body)}", "Content-Type": kind}


class _Parts(httpx.SyncByteStream):
    def __init__(self, parts: list[bytes]) -> None:
        self._parts = parts

    def __iter__(self) -> Iterator[bytes]:
        for part in self._parts:
            for begin in range(0, len(part), _UNPACKED_AT_ONCE):
                yield part[begin : begin + _UNPACKED_AT_ONCE]


def _whole(parts: Iterable[bytes], most_bytes: int) -> bytes:
    """The parts together, if they are not more than they may be."""
    some: list[bytes] = []
    size = 0
    for part in parts:
        size += len(part)
        if size > most_bytes:
            raise TooLargeError
        some.append(part)
    return b"".join(some)


def may_be_sent(value: str) -> bool:
    """Whether a text may stand in a header: printable ASCII without blanks around it."""
    return value.isascii() and value.isprintable() and value == value.strip()
