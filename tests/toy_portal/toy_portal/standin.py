"""A local server that speaks as the toy portal does, and what an import of it must give."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from datetime import date
from itertools import count
from typing import Any, Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from canonical import entities
from canonical.entities import Record
from connectors.standins.region import Institution, Lesson
from connectors.standins.server import StandIn

_PAGE: Final = 40
_LOGIN, _PASSWORD = "head", "toy-password-1"
_GROUPS: Final = {"class": "class", "study_group": "class", "subgroup": "part", "metagroup": "mixed"}


def make(institution: Institution) -> StandIn:
    """A toy portal that holds one institution."""
    portal = Portal(institution)
    return StandIn(
        portal="toy",
        institution=institution,
        app=portal.app,
        remote_id=str(institution.id),
        auth={"password": {"login": _LOGIN, "password": _PASSWORD}},
        student={"login": "pupil", "password": "toy-password-2"},
        truth=lambda: truth(institution),
        expire=portal.tokens.clear,
    )


class Portal:
    """Who is signed in, and what is answered; everything is computed when it is asked for, so that edits show."""

    def __init__(self, institution: Institution) -> None:
        self.place = institution
        self.tokens: set[str] = set()
        self._numbers = count(1)
        self.app = Starlette(
            routes=[
                Route("/session", self.sign_in, methods=["POST"]),
                Route("/api/school", self.answering(lambda _: {"id": institution.id, "name": institution.name})),
                Route("/api/people", self.answering(self.people)),
                Route("/api/groups", self.answering(self.groups)),
                Route("/api/subjects", self.answering(self.subjects)),
                Route("/api/courses", self.answering(self.courses)),
                Route("/api/lessons", self.answering(self.lessons)),
            ]
        )

    async def sign_in(self, request: Request) -> Response:
        said = await request.json()
        if (said.get("login"), said.get("password")) != (_LOGIN, _PASSWORD):
            return JSONResponse({"error": "wrong login or password"}, 403)
        token = hashlib.sha256(f"toy {next(self._numbers)}".encode()).hexdigest()
        self.tokens.add(token)
        return JSONResponse({"token": token})

    def answering(self, answer: Callable[[Request], Any]) -> Callable[[Request], Any]:
        async def endpoint(request: Request) -> Response:
            if request.headers.get("x-token") not in self.tokens:
                return JSONResponse({"error": "sign in"}, 401)
            body = answer(request)
            if isinstance(body, list):
                page = int(request.query_params.get("page", 1))
                body = {"items": body[(page - 1) * _PAGE : page * _PAGE], "pages": max(1, -(-len(body) // _PAGE))}
            return JSONResponse(body)

        return endpoint

    def people(self, _: Request) -> list[Any]:
        return [
            {
                "id": p.id,
                "role": "pupil" if p.role == "student" else "teacher",
                "last_name": p.family,
                "first_name": p.given,
                "middle_name": p.patronymic,
            }
            for p in self.place.people.values()
        ]

    def groups(self, _: Request) -> list[Any]:
        return [
            {
                "id": g.id,
                "name": g.name,
                "type": _GROUPS[g.kind],
                "level": g.level,
                "parent": g.parent,
                "members": [{"person": m.person, "since": _day(m.start), "until": _day(m.end)} for m in g.members],
            }
            for g in self.place.groups.values()
        ]

    def subjects(self, _: Request) -> list[Any]:
        return [{"id": s.id, "name": s.name} for s in self.place.subjects.values()]

    def courses(self, _: Request) -> list[Any]:
        return [
            {"id": c.id, "group": c.group, "subject": c.subject, "teachers": [str(t) for t in c.teachers]}
            for c in self.place.courses.values()
        ]

    def lessons(self, request: Request) -> list[Any]:
        since, until = (date.fromisoformat(request.query_params[name]) for name in ("since", "until"))
        return [self.lesson(x) for x in self.place.lessons_of(self.place.courses, since, until)]

    def lesson(self, x: Lesson) -> dict[str, Any]:
        place = self.place
        return {
            "id": x.id,
            "course": x.course,
            "date": x.date.isoformat(),
            "number": x.number,
            "begins": x.starts.replace(tzinfo=None).isoformat(),
            "state": "off" if x.cancelled else "done" if x.recorded_at else "plan",
            "topic": x.topic,
            "homework": x.homework,
            "works": [
                {
                    "id": w.id,
                    "type": w.kind,
                    "title": w.title,
                    "weight": w.weight,
                    "marks": [
                        {"id": m.id, "pupil": m.student, "text": m.text, "type": m.type, "at": m.at.isoformat()}
                        for m in place.marks_of(w.id)
                    ],
                }
                for w in place.works_of(x.id)
            ],
            "absences": [
                {"pupil": a.student, "reason": "none" if a.status == "absent" else a.status}
                for a in place.absences_of(x.id)
            ],
        }


def _day(day: date | None) -> str | None:
    return day.isoformat() if day else None


# -- the truth: written from the institution, not from the answers ---------------------------------------------------

_CONTROLS: Final = {"answer": "oral", "control": "test"}


def truth(place: Institution) -> Iterator[Record]:
    """The canonical records that an import must give."""
    for p in place.people.values():
        yield entities.Person(
            key=str(p.id), role=p.role, family_name=p.family, given_name=p.given, patronymic=p.patronymic
        )
    for g in place.groups.values():
        kind = "class" if g.kind == "study_group" else g.kind
        parent = str(g.parent) if g.parent else None
        yield entities.Group(
            key=str(g.id), academic_year=place.year.name, name=g.name, kind=kind, level=g.level, parent=parent
        )
        for m in g.members:
            yield entities.Enrolment(
                key=f"{g.id}:{m.person}", person=str(m.person), group=str(g.id), start=_day(m.start), end=_day(m.end)
            )
    for s in place.subjects.values():
        yield entities.Subject(key=str(s.id), name=s.name)
    for c in place.courses.values():
        teachers = tuple(map(str, c.teachers))
        yield entities.Course(key=str(c.id), group=str(c.group), subject=str(c.subject), teachers=teachers)
    for x in place.lessons.values():
        yield entities.Lesson(
            key=str(x.id), course=str(x.course), date=x.date.isoformat(), number=x.number,
            starts_at=x.starts.isoformat(), topic=x.topic, homework=x.homework,
            status="cancelled" if x.cancelled else "held" if x.recorded_at else "planned",
        )  # fmt: skip
    for w in place.works.values():
        course = str(place.lessons[w.lesson].course)
        yield entities.Work(
            key=str(w.id), lesson=str(w.lesson), course=course, control=_CONTROLS.get(w.kind, w.kind), title=w.title,
            weight=w.weight,
        )  # fmt: skip
    for mark in place.marks.values():
        grade = int(mark.text[0]) if mark.type == "grade" else None
        yield entities.Mark(
            key=str(mark.id), work=str(mark.work), student=str(mark.student), value=mark.text, grade=grade,
            meaning=mark.type, recorded_at=mark.at.isoformat(),
        )  # fmt: skip
    for a in place.absences.values():
        yield entities.Attendance(
            key=f"{a.lesson}:{a.student}", lesson=str(a.lesson), student=str(a.student), status=a.status
        )
