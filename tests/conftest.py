from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from redis import Redis
from sqlalchemy import create_engine, make_url, text

sys.path.insert(0, str(Path(__file__).parent.parent))

from canonical.store import Store
from tests.servers import postgres, redis

# What is compiled is kept, whatever the environment says: the workers and the many processes that tests start would
# compile all of it anew, which takes each of them longer than what it is started for.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

_numbers = count(1)


def pytest_xdist_auto_num_workers() -> int:
    """One more than there are cores: about a third of the time tests wait, for a server or for a limit."""
    return len(os.sched_getaffinity(0)) + 1


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    with postgres() as url:
        yield url


@pytest.fixture(scope="session")
def redis_server() -> Iterator[str]:
    with redis() as url:
        yield url


@pytest.fixture
def redis_url(redis_server: str) -> Iterator[str]:
    """An empty database of Redis, of its own for each process of the tests."""
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 15 + 1
    url = urlsplit(redis_server)._replace(path=f"/{number}").geturl()
    client = Redis.from_url(url)
    client.flushdb()
    yield url
    client.flushdb()
    client.close()


@pytest.fixture(scope="session")
def made_database(postgres_server: str) -> Iterator[str]:
    """A database with the tables of a new store, to be copied: PostgreSQL takes half a second to make them."""
    name = f"svod_made_{os.environ.get('PYTEST_XDIST_WORKER', '')}"
    admin = create_engine(postgres_server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE template0"))
    Store(make_url(postgres_server).set(database=name).render_as_string(hide_password=False)).close()
    yield name
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()


@pytest.fixture
def make_database(postgres_server: str) -> Iterator[Callable[..., str]]:
    """Makes databases, each of its own, empty ones or copies of another; they are gone afterwards."""
    admin = create_engine(postgres_server, isolation_level="AUTOCOMMIT")
    made: list[str] = []

    def make(template: str = "template0") -> str:
        name = f"svod_test_{os.environ.get('PYTEST_XDIST_WORKER', '')}_{next(_numbers)}"
        made.append(name)
        with admin.connect() as connection:
            connection.execute(text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
            connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {template}"))
        return make_url(postgres_server).set(database=name).render_as_string(hide_password=False)

    yield make
    with admin.connect() as connection:
        for name in made:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()


@pytest.fixture
def postgres_url(make_database: Callable[..., str], made_database: str) -> str:
    """An empty store of its own."""
    return make_database(made_database)


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty store of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'svod.db'}"
    url: str = request.getfixturevalue("postgres_url")
    return url


@pytest.fixture(params=["sqlite", "postgresql"])
def bare_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database of each kind that has no tables yet."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'bare.db'}"
    url: str = request.getfixturevalue("make_database")()
    return url
