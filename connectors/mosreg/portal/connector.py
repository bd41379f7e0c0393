"""The connector of the old School Portal: the partner API at an address of the region's own."""

from __future__ import annotations

from connectors.contract import Connector, Context
from connectors.partner_api.brand import OLD_MOSREG
from connectors.partner_api.connector import PartnerConnector


def open_connector(context: Context) -> Connector:
    """The connector for a source that reads the old School Portal."""
    return PartnerConnector(context, OLD_MOSREG)
