"""The Dnevnik.ru connector: the partner API at its own address."""

from __future__ import annotations

from connectors.contract import Connector, Context
from connectors.partner_api.brand import DNEVNIK
from connectors.partner_api.connector import PartnerConnector


def open_connector(context: Context) -> Connector:
    """The connector for a source that reads Dnevnik.ru."""
    return PartnerConnector(context, DNEVNIK)
