"""A stand-in of the school module: signs in and out as the portal does, and serves one school of the region.

Portal facts B and C2: one-shot salts, cookies, the token in `at`, the security warning, the choice of a role, reports by way
of the queue and its hub, whose files can be fetched once.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from connectors.asurso.school.standin_answers import REPORTS, Answers, Missing
from connectors.asurso.school.standin_view import View
from connectors.asurso.school.truth import truth
from connectors.standins.region import Institution, Person
from connectors.standins.server import StandIn

LOGIN: Final = "завуч_стенд"
PASSWORD: Final = "пароль стенда"
STUDENT_LOGIN: Final = "student"
STUDENT_PASSWORD: Final = "diary-of-the-stand"
PAGE: Final = "<!DOCTYPE html><html><body><h1>Технические работы</h1></body></html>"
LOST: Final = "<!DOCTYPE html><html><body>Войдите в систему</body></html>"
WARNING: Final = '<html><body><script>location="/asp/SecurityWarning.asp"</script></body></html>'
END: Final = "\x1e"


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
    def release(self) -> tuple[int, ...]:
        return tuple(int(n) for n in self.version.split("."))

    def student(self) -> Person:
        """The pupil whose login the stand-in gives out: one who has marks."""
        marked = {m.student for m in self.view.place.marks.values()}
        return next(p for p in self.view.pupils() if p.id in marked)

    def expire(self) -> None:
        """Ends all sessions, as the portal does by itself."""
        self.sessions.clear()


def refusal(status: int, message: str) -> Response:
    """The portal's error body."""
    return JSONResponse({"message": message}, status)


def hashed(password: str, salt: str) -> str:
    inner = hashlib.md5(password.encode("windows-1251"), usedforsecurity=False).hexdigest()
    return hashlib.md5(f"{salt}{inner}".encode(), usedforsecurity=False).hexdigest()


Answer = Callable[[Request, SignedIn], Any]


@dataclass
class Service:
    """The portal's addresses."""

    portal: Portal

    def app(self) -> Starlette:
        """The application: what it does not know, and every write, it refuses."""
        get, staff, open_ = self._get, self._staff, self._anonymous
        routes = [
            Route("/webapi/logindata", open_(self._login_data)),
            Route("/webapi/schools/search", open_(self._search)),
            Route("/webapi/prepareloginform", open_(self._town_form)),
            Route("/webapi/loginform", open_(self._town_schools)),
            Route("/webapi/auth/getdata", open_(self._get_data), methods=["POST"]),
            Route("/webapi/login", open_(self._log_in), methods=["POST"]),
            Route("/webapi/auth/login", open_(self._log_in), methods=["POST"]),
            Route("/webapi/auth/logout", open_(self._log_out), methods=["POST"]),
            Route("/asp/logout.asp", open_(self._log_out), methods=["POST"]),
            Route("/asp/SecurityWarning.asp", open_(self._heed), methods=["POST"]),
            get("/webapi/context", self._context),
            get("/webapi/context/students", self._own_students),
            get("/webapi/years/current", lambda _, __: self.portal.answers.year()),
            get("/webapi/years", lambda _, __: [self.portal.answers.year()]),
            get("/webapi/earlyaccess", lambda _, __: True),
            get("/webapi/schools/{number:int}/card", lambda _, __: self.portal.answers.card_of_school()),
            get("/webapi/student/diary/init", lambda _, who: self.portal.answers.init(self._pupils(who))),
            get("/webapi/student/diary", self._diary),
            get("/webapi/student/diary/pastMandatory", self._owed),
            get("/webapi/student/diary/assigns/{number:int}", self._card),
            get("/webapi/grade/assignment/types", lambda _, __: self.portal.answers.types()),
            get("/webapi/announcements", lambda _, __: []),
            get("/webapi/classes", staff(lambda a, _: a.classes())),
            get("/webapi/grade/studentList", staff(lambda a, r: a.pupils(r.query_params))),
            get("/webapi/subjects", staff(lambda a, _: a.subjects())),
            get("/webapi/subjectgroups", self._subject_groups),
            get("/webapi/terms", staff(lambda a, _: a.terms())),
            get("/webapi/terms/search", self._find_terms, method="POST"),
            get("/webapi/schedule/classmeetings", staff(lambda a, r: a.meetings(r.query_params))),
            get("/webapi/schedule/times", lambda _, __: self.portal.answers.bells()),
            get("/webapi/reports", lambda _, __: self.portal.answers.catalogue()),
            get("/webapi/reports/{report}", self._form),
            get("/webapi/reports/{report}/queue", self._queue, method="POST"),
            get("/webapi/v2/reports/{report}/queue", self._queue, method="POST"),
            get("/webapi/files/{name}", self._file),
        ]
        hubs: list[Any] = []
        if self.portal.release >= (5, 32):
            hubs = [WebSocketRoute("/webapi/signalr/queueHub", self._hub)]
        elif self.portal.release >= (5, 29):
            hubs = [WebSocketRoute("/webapi/queueHub", self._hub)]
        else:
            hubs = [
                get(
                    "/webapi/signalr/negotiate",
                    lambda _, __: {"ConnectionToken": secrets.token_hex(8), "Url": "/signalr"},
                ),
                get("/webapi/signalr/start", lambda _, __: {"Response": "started"}),
                get("/webapi/signalr/abort", lambda _, __: None, method="POST"),
                WebSocketRoute("/webapi/signalr/connect", self._classic_hub),
            ]
        everything = ["GET", "POST", "PUT", "DELETE", "PATCH"]
        return Starlette(routes=[*routes, *hubs, Route("/{path:path}", open_(self._unknown), methods=everything)])

    # -- the frame of every answer -----------------------------------------------------------------------------------------

    def _anonymous(self, answer: Callable[[Request], Any]) -> Callable[[Request], Awaitable[Response]]:
        async def serve(request: Request) -> Response:
            if self.portal.maintenance:
                return HTMLResponse(PAGE, self.portal.maintenance)
            made = answer(request)
            response: Response = await made if isinstance(made, Awaitable) else made
            return response

        return serve

    def _get(self, path: str, answer: Answer, *, method: str = "GET") -> Route:
        async def serve(request: Request) -> Response:
            who = self._who(request)
            if who is None:
                return self._lost()
            if who.warned:
                return HTMLResponse(WARNING)
            if who.person is None and any(path.startswith(d) for d in self.portal.denied):
                return refusal(403, "Недостаточно прав")
            try:
                said = answer(request, who)
                said = await said if isinstance(said, Awaitable) else said
            except PermissionError:
                return refusal(403, "Недостаточно прав")
            except (LookupError, ValueError, StopIteration):
                return refusal(404, "Не найдено")
            return said if isinstance(said, Response) else JSONResponse(said)

        return Route(path, self._anonymous(serve), methods=[method])

    def _lost(self) -> Response:
        return HTMLResponse(LOST) if self.portal.pages else refusal(401, "Сессия завершена")

    def _who(self, request: Request | WebSocket) -> SignedIn | None:
        """The session of a request: its token, and both cookies that go with it."""
        at = request.headers.get("at") or request.query_params.get("at") or ""
        cookies = request.cookies
        return self.portal.sessions.get(at) if {"NSSESSIONID", "ESRNSec"} <= cookies.keys() else None

    def _unknown(self, request: Request) -> Response:
        if self._who(request) is None:
            return self._lost()
        return refusal(404 if request.method == "GET" else 403, "Не найдено")

    # -- signing in and out ------------------------------------------------------------------------------------------------

    def _login_data(self, _: Request) -> Response:
        only = self.portal.esia_only
        answer = JSONResponse(
            {
                "productName": "Сетевой город. Образование",
                "version": self.portal.version,
                "schoolLogin": not only,
                "emLogin": True,
                "esiaLogin": True,
                "esiaLoginPage": False,
                "esiaMainAuth": only,
                "esiaButton": True,
                "signatureLogin": False,
                "cacheVer": "123456789",
                "windowsAuth": False,
                "enableSms": False,
            }
        )
        answer.set_cookie("NSSESSIONID", secrets.token_hex(8))
        return answer

    def _town_form(self, _: Request) -> Response:
        """The lists of the old sign-in page; its schools are those of another town."""
        if not self.portal.old_form:
            return refusal(404, "Не найдено")
        cities = [{"id": n, "name": f"г. Примерск-{n}"} for n in (1, 2)]
        chosen = {n: int(v) for n, v in TOWN.items()} | {"cn": 1}
        return JSONResponse({**chosen, "cities": cities, "schools": [{"id": 1, "name": "Школа № 1 (стенд)"}]})

    def _town_schools(self, request: Request) -> Response:
        given = dict(request.query_params)
        if not self.portal.old_form or given.pop("LASTNAME", None) != "sft":
            return refusal(404, "Не найдено")
        school = self.portal.answers.school()
        return JSONResponse({"items": [{"id": school["id"], "name": school["shortName"]}] if given == TOWN else []})

    def _search(self, request: Request) -> Response:
        if self.portal.old_form:
            return refusal(404, "Не найдено")
        name = request.query_params.get("name")
        if not name and self.portal.search_by_name:
            return refusal(403, "Укажите название")
        school = self.portal.answers.school()
        texts = (school["name"], school["shortName"])
        found = [school] if not name or any(name.casefold() in t.casefold() for t in texts) else []
        return JSONResponse(found)

    def _get_data(self, request: Request) -> Response:
        if "NSSESSIONID" not in request.cookies:
            return refusal(409, "Ошибка входа в систему")
        lt, salt = str(secrets.randbelow(10**9)), str(secrets.randbelow(10**9))
        self.portal.salts[lt] = salt
        return JSONResponse({"lt": lt, "ver": str(secrets.randbelow(10**9)), "salt": salt})

    async def _log_in(self, request: Request) -> Response:
        given = {k.casefold(): str(v) for k, v in request.query_params.items()}
        given |= {k.casefold(): str(v) for k, v in (await request.form()).items()}
        salt = self.portal.salts.pop(given.get("lt", ""), None)
        portal = self.portal
        if portal.locked:
            return refusal(409, "Вы совершили 3 неудачные попытки входа. Следующая — не ранее чем через минуту")
        if salt is None or given.get("logintype") != "1" or given.get("scid") != str(portal.answers.school_id()):
            return refusal(409, "Ошибка входа в систему")
        if portal.old_form and any(given.get(n) != v for n, v in TOWN.items()):
            return refusal(409, "Ошибка входа в систему")
        accounts = {LOGIN: (PASSWORD, None), STUDENT_LOGIN: (STUDENT_PASSWORD, portal.student())}
        password, person = accounts.get(given.get("un", ""), ("", None))
        whole = hashed(password, salt)
        right = password and (given.get("pw2"), given.get("pw")) == (whole, whole[: len(password)])
        if portal.esia_only or not right:
            portal.wrong += 1
            portal.locked = portal.wrong >= 3
            return refusal(409, "Неверный логин или пароль")
        portal.wrong = 0
        choosing = portal.roles and person is None and given.get("rolegroup") is None
        if portal.roles and person is None and given.get("rolegroup") not in {None, "2"}:
            return refusal(409, "У учётной записи нет такой роли")
        portal.sign_ins += 1
        warned = portal.strict and any(s.person is person for s in portal.sessions.values())
        at = str(10**25 + secrets.randbelow(10**24))
        if not choosing:
            portal.sessions[at] = SignedIn(person, warned)
        answer = JSONResponse(self._signed_in(at, person, warned=warned, choosing=choosing))
        answer.set_cookie("ESRNSec", secrets.token_hex(8))
        return answer

    def _signed_in(self, at: str, person: Person | None, *, warned: bool, choosing: bool) -> Any:
        school = self.portal.answers.school()
        place = {"id": school["id"], "name": school["shortName"]}
        names = ("Ученик",) if person else ("Родитель", "Завуч")
        entry = "/angular/school/studentdiary/"
        if choosing:
            entry = "/angular/school/choose-session-role/"
        elif warned:
            entry = "/asp/SecurityWarning.asp"
        user = self._user(person)
        return {
            "at": at,
            "code": None,
            "timeOut": 3600000,
            "accessToken": "stand-access",
            "refreshToken": "stand-refresh",
            "tokenType": "Bearer",
            "accountInfo": {
                "activeToken": None,
                "secureActiveToken": "stand",
                "currentOrganization": place,
                "user": user,
                "userRoles": [
                    {"userId": user["id"], "schoolId": school["id"], "role": {"id": n, "name": name}}
                    for n, name in enumerate(names, 1)
                ],
                "organizations": [place],
                "loginTime": "2024-10-07T09:00:00.1234567",
                "active": True,
                "canLogin": True,
                "storeTokens": True,
                "accessToken": "stand-access",
            },
            "tokenTimeOut": 0,
            "entryPoint": entry,
            "requestData": {"warnType": "1"} if warned else None,
            "errorMessage": None,
        }

    def _user(self, person: Person | None) -> dict[str, Any]:
        if person is None:
            return {"id": 500, "name": "Шаблонова Вера"}
        return {"id": self.portal.view.person(person.id, student=True), "name": f"{person.family} {person.given}"}

    async def _log_out(self, request: Request) -> Response:
        form = await request.form()
        at = request.headers.get("at") or str(form.get("at", ""))
        if at not in self.portal.sessions:
            return self._lost()
        del self.portal.sessions[at]
        return JSONResponse(None)

    async def _heed(self, request: Request) -> Response:
        form = await request.form()
        who = self.portal.sessions.get(str(form.get("at")))
        if who is None or form.get("WarnType") != "2":
            return self._lost()
        who.warned = False
        self.portal.warnings += 1
        return HTMLResponse("<html></html>")

    # -- what may be seen --------------------------------------------------------------------------------------------------

    def _staff(self, answer: Callable[[Answers, Request], Any]) -> Answer:
        def serve(request: Request, who: SignedIn) -> Any:
            if who.person is not None:
                raise PermissionError
            return answer(self.portal.answers, request)

        return serve

    def _pupils(self, who: SignedIn) -> list[Person]:
        return [who.person] if who.person else self.portal.view.pupils()[:1]

    def _student(self, given: str, who: SignedIn) -> int:
        """A pupil's number in the region; a pupil may see but themselves."""
        found = next(
            (p for p in self.portal.view.pupils() if str(self.portal.view.person(p.id, student=True)) == given), None
        )
        if found is None or (who.person is not None and who.person is not found):
            raise PermissionError
        return found.id

    def _context(self, request: Request, who: SignedIn) -> Any:
        roles = ["Student"] if who.person else ["Headmaster"]
        return self.portal.answers.context(request.headers["at"], self._user(who.person), roles, self.portal.version)

    def _own_students(self, _: Request, who: SignedIn) -> Any:
        return [
            {"id": self.portal.view.person(p.id, student=True), "name": f"{p.family} {p.given}"}
            for p in self._pupils(who)
        ]

    def _diary(self, request: Request, who: SignedIn) -> Any:
        given = request.query_params
        student = self._student(given["studentId"], who)
        if given["yearId"] != str(self.portal.answers.year()["id"]):
            raise LookupError(given["yearId"])
        return self.portal.answers.diary(
            student, date.fromisoformat(given["weekStart"]), date.fromisoformat(given["weekEnd"])
        )

    def _owed(self, request: Request, who: SignedIn) -> Any:
        diary = self._diary(request, who)
        lessons = [x for day in diary["weekDays"] for x in day["lessons"]]
        return [
            {**a, "subjectName": x["subjectName"]}
            for x in lessons
            for a in x.get("assignments") or ()
            if (a.get("mark") or {}).get("dutyMark")
        ]

    def _card(self, request: Request, who: SignedIn) -> Any:
        self._student(request.query_params["studentId"], who)
        return self.portal.answers.card(request.path_params["number"])

    def _subject_groups(self, request: Request, who: SignedIn) -> Any:
        given = request.query_params
        student = given.get("studentId") or None
        if who.person is not None:
            student = student or str(self.portal.view.person(who.person.id, student=True))
        return self.portal.answers.subject_groups(given, self._student(student, who) if student else None)

    async def _find_terms(self, request: Request, _: SignedIn) -> Any:
        return self.portal.answers.find_terms(await request.json())

    # -- reports -----------------------------------------------------------------------------------------------------------

    def _form(self, request: Request, who: SignedIn) -> Any:
        return self.portal.answers.form(request.path_params["report"].casefold(), self._pupils(who)[0].id)

    async def _queue(self, request: Request, who: SignedIn) -> Any:
        """Queues a report, if its filters are those of its form."""
        report = request.path_params["report"].casefold()
        body = await request.json()
        filters = {f["filterId"]: str(f["filterValue"]) for f in body["selectedData"]}
        known = set(REPORTS[report][2])
        if not filters.keys() <= known or "SID" not in filters:
            return refusal(409, "Неверные параметры отчета")
        self._student(filters["SID"], who)
        task = 10_000_000 + len(self.portal.tasks)
        self.portal.tasks[task] = (report, filters)
        return {"taskId": task, "queueKey": "report-v2"}

    def _make(self, task: Any) -> str | None:
        """The name of a finished report's file; null where it could not be made."""
        queued = self.portal.tasks.get(task) if isinstance(task, int) else None
        if queued is None:
            return None
        self.portal.reports += 1
        if self.portal.fail_reports > 0:
            self.portal.fail_reports -= 1
            return None
        try:
            page = self.portal.answers.page(*queued)
        except (LookupError, ValueError):
            return None
        name = secrets.token_hex(16)
        self.portal.files[name] = page
        return name

    def _file(self, request: Request, _: SignedIn) -> Any:
        return HTMLResponse(self.portal.files.pop(request.path_params["name"]))

    async def _hub(self, socket: WebSocket) -> None:
        """ASP.NET Core SignalR: a greeting, then calls, each answered and followed by what becomes of its task."""
        if self._who(socket) is None:
            await socket.close(4401)
            return
        await socket.accept()

        async def say(*messages: Mapping[str, Any]) -> None:
            await socket.send_text("".join(json.dumps(m, ensure_ascii=False) + END for m in messages))

        try:
            while True:
                for said in _frames(await socket.receive()):
                    if "protocol" in said:
                        await say({})
                        continue
                    if said.get("target") not in {"startTask", "startTaskAsync"}:
                        await say({"type": 3, "invocationId": said.get("invocationId"), "error": "Unknown method"})
                        continue
                    task = said["arguments"][0]
                    await say({"type": 6})
                    started = {"success": True, "message": None}
                    await say({"type": 3, "invocationId": said["invocationId"], "result": started})
                    await say({"type": 1, "target": "progress", "arguments": [{"taskId": task, "status": "1"}]})
                    await asyncio.sleep(0)
                    name = self._make(task)
                    if name is None:
                        await say({"error": "Ошибка построения отчета"})
                    else:
                        ready = {"taskId": task, "data": name, "componentId": "c"}
                        await say({"type": 1, "target": "complete", "arguments": [ready]})
        except WebSocketDisconnect:
            return

    async def _classic_hub(self, socket: WebSocket) -> None:
        """SignalR 2."""
        if self._who(socket) is None or "connectionToken" not in socket.query_params:
            await socket.close(4401)
            return
        await socket.accept()
        await socket.send_json({"C": "d-1", "S": 1, "M": []})
        try:
            while True:
                for said in _frames(await socket.receive()):
                    task, name = said["A"][0], self._make(said["A"][0])
                    await socket.send_json({"R": None, "I": str(said["I"])})
                    await socket.send_json({})
                    what, argument = ("complete", {"Data": name}) if name else ("error", {"Details": "Ошибка"})
                    argument = {"TaskId": task, **argument}
                    await socket.send_json({"C": "d-2", "M": [{"H": "QueueHub", "M": what, "A": [argument]}]})
        except WebSocketDisconnect:
            return


def _frames(message: Mapping[str, Any]) -> list[Any]:
    """What a client says, in text or in bytes."""
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect
    text = message.get("text") or (message.get("bytes") or b"").decode()
    return [json.loads(part) for part in text.split(END) if part.strip()]


def make(institution: Institution, *, whole_marks: bool = False, **options: Any) -> StandIn:
    """A stand-in of the school module for a school. The options are the modes of `Portal`, which `app.state` holds."""
    portal = Portal(View(institution, whole_marks), **options)
    app = Service(portal).app()
    app.state.portal = portal
    return StandIn(
        portal="asurso",
        institution=institution,
        app=app,
        remote_id=institution.short,
        auth={"password": {"login": LOGIN, "password": PASSWORD}},
        student={"login": STUDENT_LOGIN, "password": STUDENT_PASSWORD},
        truth=lambda: truth(portal.view),
    )
