"""A password that stands in an address is noticed, and never shown."""

from __future__ import annotations

import pytest

from canonical.store.engine import address, shown
from svod.settings import QueueSettings, Settings, StoreSettings


@pytest.mark.parametrize(
    ("store", "queue", "keys"),
    [
        ("sqlite:///svod.db", "", []),
        ("postgresql://svod@db/svod", "redis://queue@redis:6379/1", []),
        ("postgresql://svod:Krokodil@db/svod", "redis://:Krokodil@redis:6379/1", ["store.url", "queue.url"]),
        (
            "postgresql://svod@db/svod?password=Krokodil",
            "redis://redis/1?password=Krokodil",
            ["store.url", "queue.url"],
        ),
    ],
)
def test_a_password_in_an_address(store: str, queue: str, keys: list[str]) -> None:
    told = Settings(store=StoreSettings(url=store), queue=QueueSettings(url=queue)).passwords_in_addresses()
    assert [line.partition(" ")[0] for line in told] == keys
    assert "Krokodil" not in " ".join([*told, shown(address(store))])
