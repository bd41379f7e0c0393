"""The connector of the partner API: what an account lets us read, and the way into a reading."""

from __future__ import annotations

from collections.abc import AsyncIterator

from connectors.asking import attempt
from connectors.captures import captured
from connectors.contract import CheckLine, Context, OAuth, RemoteInstitution, Unit, Window
from connectors.errors import (
    ConnectorError,
    SignInNeededError,
    SourceConfigError,
    UnavailableError,
)
from connectors.partner_api.brand import Brand
from connectors.partner_api.captured import CapturedReader, captured_account
from connectors.partner_api.checking import checked
from connectors.partner_api.client import Account, PartnerApi
from connectors.partner_api.reading import Reader
from connectors.partner_api.tokens import PartnerManner, RefreshedToken


class PartnerConnector:
    """Reads one school through the partner API."""

    def __init__(self, context: Context, brand: Brand) -> None:
        self._context = context
        self._brand = brand
        self._session = context.open_session(PartnerManner(context, brand))
        self._api = PartnerApi(self._session)

    async def check(self) -> list[CheckLine]:
        """Whether the portal answers, the sign-in is good, and what the account lets us read."""
        try:
            account = await self._api.account()
        except SignInNeededError as error:
            return [CheckLine("portal", True), CheckLine("sign-in", False, str(error))]
        except UnavailableError as error:
            return [CheckLine("portal", False, str(error))]
        roles = ", ".join(sorted(account.roles)) or "not told"
        lines = [CheckLine("portal", True), CheckLine("sign-in", True, f"roles: {roles}")]
        try:
            school = school_of(self._context, account)
        except ConnectorError as error:
            return [*lines, CheckLine("institution", False, str(error))]
        name = await attempt(self._api.school_name(school))
        if isinstance(name, ConnectorError):
            lines.append(CheckLine("institution", False, str(name)))
        else:
            lines.append(CheckLine("institution", True, f"{name or 'without a name'} ({school})"))
        return lines + await checked(self._api, account.at(school), school, self._context.today())

    async def discover(self) -> list[RemoteInstitution]:
        """The schools that the account sees."""
        account = await self._api.account()
        found = []
        for school, name in sorted(account.schools.items()):
            told = await attempt(self._api.school_name(school)) if name == school else name
            found.append(RemoteInstitution(school, told if isinstance(told, str) else school))
        return found

    async def read(self, window: Window) -> AsyncIterator[Unit]:
        """The window as units: the school first, then each group's journal, then marks of periods.

        Raises:
            AccessDeniedError: the account sees no group.
            SourceConfigError: the account does not see the configured school.

        """
        capture = captured(self._session)
        account = await (captured_account(capture, self._api.account) if capture else self._api.account())
        school = school_of(self._context, account)
        kind = CapturedReader if capture else Reader
        reader = kind(self._context, self._api, window, school, account.at(school))
        if isinstance(reader, CapturedReader) and capture:
            reader.captured = capture
        async for unit in reader.units():
            yield unit

    def sign_in_page(self) -> str | None:
        """The page on which a person lets a partner application in; null for other kinds of `auth`."""
        auth = self._context.config.auth
        return RefreshedToken(self._context, auth, self._brand).page() if isinstance(auth, OAuth) else None

    async def take_sign_in(self, pasted: str) -> None:
        """Takes the code, or the address with it, and keeps what it is good for."""
        auth = self._context.config.auth
        if isinstance(auth, OAuth):
            await RefreshedToken(self._context, auth, self._brand).begin(self._session, pasted)

    async def close(self) -> None:
        """Lets go of connections. The portal does not count sessions."""
        await self._session.close()


def school_of(context: Context, account: Account) -> str:
    """The school that is to be read.

    Raises:
        SourceConfigError: the account does not see the configured school, or there is a choice to be made.

    """
    seen = ", ".join(f"{i} ({name})" if name != i else i for i, name in sorted(account.schools.items())) or "none"
    wanted = context.config.remote_id
    if wanted is None:
        if len(account.schools) == 1:
            return next(iter(account.schools))
        raise SourceConfigError(f"source {context.source}: remote_id is missing; the account sees the schools: {seen}")
    if account.schools and wanted not in account.schools and "OrganizationStaff" not in account.roles:
        raise SourceConfigError(
            f"source {context.source}: the account does not see the school {wanted}; it sees: {seen}. "
            "Set remote_id to one of these, or use an account of that school"
        )
    return wanted
