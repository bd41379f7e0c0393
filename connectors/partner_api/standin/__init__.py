"""A stand-in portal that speaks the partner API, for tests and demonstrations (portal facts, section 13)."""

from __future__ import annotations

from functools import partial

from connectors.partner_api.brand import Brand
from connectors.partner_api.standin import journal, school
from connectors.partner_api.standin.app import make_app
from connectors.partner_api.standin.desk import Desk
from connectors.partner_api.standin.objects import SCHOOL, Objects
from connectors.partner_api.standin.tokens import TokenOffice
from connectors.partner_api.standin.truth import truth
from connectors.standins.region import Institution
from connectors.standins.server import StandIn

__all__ = ["journal", "make_standin", "school"]


def make_standin(
    institution: Institution,
    *,
    portal: str,
    brand: Brand,
    official_codes: bool = False,
    errors_with_200: bool = False,
    lists_year: bool = False,
    most_days: int = 31,
    calls_a_token: int | None = None,
) -> StandIn:
    """A portal of one of the platform's brands that holds one institution.

    `official_codes` gives errors by their long names; `errors_with_200` with that status; `lists_year` puts the year
    among the reporting periods; longer ranges than `most_days` are refused; a token that was granted ends after
    `calls_a_token` calls.
    """
    objects = Objects(institution, lists_year=lists_year)
    staff = next(p for p in institution.staff if not p.dismissed)
    pupil = next(g for g in institution.classes()).on(institution.now.date())[0]
    office = TokenOffice(brand, institution.people[staff.id], institution.people[pupil], calls_a_token)
    desk = Desk(institution, objects, most_days=most_days)
    app = make_app(desk, office, official_codes=official_codes, errors_with_200=errors_with_200)
    return StandIn(
        portal=portal,
        institution=institution,
        app=app,
        remote_id=str(SCHOOL + institution.id),
        auth={
            "token": {"token": office.given},
            "oauth": {**office.client, "refresh_token": office.refresh},
            "password": {**office.client, "username": office.login, "password": office.password},
        },
        student={"login": "pupil", "token": office.of_pupil},
        truth=partial(truth, institution, lists_year=lists_year),
        expire=office.revoke_all,
    )
