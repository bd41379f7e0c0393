"""A stand-in of the SPO module: signs in and out as the portal does, and serves one college of the region (portal facts A, C2)."""

from __future__ import annotations

import base64
import hashlib
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from connectors.asurso.standin_answers import Answers, names
from connectors.asurso.standin_frame import answered, served
from connectors.asurso.standin_student import Diary, organization, system_info
from connectors.asurso.standin_view import View
from connectors.asurso.truth import truth
from connectors.standins.region import Group, Institution, Person
from connectors.standins.server import StandIn

LOGIN: Final = "учёт_стенд"
PASSWORD: Final = "пароль стенда"
STUDENT_LOGIN: Final = "student"
STUDENT_PASSWORD: Final = "diary-of-the-stand"
PERMISSIONS: Final = (200, 202, 507, 509, 700)


@dataclass
class SignedIn:
    """One session. `person` is null for the staff account."""

    tenant: str
    person: Person | None
    used: float


@dataclass
class Portal:
    """The portal's state and its modes.

    `pool` sessions an account may have at once, each ending after `idle_seconds` without use; `redirects`: a lost session
    is sent to the login page instead of 401; `old_absences`, `flat_rooms`: words and fields of other builds; `chunked`: a
    session needs a second cookie, which comes in pieces; `empty_login`: the sign-in answers without a body; `esia_only`: no passwords;
    `maintenance`: a page in the place of everything, with this status; `permissions` of the staff account; `other_tenants`:
    further institutions of the account, of which the last is the current one after signing in.
    """

    view: View
    pool: int = 3
    idle_seconds: float = 1800.0
    redirects: bool = False
    old_absences: bool = False
    flat_rooms: bool = False
    chunked: bool = False
    empty_login: bool = False
    esia_only: bool = False
    maintenance: int | None = None
    permissions: tuple[int, ...] = PERMISSIONS
    other_tenants: tuple[str, ...] = ()
    sessions: dict[str, SignedIn] = field(default_factory=dict)
    sign_ins: int = 0

    @property
    def tenant(self) -> str:
        return f"spo_{self.view.place.id}"

    @property
    def answers(self) -> Answers:
        return Answers(self.view, self.old_absences)

    def student(self) -> Person:
        """The pupil whose login the stand-in gives out."""
        in_group = (p for p, group in self.view.active() if group and p.patronymic)
        return next(in_group)

    def expire(self) -> None:
        """Ends all sessions, as the portal does by itself."""
        self.sessions.clear()

    # -- sessions --------------------------------------------------------------------------------------------------------

    def session(self, request: Request) -> SignedIn | None:
        cookies = request.cookies
        token = cookies.get(".AspNetCore.Session") or cookies.get(".AspNetCore.Cookies")
        if self.chunked:
            whole = cookies.get(".AspNetCore.Cookies") == "chunks-2"
            pieces = [cookies.get(f".AspNetCore.CookiesC{n}", "") for n in (1, 2)]
            token = "".join(pieces) if whole else None
        now = time.monotonic()
        for name in [n for n, s in self.sessions.items() if now - s.used > self.idle_seconds]:
            del self.sessions[name]
        found = self.sessions.get(token or "")
        if found and "UID" in cookies:
            found.used = now
            return found
        return None

    def sign_in(self, person: Person | None, *, remember: bool) -> Response:
        if sum(s.person is person for s in self.sessions.values()) >= self.pool:
            return refusal(409, "Превышено число одновременных сеансов пользователя")
        self.sign_ins += 1
        token = secrets.token_hex(16)
        current = self.other_tenants[-1] if self.other_tenants and person is None else self.tenant
        made = self.sessions[token] = SignedIn(current, person, time.monotonic())
        answer = Response() if self.empty_login else JSONResponse(self.who(made))
        answer.set_cookie("UID", secrets.token_hex(8))
        answer.set_cookie(".AspNetCore.Culture", "c=ru|uic=ru")
        if self.chunked:
            answer.set_cookie(".AspNetCore.Cookies", "chunks-2")
            answer.set_cookie(".AspNetCore.CookiesC1", token[:16])
            answer.set_cookie(".AspNetCore.CookiesC2", token[16:])
        elif remember:
            answer.set_cookie(".AspNetCore.Cookies", token, max_age=5 * 86400)
        if not remember:
            answer.set_cookie(".AspNetCore.Session", token)
        return answer

    def who(self, signed_in: SignedIn) -> Any:
        """The answer to a sign-in (A1.3)."""
        tenants = {self.tenant: self._tenant(signed_in.person, self.view.place.id)}
        if signed_in.person is None:
            tenants.update({key: self._tenant(None, int(key.removeprefix("spo_"))) for key in self.other_tenants})
        return {
            "installName": "asurso_stand",
            "localNetwork": False,
            "tenantName": signed_in.tenant,
            "tenants": tenants,
        }

    def _tenant(self, person: Person | None, number: int) -> Any:
        card = {"settings": {"organization": organization(self.view, number)}, "isTrusted": False}
        if person is None:
            user = {"firstName": "Вера", "lastName": "Шаблонова", "middleName": "Макетовна"}
            role = {"id": 7001, "isCurator": False, "permissions": list(self.permissions)}
            return {**user, **card, "employeeRole": role}
        group = self.view.place.class_of(person.id)
        number = self.view.person(person)
        place = {"groupId": self.view.group(group) if group else None, "groupName": group.name if group else None}
        return {
            **names(person),
            **card,
            "studentRole": {
                "id": number,
                "studentGroupId": place["groupId"],
                "students": [{"id": number, **place, **names(person)}],
            },
        }


def refusal(status: int, message: str) -> Response:
    """The portal's error body."""
    return JSONResponse({"responseStatus": {"message": message}}, status)


def hashed(password: str) -> str:
    return base64.b64encode(hashlib.sha256(password.encode()).digest()).decode()


Answer = Callable[[Request, SignedIn], Any]


@dataclass
class Service:
    """The portal's addresses."""

    portal: Portal

    def app(self) -> Starlette:
        """The application: what it does not know, and every write, it refuses."""
        people, journal = "/services/people", "/services/journal/gradebook"
        report = "/services/reports/curator/group-attestation"
        get = self._get
        return Starlette(
            routes=[
                Route("/services/security/version", self._anonymous(lambda _: JSONResponse("3.7.0.19"))),
                Route("/services/security/esia-settings", self._anonymous(self._esia)),
                Route(f"{people}/system/info", self._anonymous(lambda _: JSONResponse(system_info()))),
                Route("/services/security/login", self._anonymous(self._log_in), methods=["POST"]),
                Route("/services/security/logout", self._anonymous(self._log_out), methods=["DELETE"]),
                Route("/services/security/switch-tenant", self._anonymous(self._switch), methods=["PUT"]),
                get("/services/security/get-tenants", lambda _, who: self.portal.who(who)),
                get(f"{people}/organization", lambda _, who: organization(self.portal.view, self._number(who))),
                get(f"{people}/departments/all", self._staff(lambda a: a.departments())),
                get(f"{people}/student-groups/all", self._staff(lambda a: a.groups())),
                get(f"{people}/employees/all", self._staff(lambda a: a.employees(), 509)),
                get(f"{people}/students", self._students),
                get(people + "/students/{sid:int}", self._card),
                get("/services/plan/subjects/flatten", self._staff(lambda a: a.subjects())),
                get("/services/plan/specialties", self._staff(lambda a: a.specialities())),
                get("/services/plan/calendars/all", self._staff(lambda a: a.calendars())),
                get(f"{journal}/student-groups", self._staff(lambda a: a.journal_groups(), 200)),
                get(journal + "/{group:int}/entries", self._entries),
                get(journal + "/{book:int}/subjects/{taught:int}", self._page),
                get(report + "/{group:int}", self._sheet),
                get(report + "/{term}/{number:int}/{day}/{group:int}", self._sheet),
                get(
                    "/services/reports/curator/rating/{term}/{number:int}/{day}/{group:int}",
                    lambda r, who: self._allow(who, 700).rating(self._group(r, who)),
                ),
                get("/services/schedule/timetable/{since}/{until}", self._timetable),
                get(
                    "/services/reports/curator/group-attestation-for-student/{sid:int}",
                    self._diary(lambda d, _: d.sheet()),
                ),
                get("/services/students/{sid:int}/lessons/{since}/{until}", self._diary(_days)),
                get("/services/students/{sid:int}/dashboard", self._diary(lambda d, _: d.dashboard())),
                get("/services/students/{sid:int}/attestation", self._diary(lambda d, _: d.attestation())),
                get("/services/reports/current/performance/{sid:int}", self._diary(lambda d, _: d.performance())),
                get("/integration/chatManagement/chats/current", lambda _, __: []),
                Route(
                    "/{path:path}", self._anonymous(self._unknown), methods=["GET", "POST", "PUT", "DELETE", "PATCH"]
                ),
            ]
        )

    # -- the frame of every answer -----------------------------------------------------------------------------------------

    def _anonymous(self, answer: Callable[[Request], Any]) -> Callable[[Request], Awaitable[Response]]:
        return served(self.portal, answer)

    def _get(self, path: str, answer: Answer) -> Route:
        async def serve(request: Request) -> Response:
            who = self.portal.session(request)
            if who is None:
                return self._lost()
            said = await answered(lambda: answer(request, who), refusal, "Объект не найден")
            if isinstance(said, Response):
                return said
            return Response(status_code=204) if said is None else JSONResponse(said)

        return Route(path, self._anonymous(serve))

    def _lost(self) -> Response:
        if self.portal.redirects:
            return RedirectResponse("/security/#/login", 302)
        return refusal(401, "Необходимо войти в систему")

    def _unknown(self, request: Request) -> Response:
        if self.portal.session(request) is None:
            return self._lost()
        if request.method != "GET":
            return refusal(403, "Недостаточно прав")
        return refusal(404, "Объект не найден")

    # -- signing in and out ------------------------------------------------------------------------------------------------

    def _esia(self, _: Request) -> Response:
        only = self.portal.esia_only
        urls = {"loginUrl": "https://esia.example.invalid/", "bindEsiaUrl": "", "logoutUrl": "", "redirectUri": ""}
        return JSONResponse({"isAvailable": True, "fromEsia": False, "esiaOnly": only, "useSaml": False, **urls})

    async def _log_in(self, request: Request) -> Response:
        body = await request.json()
        missing = [name for name in ("login", "password") if not isinstance(body.get(name), str)]
        if missing:
            return JSONResponse({"errors": {name: ["Поле обязательно"] for name in missing}}, 400)
        given = (body["login"], body["password"])
        remember = body.get("isRemember") is True
        if not self.portal.esia_only and given == (LOGIN, hashed(PASSWORD)):
            return self.portal.sign_in(None, remember=remember)
        if not self.portal.esia_only and given == (STUDENT_LOGIN, hashed(STUDENT_PASSWORD)):
            return self.portal.sign_in(self.portal.student(), remember=remember)
        return refusal(401, "Неверный логин или пароль")

    def _log_out(self, request: Request) -> Response:
        who = self.portal.session(request)
        if who is None:
            return self._lost()
        for token in [t for t, s in self.portal.sessions.items() if s is who]:
            del self.portal.sessions[token]
        return Response()

    async def _switch(self, request: Request) -> Response:
        who = self.portal.session(request)
        if who is None:
            return self._lost()
        name = (await request.json()).get("name")
        if name not in self.portal.who(who)["tenants"]:
            return refusal(403, "Недостаточно прав")
        who.tenant = name
        return Response()

    # -- what staff may see ------------------------------------------------------------------------------------------------

    def _number(self, who: SignedIn) -> int:
        return int(who.tenant.removeprefix("spo_"))

    def _allow(self, who: SignedIn, *codes: int) -> Answers:
        """The answers that staff with one of these permissions may see."""
        if who.person is not None or (codes and not set(codes) & set(self.portal.permissions)):
            raise PermissionError
        return self.portal.answers

    def _staff(self, answer: Callable[[Answers], Any], *codes: int) -> Answer:
        """A list of the institution; that of any other is empty."""

        def serve(_: Request, who: SignedIn) -> Any:
            answers = self._allow(who, *codes)
            return answer(answers) if who.tenant == self.portal.tenant else []

        return serve

    def _students(self, request: Request, who: SignedIn) -> Any:
        answers = self._allow(who, 507)
        given = request.query_params
        if given["orderBy"] != "+fullName" or given["isActive"] != "true":
            raise ValueError(given)
        if who.tenant != self.portal.tenant:
            return {"studentsCount": 0, "students": []}
        return answers.students(int(given["pageIndex"]), int(given["pageSize"]))

    def _card(self, request: Request, who: SignedIn) -> Any:
        return self._allow(who, 507).card(request.path_params["sid"])

    def _group(self, request: Request, who: SignedIn) -> Group:
        number = request.path_params["group"]
        found = next((g for g in self.portal.view.groups() if self.portal.view.group(g) == number), None)
        if found is None or who.tenant != self.portal.tenant:
            raise LookupError(number)
        return found

    def _entries(self, request: Request, who: SignedIn) -> Any:
        return self._allow(who, 200).entries(self._group(request, who))

    def _page(self, request: Request, who: SignedIn) -> Any:
        answers, view = self._allow(who, 200), self.portal.view
        wanted = (request.path_params["book"], request.path_params["taught"])
        for course in view.place.courses.values():
            for term in view.terms():
                if (view.gradebook(view.home_of(course), term), view.taught(course, term)) == wanted:
                    return answers.page(course, term)
        raise LookupError(wanted)

    def _sheet(self, request: Request, who: SignedIn) -> Any:
        answers, view = self._allow(who, 202, 700), self.portal.view
        group, given = self._group(request, who), request.path_params
        as_of = date.fromisoformat(given["day"]) if "day" in given else view.today()
        term = next((t for t in view.terms() if t.start <= as_of <= t.end), None)
        if term is None or given.get("number", term.number) != term.number:
            return None
        return answers.sheet(group, term)

    def _timetable(self, request: Request, who: SignedIn) -> Any:
        days = (date.fromisoformat(request.path_params[name]) for name in ("since", "until"))
        number = int(request.query_params["id"])
        group = next(g for g in self.portal.view.groups() if self.portal.view.group(g) == number)
        return self._allow(who).timetable(group, *days)

    # -- what a student may see ----------------------------------------------------------------------------------------------

    def _diary(self, answer: Callable[[Diary, Request], Any]) -> Answer:
        def serve(request: Request, who: SignedIn) -> Any:
            view = self.portal.view
            if who.person is None or request.path_params["sid"] != view.person(who.person):
                raise PermissionError
            return answer(Diary(self.portal.answers, who.person, self.portal.flat_rooms), request)

        return serve


def _days(diary: Diary, request: Request) -> Any:
    given = request.path_params
    return diary.lessons(date.fromisoformat(given["since"]), date.fromisoformat(given["until"]))


def make(institution: Institution, **options: Any) -> StandIn:
    """A stand-in of the SPO module for a college. The options are the modes of `Portal`, which `app.state` holds."""
    portal = Portal(View(institution), **options)
    app = Service(portal).app()
    app.state.portal = portal
    return StandIn(
        portal="asurso",
        institution=institution,
        app=app,
        remote_id=portal.tenant,
        auth={"password": {"login": LOGIN, "password": PASSWORD}},
        student={"login": STUDENT_LOGIN, "password": STUDENT_PASSWORD},
        truth=lambda: truth(portal.view, old_absences=portal.old_absences),
        expire=portal.expire,
    )
