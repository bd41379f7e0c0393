"""The stand-in of the old School Portal."""

from __future__ import annotations

from typing import Any

from connectors.partner_api.brand import OLD_MOSREG
from connectors.partner_api.standin import make_standin
from connectors.standins.region import Institution
from connectors.standins.server import StandIn


def make(institution: Institution, **options: Any) -> StandIn:
    """A School Portal that holds one institution; `options` as of `make_standin`."""
    return make_standin(institution, portal="mosreg", brand=OLD_MOSREG, **options)
