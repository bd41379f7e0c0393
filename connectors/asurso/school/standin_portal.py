"""The state of the school module's stand-in, its modes and its refusals (portal facts B, C2)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.websockets import WebSocket

from connectors.asurso.school.standin_answers import Answers, Missing
from connectors.asurso.school.standin_reports import ReportPages
from connectors.asurso.school.standin_view import View
from connectors.standins.region import Person

LOGIN: Final = "завуч_стенд"
PASSWORD: Final = "пароль стенда"
STUDENT_LOGIN: Final = "student"
STUDENT_PASSWORD: Final = "diary-of-the-stand"
LOST: Final = "<!DOCTYPE html><html><body>Войдите в систему</body></html>"
WARNING: Final = '<html><body><script>location="/asp/SecurityWarning.asp"</script></body></html>'


@dataclass
class SignedIn:
    """One session. `person` is null for the staff account; `warned`: the security warning waits for an answer."""

    person: Person | None
    warned: bool = False


TOWN: Final = {"cid": "2", "sid": "1", "pid": "-1", "cn": "2", "sft": "2"}
"""Where the school is, for the old sign-in page (portal facts B1.1)."""


@dataclass
class Portal:
    """The portal's state and its modes.

    `version`: of the server, which decides on the hub and on addresses; `no_assignments`: how a lesson without any says so;
    `whole_marks`: no marks with signs or letters; `search_by_name`: schools are found only by a name; `roles`: the account
    must choose one; `old_form`: schools are found by town only, and a sign-in must name the town; `pages`: a dead session is told by a page with 200; `esia_only`: no passwords; `maintenance`: a page in
    the place of everything, with this status; `strict`: who signs in while a session is open is warned; `denied`: addresses
    that staff may not read, by their beginning; `fail_reports`: so many reports fail before one succeeds.
    """

    view: View
    version: str = "5.47.0.0"
    no_assignments: Missing = "missing"
    search_by_name: bool = False
    roles: bool = False
    old_form: bool = False
    pages: bool = False
    esia_only: bool = False
    maintenance: int | None = None
    strict: bool = True
    denied: tuple[str, ...] = ()
    fail_reports: int = 0
    sessions: dict[str, SignedIn] = field(default_factory=dict)
    salts: dict[str, str] = field(default_factory=dict)
    tasks: dict[int, tuple[str, dict[str, str]]] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    wrong: int = 0
    locked: bool = False
    sign_ins: int = 0
    warnings: int = 0
    reports: int = 0

    @property
    def answers(self) -> Answers:
        return Answers(self.view, self.no_assignments)

    @property
    def report_pages(self) -> ReportPages:
        return ReportPages(self.view)

    @property
    def release(self) -> tuple[int, ...]:
        return tuple(int(n) for n in self.version.split("."))

    def student(self) -> Person:
        """The pupil whose login the stand-in gives out: one who has marks."""
        marked = {m.student for m in self.view.place.marks.values()}
        return next(p for p in self.view.pupils() if p.id in marked)

    def expire(self) -> None:
        """Ends all sessions, as the portal does by itself."""
        self.sessions.clear()

    def who(self, request: Request | WebSocket) -> SignedIn | None:
        """The session of a request: its token, and both cookies that go with it."""
        at = request.headers.get("at") or request.query_params.get("at") or ""
        cookies = request.cookies
        return self.sessions.get(at) if {"NSSESSIONID", "ESRNSec"} <= cookies.keys() else None

    def lost(self) -> Response:
        """How the portal answers to who is not signed in."""
        return HTMLResponse(LOST) if self.pages else refusal(401, "Сессия завершена")

    def user(self, person: Person | None) -> dict[str, Any]:
        """Whose account it is."""
        if person is None:
            return {"id": 500, "name": "Шаблонова Вера"}
        return {"id": self.view.person(person.id, student=True), "name": f"{person.family} {person.given}"}

    def student_of(self, given: str, who: SignedIn) -> int:
        """A pupil's number in the region; a pupil may see but themselves."""
        found = next((p for p in self.view.pupils() if str(self.view.person(p.id, student=True)) == given), None)
        if found is None or (who.person is not None and who.person is not found):
            raise PermissionError
        return found.id


def refusal(status: int, message: str) -> Response:
    """The portal's error body."""
    return JSONResponse({"message": message}, status)


def hashed(password: str, salt: str) -> str:
    inner = hashlib.md5(password.encode("windows-1251"), usedforsecurity=False).hexdigest()
    return hashlib.md5(f"{salt}{inner}".encode(), usedforsecurity=False).hexdigest()
