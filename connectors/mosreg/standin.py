"""A local server that speaks as «Моя школа» does to staff (facts B11)."""

from __future__ import annotations

import base64
import io
import json
import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import count
from typing import Any, Final, Literal

import xlsxwriter
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from connectors.mosreg import standin_facts as facts
from connectors.mosreg.standin_answers import Answers, Json
from connectors.mosreg.truth import truth
from connectors.standins.region import Institution
from connectors.standins.server import StandIn

Errors = Literal["modern", "older"]
Ended = Literal["401", "message", "text"]

_OUSTED: Final = "Предыдущая сессия работы в ЭЖД завершена. Войдите в ЭЖД заново"
_DEFAULT_PER_PAGE: Final = 50
_MOST_IDS: Final = 120
_ADMINISTRATOR: Final = 701
_XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def make(
    institution: Institution,
    *,
    errors: Errors = "modern",
    ended: Ended = "401",
    token_days: float = 10.0,
    role: Literal["school_admin", "teacher"] = "school_admin",
    most_rows: int = 4000,
) -> StandIn:
    """A stand-in of a school, or of a college kept like one (its study groups are class units).

    `errors` is the shape of error objects; `ended` how a session that was ended elsewhere is answered; `token_days` how
    long a token lives; with the `role` of a teacher only the teacher's own journals can be read; a page never has
    more than `most_rows`, however many are asked for.
    """
    portal = Portal(institution, errors=errors, ended=ended, token_days=token_days, role=role, most_rows=most_rows)
    staff, student = portal.accounts["staff"], portal.accounts["student"]
    return StandIn(
        portal="mosreg",
        institution=institution,
        app=portal.app,
        remote_id=str(portal.school),
        auth={
            "token": {"token": portal.begin_session(staff)},
            "password": {"login": staff.login, "password": staff.password},
        },
        student={"login": student.login, "password": student.password},
        truth=lambda: truth(institution),
        expire=portal.end_sessions,
    )


@dataclass(frozen=True, slots=True)
class Account:
    login: str
    password: str
    profile: int
    type: str


@dataclass(slots=True)
class Session:
    """One sign-in. `tokens` is token -> when it ends; a stale token is refused, and can still be renewed."""

    account: Account
    tokens: dict[str, datetime] = field(default_factory=dict)
    stale: set[str] = field(default_factory=set)
    activated: set[str] = field(default_factory=set)
    is_over: bool = False


class Refusal(Exception):  # noqa: N818 - an answer, not a fault of the program
    """Ends a request with an error object."""

    def __init__(self, status: int, message: str, *, shown: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.shown = status if shown is None else shown


class Portal:
    """The state of the portal: who is signed in, which exports run. `app` serves it."""

    def __init__(
        self, institution: Institution, *, errors: Errors, ended: Ended, token_days: float, role: str, most_rows: int
    ) -> None:
        self.school = institution.id
        self.answers = Answers(institution, self.school)
        self.logins = 0
        self._place = institution
        self._errors = errors
        self._ended = ended
        self._most_rows = most_rows
        self._life = timedelta(days=token_days)
        self._sessions: list[Session] = []
        self._codes: dict[str, Session] = {}
        self._exports: dict[str, Json] = {}
        self._numbers = count(1)
        teacher = facts.teacher_id(institution.staff[0].id)
        pupil = institution.students[0].id
        self.accounts = {
            "staff": Account(
                "director.stand", "пароль-стенда-1", teacher if role == "teacher" else _ADMINISTRATOR, role
            ),
            "student": Account("pupil.stand", "пароль-стенда-2", facts.student_id(pupil), "student"),
        }
        self.app = Starlette(routes=self._routes())
        self.app.state.portal = self

    # -- sessions ------------------------------------------------------------------------------------------------

    def begin_session(self, account: Account) -> str:
        """Signs an account in, which ends its other session (B2.7); gives the token."""
        for session in self._sessions:
            session.is_over = session.is_over or session.account == account
        session = Session(account)
        self._sessions.append(session)
        return self._issue(session)

    def stale_tokens(self) -> None:
        """From now on the tokens that are out are refused; they can still be renewed."""
        for session in self._sessions:
            session.stale.update(session.tokens)

    def end_sessions(self) -> None:
        """Someone signs in elsewhere."""
        for session in self._sessions:
            session.is_over = True

    def _issue(self, session: Session) -> str:
        ends = self._place.now + self._life
        claims = {"exp": int(ends.timestamp()), "iss": "https://authedu.mosreg.ru", "jti": next(self._numbers)}
        parts = ({"alg": "HS256", "typ": "JWT"}, claims, {"stand": "in"})
        token = ".".join(base64.urlsafe_b64encode(json.dumps(p).encode()).rstrip(b"=").decode() for p in parts)
        session.tokens[token] = ends
        return token

    def _session(self, request: Request) -> tuple[Session, str]:
        """The session of a request: its token may stand in any of three places."""
        bearer = request.headers.get("authorization", "").removeprefix("Bearer ").strip()
        token = bearer or request.headers.get("auth-token") or request.cookies.get("aupd_token") or ""
        for session in self._sessions:
            if token in session.tokens:
                return session, token
        raise Refusal(401, "Требуется авторизация")

    def _living(self, request: Request) -> tuple[Session, str]:
        session, token = self._session(request)
        if session.is_over:
            raise Refusal(401, _OUSTED, shown=401 if self._ended == "401" else 200)
        if token in session.stale or session.tokens[token] <= self._place.now:
            raise Refusal(401, "Срок действия токена истёк")
        return session, token

    def _profile_info(self, request: Request) -> Response:
        """Makes a token good for the journal. An empty list is an expired token (B2.4)."""
        try:
            session, token = self._living(request)
        except Refusal:
            return JSONResponse([])
        session.activated.add(token)
        return JSONResponse([{"id": session.account.profile, "type": session.account.type}])

    async def _log_in(self, request: Request) -> Response:
        body = await request.json()
        for account in self.accounts.values():
            if (body.get("login"), body.get("password_plain")) == (account.login, account.password):
                self.logins += 1
                self.begin_session(account)
                code = f"code-{next(self._numbers)}"
                self._codes[code] = self._sessions[-1]
                profile = {"id": account.profile, "type": account.type, "roles": [], "user_id": 1}
                user = {"id": 1, "first_name": "Стенд", "last_name": "Стендов", "profiles": [profile]}
                return JSONResponse({**user, "authentication_token": code, "password_change_required": False})
        raise Refusal(401, "Неверный логин или пароль")

    def _callback(self, request: Request) -> Response:
        session = self._codes.pop(request.query_params.get("code", ""), None)
        if session is None:
            raise Refusal(401, "Код недействителен")
        response = RedirectResponse("/", status_code=302)
        response.set_cookie("aupd_token", next(iter(session.tokens)))
        return response

    def _refresh(self, request: Request) -> Response:
        try:
            session, token = self._session(request)
        except Refusal:
            return PlainTextResponse("", status_code=499)
        if session.is_over or session.tokens[token] <= self._place.now:
            return PlainTextResponse("", status_code=499)
        return PlainTextResponse(self._issue(session), status_code=201)

    # -- the staff side ------------------------------------------------------------------------------------------

    def _staff(self, request: Request) -> Account:
        """The account of a request; a pupil's is let nowhere."""
        session, token = self._living(request)
        if token not in session.activated:
            raise Refusal(403, "Профиль не активирован")
        if session.account.type == "student":
            raise Refusal(403, "Недостаточно прав")
        if request.headers.get("profile-id") != str(session.account.profile):
            raise Refusal(400, "Не указан профиль")
        return session.account

    def _journals(self, request: Request, account: Account, name: str = "group_ids") -> set[int]:
        """The groups that a request asks for: those of another school, or of another teacher, are refused."""
        groups = _ids(request, name) or set()
        own = {facts.course_id(c.id) for c in self._place.courses.values()}
        if account.type == "teacher":
            teacher = account.profile - facts.teacher_id(0)
            own = {facts.course_id(c.id) for c in self._place.courses.values() if teacher in c.teachers}
        if not groups or not groups <= own:
            raise Refusal(403, "Нет доступа к группе")
        return groups

    def _of_school(self, request: Request) -> None:
        if request.query_params.get("school_id", str(self.school)) != str(self.school):
            raise Refusal(403, "Нет доступа к организации")

    def _of_year(self, request: Request, rows: Iterable[Json]) -> list[Json]:
        return list(rows) if request.query_params.get("academic_year_id") == str(self.answers.year) else []

    def _academic_years(self, request: Request, _: Account) -> list[Json]:  # noqa: ARG002 - asks for nothing
        return list(self.answers.academic_years())

    def _teachers(self, request: Request, _: Account) -> list[Json]:
        self._of_school(request)
        return list(self.answers.teachers())

    def _teacher(self, request: Request, _: Account) -> Json:
        number = request.path_params["number"]
        if number == _ADMINISTRATOR:
            return {"id": number, "school_id": self.school, "user_id": 60000, "mentor_class_unit_ids": []}
        person = self._place.people.get(number - facts.teacher_id(0))
        if person is None or person.role != "staff":
            raise Refusal(404, "Профиль не найден")
        return self.answers.teacher(person)

    def _class_units(self, request: Request, _: Account) -> list[Json]:
        return self._of_year(request, self.answers.class_units())

    def _groups(self, request: Request, _: Account) -> list[Json]:
        self._of_school(request)
        classes, groups = _ids(request, "class_unit_ids"), _ids(request, "group_ids")
        return [
            g
            for g in self._of_year(request, self.answers.groups())
            if (classes is None or classes & set(g["class_unit_ids"])) and (groups is None or g["id"] in groups)
        ]

    def _pupils(self, request: Request, _: Account) -> list[Json]:
        """Pupils of class units, of groups that they are in now, or with these ids (B4.2)."""
        classes = _ids(request, "class_unit_ids") or _ids(request, "class_unit_id")
        groups, ids = _ids(request, "group_ids"), _ids(request, "ids")
        if classes is None and groups is None and ids is None:
            raise Refusal(400, "Не указан класс")
        rows = self.answers.pupils(classes, ids, with_marks=_asks(request, "with_final_marks"))
        kept = [r for r in self._of_year(request, rows) if _asks(request, "with_deleted") or not r["deleted"]]
        if groups is not None:
            kept = [r for r in kept if groups & {g["id"] for g in r["groups"]}]
        hidden = [] if _asks(request, "with_groups") else ["groups"]
        return [{k: v for k, v in r.items() if k not in hidden} for r in kept]

    def _schedules(self, request: Request, _: Account) -> list[Json]:  # noqa: ARG002 - asks for nothing
        return list(self.answers.periods_schedules())

    def _schedule(self, request: Request, _: Account) -> Json:
        for row in self.answers.periods_schedules():
            if row["id"] == request.path_params["number"]:
                return row
        raise Refusal(404, "Расписание периодов не найдено")

    def _forms(self, request: Request, _: Account) -> list[Json]:
        """Sending `education_level_id` empties the list (B10.9)."""
        self._of_school(request)
        return [] if "education_level_id" in request.query_params else list(self.answers.control_forms())

    def _schedule_items(self, request: Request, account: Account) -> list[Json]:
        since, until = _day(request, "from"), _day(request, "to")
        if since is None or until is None:
            raise Refusal(400, "Не указан период")
        return self._of_year(request, self.answers.schedule_items(self._journals(request, account), since, until))

    def _homeworks(self, request: Request, _: Account) -> list[Json]:
        return list(self.answers.homeworks(sorted(_ids(request, "ids") or set())))

    def _marks(self, request: Request, account: Account) -> list[Json]:
        since, until = _day(request, "created_at_from"), _day(request, "created_at_to")
        groups = self._journals(request, account)
        return list(self.answers.marks(groups, since, until, with_text=_asks(request, "with_non_numeric_entries")))

    def _attendances(self, request: Request, account: Account) -> list[Json]:
        since, until = _day(request, "start_at"), _day(request, "stop_at")
        if since is None or until is None:
            raise Refusal(400, "Не указан период")
        return self._of_year(request, self.answers.attendances(self._journals(request, account), since, until))

    def _plans(self, request: Request, account: Account) -> list[Json]:
        return self._of_year(request, self.answers.calendar_plans(self._journals(request, account, "group_id")))

    def _school_info(self, request: Request, _: Account) -> Json:
        self._of_school(request)
        return {"id": self.school, "name": self._place.name, "type": "school", "principal": None, "teachers": []}

    # -- the export of journals ----------------------------------------------------------------------------------

    async def _export(self, request: Request) -> Response:
        """A POST that reads: begins to make a workbook (B4.7)."""
        self._staff(request)
        number = str(next(self._numbers))
        self._exports[number] = {"asked": 0, "groups": (await request.json()).get("group_ids", [])}
        return JSONResponse({"status_id": number})

    def _export_status(self, request: Request, _: Account) -> Json:
        number = request.path_params["number"]
        export = self._exports.get(number)
        if export is None:
            raise Refusal(404, "Выгрузка не найдена")
        export["asked"] += 1
        return {"status": "done", "uuid": f"export-{number}"} if export["asked"] > 1 else {"status": "pending"}

    def _export_download(self, request: Request, _: Account) -> Response:
        export = self._exports.get(request.path_params["uuid"].removeprefix("export-"))
        if export is None:
            raise Refusal(404, "Выгрузка не найдена")
        courses = self.answers.courses(export["groups"])
        return Response(_workbook([facts.group_name(self._place, c) for c in courses]), media_type=_XLSX)

    # -- serving -------------------------------------------------------------------------------------------------

    def _routes(self) -> list[Route]:
        core, plan = "/api/ej/core/teacher/v1", "/api/ej/plan/teacher/v1"
        export = "/api/ej/report/teacher/v1/journals/export"
        lists: dict[str, Callable[[Request, Account], list[Json]]] = {
            f"{core}/academic_years": self._academic_years,
            "/core/api/academic_years": self._academic_years,
            f"{core}/teacher_profiles": self._teachers,
            f"{core}/class_units": self._class_units,
            f"{core}/student_profiles": self._pupils,
            "/core/api/student_profiles": self._pupils,
            f"{core}/attestation_periods_schedules": self._schedules,
            f"{core}/control_forms": self._forms,
            f"{core}/homeworks": self._homeworks,
            f"{core}/marks": self._marks,
            "/core/api/marks": self._marks,
            f"{core}/attendances": self._attendances,
            f"{plan}/schedule_items": self._schedule_items,
            "/jersey/api/schedule_items": self._schedule_items,
        }
        whole: dict[str, Callable[[Request, Account], Any]] = {
            f"{core}/teacher_profiles/{{number:int}}": self._teacher,
            f"{core}/attestation_periods_schedules/{{number:int}}": self._schedule,
            f"{plan}/calendar_plans": self._plans,
            "/api/family/mobile/v1/school_info": self._school_info,
            f"{export}/status/{{number}}": self._export_status,
            f"{export}/download/{{uuid}}": self._export_download,
        }
        routes = [self._route(path, self._paged(give)) for path, give in lists.items()]
        routes += [self._route(path, self._given(give)) for path, give in whole.items()]
        routes += [
            self._route(p, self._paged(self._groups, "groups")) for p in (f"{plan}/groups", "/jersey/api/groups")
        ]
        routes += [
            self._route("/api/ej/acl/v1/mod-acl/users/profile_info", self._profile_info),
            self._route("/acl/api/users/profile_info", self._profile_info),
            self._route("/v3/auth/kauth/callback", self._callback),
            self._route("/v2/token/refresh", self._refresh),
            self._route("/lms/api/sessions", self._log_in, "POST"),
            self._route(export, self._export, "POST"),
        ]
        return routes

    def _route(self, path: str, answer: Callable[[Request], Any], method: str = "GET") -> Route:
        """A path that knows one method: Starlette answers 405 to all others."""

        async def serve(request: Request) -> Response:
            try:
                made = answer(request)
                response: Response = made if isinstance(made, Response) else await made
            except Refusal as refusal:
                return self._error(refusal)
            return response

        return Route(path, serve, methods=[method])

    def _paged(
        self, give: Callable[[Request, Account], list[Json]], wrapper: str | None = None
    ) -> Callable[[Request], Response]:
        """One page of a list, without a total; bare, or in a wrapper."""

        def answer(request: Request) -> Response:
            rows = give(request, self._staff(request))
            page, size = _number(request, "page", 1), _number(request, "per_page", _DEFAULT_PER_PAGE)
            size = min(size, self._most_rows)
            some = rows[(page - 1) * size : page * size]
            return JSONResponse({wrapper: some} if wrapper else some)

        return answer

    def _given(self, give: Callable[[Request, Account], Any]) -> Callable[[Request], Response]:
        def answer(request: Request) -> Response:
            made = give(request, self._staff(request))
            return made if isinstance(made, Response) else JSONResponse(made)

        return answer

    def _error(self, refusal: Refusal) -> Response:
        if self._ended == "text" and refusal.shown == 200:
            return PlainTextResponse(refusal.message)
        if self._errors == "older" or refusal.shown == 200:
            return JSONResponse({"code": refusal.status, "message": refusal.message}, refusal.shown)
        return JSONResponse({"type": "Error", "description": refusal.message, "details": None}, refusal.shown)


def _ids(request: Request, name: str) -> set[int] | None:
    """A comma-joined list of ids; null if it was not sent."""
    text = request.query_params.get(name)
    if text is None:
        return None
    parts = text.split(",")
    if len(parts) > _MOST_IDS or not all(p.isdigit() for p in parts):
        raise Refusal(400, f"Неверный параметр {name}")
    return {int(p) for p in parts}


def _asks(request: Request, name: str) -> bool:
    return request.query_params.get(name, "").lower() == "true"


def _number(request: Request, name: str, default: int) -> int:
    text = request.query_params.get(name, str(default))
    if not text.isdigit() or not 1 <= int(text) <= 4000:
        raise Refusal(400, f"Неверный параметр {name}")
    return int(text)


def _day(request: Request, name: str) -> date | None:
    """A day as `DD.MM.YYYY` or, for the timetable, `YYYY-MM-DD`."""
    text = request.query_params.get(name)
    if text is None:
        return None
    dotted = re.fullmatch(r"(\d\d)\.(\d\d)\.(\d{4})", text)
    try:
        if name in {"from", "to"} and not dotted:
            return date.fromisoformat(text)
        if dotted:
            return date(int(dotted[3]), int(dotted[2]), int(dotted[1]))
    except ValueError:
        pass  # the refusal below says what is wrong
    raise Refusal(400, f"Неверный параметр {name}")


def _workbook(names: Collection[str]) -> bytes:
    """A workbook with a sheet for each journal. Its layout is not public (B9): the sheets bear their names only."""
    body = io.BytesIO()
    book = xlsxwriter.Workbook(body, {"in_memory": True})
    for number, name in enumerate(names, 1):
        book.add_worksheet(f"{number}").write(0, 0, name)
    book.close()
    return body.getvalue()
