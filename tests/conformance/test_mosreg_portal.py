"""The old School Portal: what it has of its own beside Dnevnik.ru, whose module it is read by (portal facts, A)."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import date, datetime
from zoneinfo import ZoneInfo

import httpx
import pytest

from canonical.years import AcademicYear
from connectors.conformance.harness import Collected, make_context, read_all
from connectors.contract import Window
from connectors.mosreg.portal.standin import make
from connectors.partner_api.brand import OLD_MOSREG
from connectors.partner_api.standin import make_standin
from connectors.partner_api.standin.objects import GROUP
from connectors.standins.region import Institution, make_institution
from connectors.standins.server import Door, StandIn, serving
from svod.cli.frame import Frame
from svod.cli.stand import make_standin as stand

NOW = datetime(2023, 4, 20, 18, tzinfo=ZoneInfo("Europe/Moscow"))
WEEK = Window(AcademicYear(2022), date(2022, 9, 5), date(2022, 9, 9), explicit=True)


def school() -> Institution:
    return make_institution("old", "school", students=12, now=NOW)


def read(standin: StandIn, auth: str) -> tuple[Collected, Door]:
    door = Door(standin.app)
    with serving(door) as base:
        return asyncio.run(read_all(make_context(standin, base, product="portal", auth=auth), WEEK)), door


@pytest.mark.parametrize(("by_form", "grants"), [(True, 1), (False, 2)])
def test_tokens_are_asked_for_by_form_and_else_as_json(*, by_form: bool, grants: int) -> None:
    standin = make_standin(school(), portal="mosreg", brand=replace(OLD_MOSREG, by_form=by_form))
    got, door = read(standin, "oauth")
    assert not got.failed
    assert got.records["lessons"]
    assert sum(path.endswith("/authorizations") for path in door.visits.paths) == grants


def test_days_without_zeros_and_a_form_that_has_had_enough() -> None:
    standin = make(school())
    token = {"Access-Token": standin.auth["token"]["token"], "Accept": "application/json"}
    with serving(standin.app) as base, httpx.Client(base_url=base) as browser:
        group = GROUP + standin.institution.classes()[0].id
        address = f"/v2/edu-groups/{group}/lessons/{{}}/{{}}"
        plain = browser.get(address.format("2022-09-05", "2022-09-09"), headers=token).json()
        assert plain
        assert browser.get(address.format("2022-9-5T0:0:0", "2022-9-9T0:0:0"), headers=token).json() == plain
        pages = [browser.post("/login/", data={"login": "staff", "password": "-"}).text for _ in range(3)]
        assert all("Ошибка в логине или пароле" in page for page in pages)
        assert ["exceededAttempts" in page and "Captcha.Id" in page for page in pages] == [False, False, True]


def test_the_stand_in_stands_on_the_last_day_of_the_portal() -> None:
    today = Frame(now=datetime(2026, 11, 20, 18, tzinfo=ZoneInfo("Europe/Moscow")))
    assert stand("mosreg/portal", today, students=12, seed=1).institution.now.date() == date(2023, 8, 31)
    assert stand("mosreg/portal", Frame(now=NOW), students=12, seed=1).institution.now == NOW
