"""How the school module's stand-in signs in and out: one-shot salts, cookies, the choice of a role, the security warning (portal facts B1)."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from connectors.asurso.school.standin_portal import (
    LOGIN,
    PASSWORD,
    STUDENT_LOGIN,
    STUDENT_PASSWORD,
    TOWN,
    Portal,
    SignedIn,
    hashed,
    refusal,
)
from connectors.standins.region import Person


@dataclass
class Door:
    """Who is let in, and out again."""

    portal: Portal

    def login_data(self, _: Request) -> Response:
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

    def town_form(self, _: Request) -> Response:
        """The lists of the old sign-in page; its schools are those of another town."""
        if not self.portal.old_form:
            return refusal(404, "Не найдено")
        cities = [{"id": n, "name": f"г. Примерск-{n}"} for n in (1, 2)]
        chosen = {n: int(v) for n, v in TOWN.items()} | {"cn": 1}
        return JSONResponse({**chosen, "cities": cities, "schools": [{"id": 1, "name": "Школа № 1 (стенд)"}]})

    def town_schools(self, request: Request) -> Response:
        given = dict(request.query_params)
        if not self.portal.old_form or given.pop("LASTNAME", None) != "sft":
            return refusal(404, "Не найдено")
        school = self.portal.answers.school()
        return JSONResponse({"items": [{"id": school["id"], "name": school["shortName"]}] if given == TOWN else []})

    def search(self, request: Request) -> Response:
        if self.portal.old_form:
            return refusal(404, "Не найдено")
        name = request.query_params.get("name")
        if not name and self.portal.search_by_name:
            return refusal(403, "Укажите название")
        school = self.portal.answers.school()
        texts = (school["name"], school["shortName"])
        found = [school] if not name or any(name.casefold() in t.casefold() for t in texts) else []
        return JSONResponse(found)

    def get_data(self, request: Request) -> Response:
        if "NSSESSIONID" not in request.cookies:
            return refusal(409, "Ошибка входа в систему")
        lt, salt = str(secrets.randbelow(10**9)), str(secrets.randbelow(10**9))
        self.portal.salts[lt] = salt
        return JSONResponse({"lt": lt, "ver": str(secrets.randbelow(10**9)), "salt": salt})

    async def log_in(self, request: Request) -> Response:
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
        user = self.portal.user(person)
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

    async def log_out(self, request: Request) -> Response:
        form = await request.form()
        at = request.headers.get("at") or str(form.get("at", ""))
        if at not in self.portal.sessions:
            return self.portal.lost()
        del self.portal.sessions[at]
        return JSONResponse(None)

    async def heed(self, request: Request) -> Response:
        form = await request.form()
        who = self.portal.sessions.get(str(form.get("at")))
        if who is None or form.get("WarnType") != "2":
            return self.portal.lost()
        who.warned = False
        self.portal.warnings += 1
        return HTMLResponse("<html></html>")
