"""Signing in to the school module, choosing a role, answering its security warning, and signing out (portal facts B1).

The password travels hashed with a salt that is good for one time. The portal tells a wrong password, a lock, and works on
its database apart by the words of one and the same refusal; a password is tried once, since three wrong ones lock the account.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from connectors.asurso.accounts import AccountManner, said_by
from connectors.asurso.school.finding import School, find_school
from connectors.asurso.values import inside
from connectors.contract import Context
from connectors.errors import (
    ConnectorError,
    ExpiredError,
    NotFoundError,
    SignInNeededError,
    SourceConfigError,
    UnavailableError,
    UnexpectedAnswerError,
)
from connectors.http import Answer, Session, common_fault
from connectors.wire import plain_key

_NOT_TAKEN: Final = frozenset({400, 405, 409})
"""Refusals of what is asked (a filter, an address of another version) that asking again would not change."""

_LOGOUTS: Final = ("/webapi/auth/logout", "/asp/logout.asp")
_LOGOUT_MOVED: Final = (5, 29)

_WARNING: Final = b"securitywarning"
_WARNING_BYTES: Final = 2000

_FULL: Final = ("сеанс", "сесси")
_LOCKED: Final = ("попытки", "попыток", "не ранее", "заблокир", "блокировк", "слишком много", "captcha", "капч")
_AT_WORK: Final = ("техническ", "профилактическ", "maintenance")
_WRONG: Final = ("парол", "логин", "имя пользователя", "имени пользователя", "password", "login")
_REFUSED: Final = ("нет доступа", "запрещ", "нет прав", "не имеет прав", "отключен", "неактивн", "деактив")

ROLES: Final = ("завуч", "администратор", "директор", "классный руководитель", "учитель", "родитель", "ученик")
"""Roles that an account may choose from, the one that sees most of the journals first."""


def hashed(password: str, salt: str) -> tuple[str, str]:
    """`pw` and `pw2` of a password: md5 over the salt and the md5 of its windows-1251 bytes.

    Raises:
        UnicodeEncodeError: the password has a letter that windows-1251 does not know.

    """
    inner = hashlib.md5(password.encode("windows-1251"), usedforsecurity=False).hexdigest()
    whole = hashlib.md5(f"{salt}{inner}".encode(), usedforsecurity=False).hexdigest()
    return whole[: len(password)], whole


def chosen_role(roles: Any) -> str | None:
    """The id of the role that sees most of the journals, of those that a login reply offers; null if there are none."""
    found: list[tuple[int, int, str]] = []
    for place, item in enumerate(roles if isinstance(roles, Sequence) else ()):
        role = inside(item, "role") or item
        number, name = inside(role, "id"), inside(role, "name")
        if isinstance(number, (int, str)):
            said = name.casefold() if isinstance(name, str) else ""
            rank = next((n for n, word in enumerate(ROLES) if word in said), len(ROLES))
            found.append((rank, place, str(number)))
    return min(found)[2] if found else None


def version_of(text: Any) -> tuple[int, ...]:
    """`5.47.0.0` as numbers to be compared; a very high one where it is not said."""
    parts = re.findall(r"\d+", text) if isinstance(text, str) else []
    return tuple(int(p) for p in parts) if parts else (99,)


class SchoolManner(AccountManner):
    """The portal's way with HTTP: cookies, a token in the header `at`, its own page as referrer.

    `version` is the server's, `school` the id of the school that was signed in to, `name` what the portal calls it,
    `organizations` the account's schools by id, `about` what its reports must be told.
    """

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._at: str | None = None
        self._ver = ""
        self._warned = False
        self._pages = 0
        self.version: tuple[int, ...] = (99,)
        self.school: str | None = None
        self._found: School | None = None
        self.name: str | None = None
        self.organizations: Mapping[str, str] = {}
        self.about: Mapping[str, Any] = {}

    @property
    def at(self) -> str:
        """The token of the session."""
        return self._at or ""

    def headers(self) -> Mapping[str, str]:
        own = {"X-Requested-With": "XMLHttpRequest", "Referer": self._base, "Origin": self._base}
        return {**own, "at": self._at} if self._at else own

    def fault(self, answer: Answer) -> ConnectorError | None:
        """What is wrong with an answer.

        A page in the place of data is the security warning, works on the portal, or a session that died: the first
        unknown one is asked for again, the next one signs in anew.
        """
        where = answer.origin.request
        if answer.is_html and _is_warning(answer):
            self._warned = True
            return ExpiredError(f"{where}: the portal warns of another session of the account")
        report = where.startswith("GET /webapi/files/") and _is_report(answer)
        if report and not _is_whole(answer):
            return UnexpectedAnswerError(f"{where}: the page of the report is cut off")
        if answer.status == 200 and answer.is_html and not report:
            if not any(word in answer.text.casefold() for word in _AT_WORK):
                self._pages += 1
            kind = ExpiredError if self._pages == 2 else UnavailableError
            return kind(f"{where}: a web page came in the place of data")
        if answer.status in _NOT_TAKEN:
            return NotFoundError(f"{where}: the portal does not take this ({answer.status})")
        fault = None if report else common_fault(answer)
        if fault is None:
            self._pages = 0
        return fault

    async def sign_in(self, session: Session, *, expired: bool) -> None:
        """Signs in to the school that the source names.

        Raises:
            SignInNeededError: the portal refuses the login or the password, or has locked the account.
            SourceConfigError: no password is let in, or there is no such school.
            UnavailableError: the portal is being worked on.

        """
        if self._at and not expired:
            return
        if expired and self._warned and await self._heed(session):
            return
        self._warned = False
        await self._wait_for_account()
        if expired:
            await self._leave(session)
        await self._look_at_door(session)
        if self._found is None:
            self._found = await self._find_school(session)
            self.school = self._found.id
        reply = await self._log_in(session, None)
        if "choose-session-role" in str(inside(reply, "entryPoint") or ""):
            role = chosen_role(inside(inside(reply, "accountInfo"), "userRoles"))
            if role is not None:
                await self._leave(session)
                await self._look_at_door(session)
                reply = await self._log_in(session, role)
        info = inside(reply, "accountInfo")
        name = inside(inside(info, "currentOrganization"), "name")
        self.name = name if isinstance(name, str) else self.name
        schools = inside(info, "organizations")
        listed = [(plain_key(s, "id"), inside(s, "name")) for s in (schools if isinstance(schools, list) else ())]
        self.organizations = {n: name if isinstance(name, str) else n for n, name in listed if n}
        asked = inside(reply, "requestData")
        if _WARNING.decode() in str(inside(reply, "entryPoint")).casefold() or inside(asked, "warnType"):
            await self._heed(session)
        else:
            await self._look_around(session)

    # -- steps -----------------------------------------------------------------------------------------------------------

    async def _look_at_door(self, session: Session) -> None:
        """Whether passwords are let in; sets the session's first cookie."""
        said = said_by(await session.private("GET", "/webapi/logindata", headers=self.headers()))
        self.version = version_of(inside(said, "version"))
        if inside(said, "schoolLogin") is False or inside(said, "esiaMainAuth") is True:
            raise SourceConfigError(
                f"{self._source}: this installation lets people in through Госуслуги only; "
                "a program cannot sign in there, so it cannot be read"
            )

    async def _find_school(self, session: Session) -> School:
        wanted = (self._context.config.remote_id or "").strip()
        if not wanted:
            raise SourceConfigError(f"{self._source}: remote_id is missing: the school's id or its short name")

        async def ask(path: str, params: Mapping[str, str]) -> Any:
            answer = await session.private("GET", path, params=params, headers=self.headers())
            searched = path.endswith("/search")  # elsewhere a page says that the version has no such address
            return said_by(answer) if answer.status == 200 and (searched or not answer.is_html) else None

        return await find_school(wanted, ask, source=self._source)

    async def _log_in(self, session: Session, role: str | None) -> Any:
        """One attempt, with a salt of its own."""
        auth = self._auth
        answer: Answer | None = None
        for path in ("/webapi/login", "/webapi/auth/login"):
            given = said_by(await session.private("POST", "/webapi/auth/getdata", headers=self.headers(), again=False))
            salt, lt, ver = (inside(given, name) for name in ("salt", "lt", "ver"))
            if salt is None:
                raise UnavailableError(f"{self._source}: the portal gives no salt to sign in with; it may be at work")
            try:
                pw, pw2 = hashed(auth.password.reveal(), str(salt))
            except UnicodeEncodeError:
                raise SourceConfigError(
                    f"{self._source}: the password has a letter that the portal cannot take (not in windows-1251)"
                ) from None
            form = {
                "loginType": "1",
                **(self._found.place if self._found else {}),
                "scid": self.school or "",
                "un": auth.login,
                "pw": pw,
                "pw2": pw2,
                "lt": str(lt or ""),
                "ver": str(ver or ""),
                **({"rolegroup": role} if role is not None else {}),
            }
            answer = await session.private("POST", path, form=form, headers=self.headers(), again=False)
            self._ver = str(ver or "")
            if answer.status not in {404, 405}:
                break
        assert answer is not None  # noqa: S101 - the loop has run
        if answer.is_html and not _is_warning(answer):
            raise UnavailableError(f"{self._source}: a web page came in the place of the answer to the sign-in")
        reply = _readable(answer)
        token = inside(reply, "at")
        if answer.status != 200 or not isinstance(token, (str, int)) or not str(token):
            raise self._refusal(answer.status, reply)
        self._at = str(token)
        return reply

    def _refusal(self, status: int, reply: Any) -> ConnectorError:
        """Who must act on a refusal: its words alone tell (portal facts B1.2)."""
        words = (inside(reply, name) for name in ("message", "errorMessage"))
        said = " ".join(w for w in words if isinstance(w, str)).casefold()
        if any(word in said for word in _FULL):
            return UnavailableError(f"{self._source}: the portal refuses one more session of the account ({status})")
        if any(word in said for word in _LOCKED):
            return SignInNeededError(
                f"{self._source}: the portal has locked the account after wrong attempts ({status}); wait some minutes, "
                "check auth, then run again"
            )
        if any(word in said for word in _AT_WORK):
            return UnavailableError(f"{self._source}: the portal is being worked on ({status})")
        if any(word in said for word in _REFUSED):
            return SignInNeededError(
                f"{self._source}: the portal does not let the account in ({status}); ask the administrator of the school"
            )
        if any(word in said for word in _WRONG) or status in {400, 401, 403}:
            return SignInNeededError(
                f"{self._source}: the portal refuses the login or the password ({status}); check auth and remote_id, "
                "or ask the administrator of the school whether the account is blocked"
            )
        return UnavailableError(f"{self._source}: the portal cannot sign anybody in now ({status})")

    async def _heed(self, session: Session) -> bool:
        """Answers the security warning; says whether the session is good now."""
        self._warned = False
        form = {"at": self.at, "WarnType": "2"}
        await session.private("POST", "/asp/SecurityWarning.asp", form=form, headers=self.headers())
        return await self._look_around(session)

    async def _look_around(self, session: Session) -> bool:
        """Asks where we are; says whether the session is good. The answer holds the token, and is not kept."""
        answer = await session.private("GET", "/webapi/context", headers=self.headers())
        said = _readable(answer) if answer.status == 200 and not answer.is_html else None
        if not isinstance(said, Mapping):
            return False
        self.about = {n: said[n] for n in ("schoolYearId", "organizationName", "dateFormat") if n in said}
        if isinstance(said.get("version"), str):
            self.version = version_of(said["version"])
        return True

    async def _leave(self, session: Session) -> None:
        if not self._at:
            return
        at, self._at = self._at, None
        headers = {**self.headers(), "at": at}
        for path in _LOGOUTS if self.version >= _LOGOUT_MOVED else _LOGOUTS[::-1]:
            form = {"at": at, "ver": self._ver} if path.endswith(".asp") else None
            answer = await session.private("POST", path, form=form, headers=headers)
            if answer.status not in {404, 405}:
                return


def _is_warning(answer: Answer) -> bool:
    return len(answer.body) < _WARNING_BYTES and _WARNING in answer.body.lower()


def _is_report(answer: Answer) -> bool:
    return b"<table" in answer.body or b"report-title" in answer.body


def _is_whole(answer: Answer) -> bool:
    """Whether a page ends where it should: readers of web pages do not mind where it does."""
    body = answer.body.lower().rstrip()
    pairs = all(body.count(b"<" + tag) == body.count(b"</" + tag) for tag in (b"table", b"html", b"body"))
    return pairs and body.endswith(b">")


def _readable(answer: Answer) -> Any:
    """The JSON of a refusal, which need not be any."""
    try:
        return answer.json()
    except UnexpectedAnswerError:
        return None
