"""Signing in with a staff account, choosing the institution, and signing out (portal facts A1, A2).

One session per account, given back when the work is done: the portal lets an account have only a few at once, and a
forgotten one can lock its human user out.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from connectors.asurso.accounts import AccountManner, said_by
from connectors.asurso.values import inside
from connectors.contract import Context
from connectors.errors import (
    ConnectorError,
    SignInNeededError,
    SourceConfigError,
    UnavailableError,
    UnexpectedAnswerError,
)
from connectors.http import Answer, Session, common_fault
from connectors.wire import plain_key

SECURITY: Final = "/services/security"


@dataclass(frozen=True, slots=True)
class OwnStudent:
    """A pupil that a student's or parent's account may see; the names are family, given and middle name."""

    id: str
    group: str | None
    group_name: str | None
    names: tuple[str | None, str | None, str | None]


@dataclass(frozen=True, slots=True)
class Tenant:
    """An institution that the account belongs to. `permissions` is null where the account is none of its staff.

    `students` are those whose account, or whose parents' account, it is.
    """

    key: str
    name: str
    permissions: frozenset[int] | None
    students: tuple[OwnStudent, ...] = ()


@dataclass(frozen=True, slots=True)
class Account:
    """What the portal says of an account. Nothing else of its answer is kept: it holds the institution's secrets."""

    tenants: Mapping[str, Tenant]
    current: str | None

    def tenant(self, key: str | None) -> Tenant | None:
        """The tenant of this key, whatever its case."""
        return next((t for k, t in self.tenants.items() if key and k.casefold() == key.casefold()), None)


def account_of(reply: Any) -> Account:
    """Reads the answer to a sign-in; what is missing in it is not held against it."""
    said = reply if isinstance(reply, Mapping) else {}
    tenants = said.get("tenants")
    current = said.get("tenantName")
    made = {str(k): _tenant(str(k), v) for k, v in tenants.items()} if isinstance(tenants, Mapping) else {}
    return Account(made, current if isinstance(current, str) else None)


def _tenant(key: str, said: Any) -> Tenant:
    organization = inside(inside(said, "settings"), "organization")
    names = (inside(organization, name) for name in ("shortName", "name"))
    role = inside(said, "employeeRole")
    codes = inside(role, "permissions")
    permissions = frozenset(c for c in codes if isinstance(c, int)) if isinstance(codes, list) else frozenset()
    return Tenant(
        key,
        next((n for n in names if isinstance(n, str) and n.strip()), key),
        permissions if isinstance(role, Mapping) else None,
        tuple(_own_students(said)),
    )


def _own_students(said: Any) -> Iterator[OwnStudent]:
    """The pupils of a student's or a parent's role, each once."""
    seen: set[str] = set()
    for role in ("studentRole", "parentRole"):
        listed = inside(inside(said, role), "students")
        for item in listed if isinstance(listed, list) else ():
            number = plain_key(item, "id")
            if number and number not in seen:
                seen.add(number)
                given = (item.get(name) for name in ("lastName", "firstName", "middleName"))
                family, first, middle = (n if isinstance(n, str) else None for n in given)
                title = item.get("groupName")
                yield OwnStudent(
                    number,
                    plain_key(item, "groupId"),
                    title if isinstance(title, str) else None,
                    (family, first, middle),
                )


class StaffManner(AccountManner):
    """The portal's way with HTTP: cookies, its own page's headers, a password that travels hashed.

    `choosing` is switched off where only the list of institutions is wanted. `tenant` is the one that is read.
    """

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._signed_in = False
        self.choosing = True
        self.account = Account({}, None)
        self.tenant: Tenant | None = None

    def headers(self) -> Mapping[str, str]:
        return {"X-Requested-With": "XMLHttpRequest", "Referer": f"{self._base}/", "Origin": self._base}

    def fault(self, answer: Answer) -> ConnectorError | None:
        """What is wrong with an answer: by its status, or a refusal of the portal in the place of data."""
        fault = common_fault(answer)
        if fault is None and answer.body.lstrip()[:20].startswith(b'{"responseStatus"'):
            return UnexpectedAnswerError(f"{answer.origin.request}: a refusal came in the place of data")
        return fault

    async def sign_in(self, session: Session, *, expired: bool) -> None:
        """Signs in and switches to the institution. One that has expired is given back first, should it still count.

        Raises:
            SignInNeededError: the portal refuses the login or the password.
            SourceConfigError: the account cannot sign in by password, or does not belong to the institution.

        """
        if self._signed_in and not expired:
            return
        if expired:
            await self._leave(session)
        await self._wait_for_account()
        await self._refuse_esia_only(session)
        self.account = await self._log_in(session)
        self._signed_in = True
        if self.choosing:
            await self._choose(session)

    # -- the steps of a sign-in --------------------------------------------------------------------------------------

    async def _leave(self, session: Session) -> None:
        if self._signed_in:
            await session.private("DELETE", f"{SECURITY}/logout", headers=self.headers())
            self._signed_in = False

    async def _refuse_esia_only(self, session: Session) -> None:
        answer = await session.private("GET", f"{SECURITY}/esia-settings", headers=self.headers())
        if answer.status == 200 and inside(said_by(answer), "esiaOnly") is True:
            raise SourceConfigError(
                f"{self._source}: this installation lets people in through Госуслуги only (esiaOnly); "
                "a program cannot sign in there, so it cannot be read"
            )

    async def _log_in(self, session: Session) -> Account:
        auth = self._auth
        hashed = base64.b64encode(hashlib.sha256(auth.password.reveal().encode()).digest()).decode()
        body = {"login": auth.login, "password": hashed, "isRemember": False}
        answer = await session.private("POST", f"{SECURITY}/login", json=body, headers=self.headers())
        if answer.status == 409:
            raise UnavailableError(
                f"{self._source}: the portal refuses one more session of the account (409); "
                "they end when people sign out, or after 30 minutes without use"
            )
        if answer.status == 400:
            raise SourceConfigError(f"{self._source}: the portal takes this for no login (400); see auth.login")
        if answer.status >= 300:
            raise SignInNeededError(
                f"{self._source}: the portal refuses the login or the password ({answer.status}); "
                "check auth, or ask the administrator of the institution whether the account is blocked"
            )
        account = account_of(said_by(answer))
        if not account.tenants:  # some builds answer with an empty body
            account = account_of(await self._ask_tenants(session))
        return account

    async def _ask_tenants(self, session: Session) -> Any:
        answer = await session.private("GET", f"{SECURITY}/get-tenants", headers=self.headers())
        return said_by(answer) if answer.status == 200 else None

    async def _choose(self, session: Session) -> None:
        account, wanted = self.account, self._context.config.remote_id
        if wanted is None and len(account.tenants) > 1:
            raise SourceConfigError(
                f"{self._source}: remote_id is missing; the account belongs to {', '.join(sorted(account.tenants))}"
            )
        tenant = account.tenant(wanted) if wanted else next(iter(account.tenants.values()), None)
        if wanted and account.tenants and tenant is None:
            raise SourceConfigError(
                f"{self._source}: remote_id {wanted!r} is not among the institutions of the account: "
                f"{', '.join(sorted(account.tenants))}"
            )
        key = tenant.key if tenant else wanted
        here = account.current or (tenant.key if tenant and len(account.tenants) == 1 else "")
        if key and here.casefold() != key.casefold():
            answer = await session.private(
                "PUT", f"{SECURITY}/switch-tenant", json={"name": key}, headers=self.headers()
            )
            if answer.status >= 300:
                raise SourceConfigError(f"{self._source}: the portal does not switch to {key} ({answer.status})")
        self.tenant = tenant
