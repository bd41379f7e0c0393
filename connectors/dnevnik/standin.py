"""The stand-in of Dnevnik.ru."""

from __future__ import annotations

from typing import Any

from connectors.partner_api.brand import DNEVNIK
from connectors.partner_api.standin import make_standin
from connectors.standins.region import Institution
from connectors.standins.server import StandIn


def make(institution: Institution, **options: Any) -> StandIn:
    """A Dnevnik.ru that holds one institution; `options` as of `make_standin`."""
    return make_standin(institution, portal="dnevnik", brand=DNEVNIK, **options)
