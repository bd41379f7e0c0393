"""The connector of «Моя школа»: what is asked in which order, and which unit it belongs to."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Final

from canonical.batch import Batch
from connectors.asking import attempt, together
from connectors.captures import captured
from connectors.contract import (
    CheckLine,
    Connector,
    Context,
    Reading,
    RemoteInstitution,
    Unit,
    Window,
    digest_of,
    ready,
)
from connectors.errors import AccessDeniedError, ConnectorError, NotFoundError, SourceConfigError
from connectors.mosreg.captured import CapturedSchool
from connectors.mosreg.checking import check
from connectors.mosreg.classes import ClassReader
from connectors.mosreg.client import Client, Listing, joined
from connectors.mosreg.finals import Finals
from connectors.mosreg.manner import MyschoolManner
from connectors.mosreg.periods import Calendar
from connectors.mosreg.reading import Read, read
from connectors.mosreg.roster import classes_batch, pupils_batch, staff_batch
from connectors.mosreg.school import School, SchoolAnswers, missing_pupils
from connectors.mosreg.wire import ControlForm
from connectors.mosreg.years import year_of
from connectors.wire import plain_key

_NO_CLASS: Final = "without a class"


def open_connector(context: Context) -> Connector:
    """The connector for the staff side."""
    return MyschoolConnector(context)


class MyschoolConnector:
    """Reads one school with one person's account. Made for one use, like every connector."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._manner = MyschoolManner(context)
        self._client = Client(context.open_session(self._manner), self._manner)

    @property
    def _school(self) -> str:
        school = self._context.config.remote_id
        if school is None:
            raise SourceConfigError(f"source {self._context.source}: remote_id is missing; it is the school's id")
        return school

    async def check(self) -> list[CheckLine]:
        """Whether the portal answers, the token is good, and what the account may read of the school."""
        return await check(self._context, self._client, self._school)

    async def discover(self) -> list[RemoteInstitution]:
        """The schools that the account's staff profiles belong to."""
        await self._client.academic_years()  # the first question signs in
        schools = {}
        for profile in self._manner.profiles:
            if profile.is_staff:
                school = await attempt(self._client.school_of(profile))
                if isinstance(school, str):
                    schools[school] = await attempt(self._client.school_name(school))
        return [RemoteInstitution(s, n if isinstance(n, str) else s) for s, n in sorted(schools.items())]

    async def close(self) -> None:
        """Lets go of the connections. Nobody is signed out: that would end the person's sessions everywhere (B2.7)."""
        await self._client.session.close()

    # -- reading -------------------------------------------------------------------------------------------------

    async def read(self, window: Window) -> AsyncIterator[Unit]:
        """People, classes, courses and periods first; then the journal, class by class and stretch by stretch."""
        if capture := captured(self._client.session):
            async for unit in CapturedSchool(self._context, self._client, capture, window, self._school).units():
                yield unit
            return
        name = window.year.name
        years = await self._client.academic_years()
        year = year_of(years, window.year)
        if year is None:
            yield _lost(f"{name} school", NotFoundError(f"the portal has no academic year {name}"))
            return
        self._manner.year = year
        await self._check_school()
        answers, lost = await self._ask_school(years, year, name)
        forms_unit = f"{name} control forms"
        forms = await self._forms()
        school = School(answers, name)
        for unit in (*lost, *self._school_units(school)):
            yield unit
        known: Read[ControlForm] = Read()
        if isinstance(forms, Listing):
            known = read(forms, ControlForm, entity="works")
            yield ready(forms_unit, Reading(forms.answers, partial(_problems, known)))
        else:
            yield _lost(forms_unit, forms)
        named = {form.id: form.name for form, _ in known.items}
        if isinstance(forms, Listing) and known.is_whole and window.missed(forms_unit):
            window = replace(
                window, since=window.year.start
            )  # the works of older lessons lack the names of their forms
        for bucket, groups in school.buckets().items():
            reader = ClassReader(self._client, self._context, school, named, window, bucket, groups)
            async for unit in reader.units():
                yield unit

    async def _check_school(self) -> None:
        """Holds the school of the chosen profile, where the portal tells it, against the source's."""
        profile = self._manner.profile
        school = await attempt(self._client.school_of(profile)) if profile else None
        if isinstance(school, str) and school != self._school:
            raise SourceConfigError(
                f"source {self._context.source}: remote_id is {self._school}, but the account belongs to school {school}"
            )

    async def _ask_school(self, years: Listing, year: str, name: str) -> tuple[SchoolAnswers, list[Unit]]:
        """Asks for the school as a whole. What may be missing without losing the rest is left out as a lost unit."""
        client = self._client
        classes, groups = await together([client.class_units(), client.groups(self._school)])
        ids = classes.ids()
        asked = await together(
            [
                attempt(client.teachers(self._school)),
                attempt(client.periods_schedules()),
                *(attempt(client.pupils_of_class(c)) for c in ids),
            ]
        )
        staff, schedules = asked[0], asked[1]
        pupils = {c: one for c, one in zip(ids, asked[2:], strict=True) if isinstance(one, Listing)}
        outside = missing_pupils(groups, pupils, self._school)
        others = await attempt(client.pupils(outside)) if outside else Listing()
        names = ("staff list", "list of periods", *(f"pupils {c}" for c in ids), f"pupils {_NO_CLASS}")
        lost = [
            _lost(f"{name} {what}", got)
            for what, got in zip(names, (*asked, others), strict=True)
            if isinstance(got, ConnectorError)
        ]
        answers = SchoolAnswers(
            school=self._school,
            year=year,
            years=years,
            staff=staff if isinstance(staff, Listing) else Listing(),
            classes=classes,
            groups=groups,
            schedules=await self._with_periods(schedules if isinstance(schedules, Listing) else Listing(), groups),
            pupils=pupils,
            others=others if isinstance(others, Listing) else Listing(),
            is_complete=len(pupils) == len(ids) and isinstance(others, Listing),
            has_schedules=isinstance(schedules, Listing),
        )
        return answers, lost

    async def _with_periods(self, schedules: Listing, groups: Listing) -> Listing:
        """The schedules, and those that groups refer to and the list does not hold with periods, each asked for alone."""
        told = {plain_key(s, "id") for s in schedules.items() if isinstance(s, dict) and s.get("periods") is not None}
        named = {plain_key(g, "attestation_periods_schedule_id") for g in groups.items()} - told - {None}
        asked = await together([attempt(self._client.periods_schedule(n)) for n in sorted(filter(None, named))])
        return joined([schedules, *(one for one in asked if isinstance(one, Listing))])

    async def _forms(self) -> Listing | AccessDeniedError | NotFoundError:
        """The control forms. An account that may not read them still reads works, which then have no kind."""
        try:
            return await self._client.control_forms(self._school)
        except (AccessDeniedError, NotFoundError) as error:
            return error

    def _school_units(self, school: School) -> list[Unit]:
        """What everything else points at, in the order in which it can be loaded."""
        context, answers, name = self._context, school.answers, school.academic_year
        calendar = Calendar(school)
        finals = Finals(school, calendar, context.scale)
        every_pupil: list[tuple[str | None, Listing]] = [*answers.pupils.items()]
        if answers.others.answers:
            every_pupil.append((None, answers.others))
        whole = (answers.years, answers.classes, answers.groups, answers.schedules)
        placed = f"{school.fingerprint} {digest_of([a for one in whole for a in one.answers])}"

        def unit(what: str, listings: Sequence[Listing], make: Callable[[], Batch], depends: str = "") -> Unit:
            return ready(f"{name} {what}", Reading([a for one in listings for a in one.answers], make, depends))

        units = [unit("staff", (answers.staff, answers.groups), partial(staff_batch, school))]
        for key, listing in every_pupil:
            units.append(unit(
                f"pupils {key or _NO_CLASS}", (listing,), partial(pupils_batch, school, key, context.pseudonym)
            ))  # fmt: skip
        college = context.institution.kind == "college"
        units += [
            unit(
                "classes",
                (answers.classes, answers.groups, answers.staff, *(one for _, one in every_pupil)),
                lambda: classes_batch(school, college=college, made_all=finals.is_whole),
                f"{placed} {college} {answers.is_complete}",
            ),
            unit("periods", whole, calendar.batch, school.fingerprint),
        ]
        for key, listing in every_pupil:
            units.append(unit(f"period marks {key or _NO_CLASS}", (listing,), partial(finals.batch, key), placed))
        return units


def _problems(forms: Read[ControlForm]) -> Batch:
    batch = Batch()
    forms.report(batch)
    return batch


def _lost(name: str, error: ConnectorError) -> Unit:
    """A unit that could not be read, so that the run tells of it."""

    async def read() -> Reading:
        raise error

    return Unit(name, read)
