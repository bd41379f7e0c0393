"""A stand-in of the school module: signs in and out as the portal does, and serves one school of the region.

Portal facts B and C2: one-shot salts, cookies, the token in `at`, the security warning, the choice of a role, reports by way
of the queue and its hub, whose files can be fetched once.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route, WebSocketRoute

from connectors.asurso.school.standin_answers import Answers
from connectors.asurso.school.standin_door import Door
from connectors.asurso.school.standin_hubs import Hubs
from connectors.asurso.school.standin_portal import (
    LOGIN,
    PASSWORD,
    STUDENT_LOGIN,
    STUDENT_PASSWORD,
    WARNING,
    Portal,
    SignedIn,
    refusal,
)
from connectors.asurso.school.standin_view import View
from connectors.asurso.school.truth import truth
from connectors.asurso.standin_frame import answered, served
from connectors.standins.region import Institution, Person
from connectors.standins.server import StandIn

Answer = Callable[[Request, SignedIn], Any]


@dataclass
class Service:
    """The portal's addresses."""

    portal: Portal

    def app(self) -> Starlette:
        """The application: what it does not know, and every write, it refuses."""
        get, staff, open_ = self._get, self._staff, self._anonymous
        door, reports = Door(self.portal), Hubs(self.portal)
        routes = [
            Route("/webapi/logindata", open_(door.login_data)),
            Route("/webapi/schools/search", open_(door.search)),
            Route("/webapi/prepareloginform", open_(door.town_form)),
            Route("/webapi/loginform", open_(door.town_schools)),
            Route("/webapi/auth/getdata", open_(door.get_data), methods=["POST"]),
            Route("/webapi/login", open_(door.log_in), methods=["POST"]),
            Route("/webapi/auth/login", open_(door.log_in), methods=["POST"]),
            Route("/webapi/auth/logout", open_(door.log_out), methods=["POST"]),
            Route("/asp/logout.asp", open_(door.log_out), methods=["POST"]),
            Route("/asp/SecurityWarning.asp", open_(door.heed), methods=["POST"]),
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
            get("/webapi/reports", lambda _, __: self.portal.report_pages.catalogue()),
            get("/webapi/reports/{report}", self._form),
            get("/webapi/reports/{report}/queue", reports.queue, method="POST"),
            get("/webapi/v2/reports/{report}/queue", reports.queue, method="POST"),
            get("/webapi/files/{name}", reports.file),
        ]
        hubs: list[Any] = []
        if self.portal.release >= (5, 32):
            hubs = [WebSocketRoute("/webapi/signalr/queueHub", reports.modern)]
        elif self.portal.release >= (5, 29):
            hubs = [WebSocketRoute("/webapi/queueHub", reports.modern)]
        else:
            hubs = [
                get(
                    "/webapi/signalr/negotiate",
                    lambda _, __: {"ConnectionToken": secrets.token_hex(8), "Url": "/signalr"},
                ),
                get("/webapi/signalr/start", lambda _, __: {"Response": "started"}),
                get("/webapi/signalr/abort", lambda _, __: None, method="POST"),
                WebSocketRoute("/webapi/signalr/connect", reports.classic),
            ]
        everything = ["GET", "POST", "PUT", "DELETE", "PATCH"]
        return Starlette(routes=[*routes, *hubs, Route("/{path:path}", open_(self._unknown), methods=everything)])

    # -- the frame of every answer -----------------------------------------------------------------------------------------

    def _anonymous(self, answer: Callable[[Request], Any]) -> Callable[[Request], Awaitable[Response]]:
        return served(self.portal, answer)

    def _get(self, path: str, answer: Answer, *, method: str = "GET") -> Route:
        async def serve(request: Request) -> Response:
            who = self.portal.who(request)
            if who is None:
                return self.portal.lost()
            if who.warned:
                return HTMLResponse(WARNING)
            if who.person is None and any(path.startswith(d) for d in self.portal.denied):
                return refusal(403, "Недостаточно прав")
            said = await answered(lambda: answer(request, who), refusal, "Не найдено")
            return said if isinstance(said, Response) else JSONResponse(said)

        return Route(path, self._anonymous(serve), methods=[method])

    def _unknown(self, request: Request) -> Response:
        if self.portal.who(request) is None:
            return self.portal.lost()
        return refusal(404 if request.method == "GET" else 403, "Не найдено")

    # -- what may be seen --------------------------------------------------------------------------------------------------

    def _staff(self, answer: Callable[[Answers, Request], Any]) -> Answer:
        def serve(request: Request, who: SignedIn) -> Any:
            if who.person is not None:
                raise PermissionError
            return answer(self.portal.answers, request)

        return serve

    def _pupils(self, who: SignedIn) -> list[Person]:
        return [who.person] if who.person else self.portal.view.pupils()[:1]

    def _context(self, request: Request, who: SignedIn) -> Any:
        roles = ["Student"] if who.person else ["Headmaster"]
        return self.portal.answers.context(
            request.headers["at"], self.portal.user(who.person), roles, self.portal.version
        )

    def _own_students(self, _: Request, who: SignedIn) -> Any:
        return [
            {"id": self.portal.view.person(p.id, student=True), "name": f"{p.family} {p.given}"}
            for p in self._pupils(who)
        ]

    def _diary(self, request: Request, who: SignedIn) -> Any:
        given = request.query_params
        student = self.portal.student_of(given["studentId"], who)
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
        self.portal.student_of(request.query_params["studentId"], who)
        return self.portal.answers.card(request.path_params["number"])

    def _subject_groups(self, request: Request, who: SignedIn) -> Any:
        given = request.query_params
        student = given.get("studentId") or None
        if who.person is not None:
            student = student or str(self.portal.view.person(who.person.id, student=True))
        return self.portal.answers.subject_groups(given, self.portal.student_of(student, who) if student else None)

    async def _find_terms(self, request: Request, _: SignedIn) -> Any:
        return self.portal.answers.find_terms(await request.json())

    def _form(self, request: Request, who: SignedIn) -> Any:
        return self.portal.report_pages.form(request.path_params["report"].casefold(), self._pupils(who)[0].id)


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
