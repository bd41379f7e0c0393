"""Talks to the toy portal: signing in, and one method a question."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from connectors.contract import Context, PasswordAuth
from connectors.errors import ConnectorError, SignInNeededError, UnexpectedAnswerError
from connectors.http import Answer, Session, common_fault
from connectors.wire import as_list


class ToyManner:
    """A token for a login and a password, sent as `X-Token`; the portal says 401 when it has ended."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._token = ""

    def headers(self) -> Mapping[str, str]:
        return {"X-Token": self._token}

    def fault(self, answer: Answer) -> ConnectorError | None:
        return common_fault(answer)

    async def sign_in(self, session: Session, *, expired: bool) -> None:
        """Takes the kept token, or gets a new one where there is none or it is refused."""
        context = self._context
        kept = context.vault.load(context.source)
        if kept and not expired:
            self._token = kept["token"]
            return
        auth = context.config.auth
        assert isinstance(auth, PasswordAuth)  # the manifest allows nothing else
        answer = await session.private(
            "POST", "/session", json={"login": auth.login, "password": auth.password.reveal()}
        )
        if answer.status in {401, 403}:
            raise SignInNeededError(
                f"source {context.source}: the portal refuses the login or the password; set them anew"
            )
        said = answer.json()
        if answer.status != 200 or not isinstance(said, dict) or not isinstance(said.get("token"), str):
            raise UnexpectedAnswerError(f"POST /session: no token came ({answer.status})")
        self._token = said["token"]
        context.vault.save(context.source, {"token": self._token})


class ToyClient:
    """The portal's questions. Every method raises `ConnectorError`s as `Session.get` does."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def school(self) -> Answer:
        return await self._session.get("/api/school")

    async def listed(self, name: str, **params: str) -> list[Answer]:
        """All pages of a list; `pages` says how many there are."""
        answers: list[Answer] = []
        while True:
            answer = await self._session.get(f"/api/{name}", {**params, "page": len(answers) + 1})
            answers.append(answer)
            body = answer.json()
            if not isinstance(body, dict) or not isinstance(body.get("pages"), int):
                raise UnexpectedAnswerError(f"{answer.origin.request}: pages: a number was expected")
            if len(answers) >= body["pages"]:
                return answers

    async def lessons(self, since: date, until: date) -> list[Answer]:
        """Lessons of these days, both inclusive, with their works, marks and absences."""
        return await self.listed("lessons", since=since.isoformat(), until=until.isoformat())


def items(answer: Answer) -> list[Any]:
    """The items of one page."""
    return as_list(answer.json(), "items", where=answer.origin.request)
