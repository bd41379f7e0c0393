"""What can be seen from outside: metrics, log lines, progress."""

from __future__ import annotations

import io
import json
import logging
import socket
import urllib.request
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from rich.console import Console

from canonical.entities import Mark
from canonical.store import Store
from canonical.store import jobs as job_rows
from canonical.store.jobs import Wanted
from canonical.store.runs import Run
from connectors.http import TRAFFIC
from pipelines.metrics import serve_metrics
from svod.cli.frame import Frame
from svod.cli.logs import Lines
from svod.cli.progress import by_source, expected_units
from tests.sites import Installation, write_folder
from tests.stores import CLASS


@pytest.fixture
def place(tmp_path: Path, store_url: str) -> Installation:
    write_folder(tmp_path / "drop", [*CLASS, Mark(key="m", work="nowhere", student="p1", value="5")])
    made = Installation(tmp_path, url=store_url).institution("a")
    return made.source("f", "files", layout="canonical", path="drop").source(
        "g", "files", layout="canonical", path="no"
    )


# -- metrics ---------------------------------------------------------------------------------------------------------


def scraped(port: int) -> dict[tuple[str, ...], float]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        body = answer.read().decode()
    families = text_string_to_metric_families(body)
    return {(s.name, *(v for _, v in sorted(s.labels.items()))): s.value for f in families for s in f.samples}


def test_metrics_tell_how_the_store_stands(place: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    place.run("import", status=1)
    store = Store(place.url)
    TRAFFIC["a/net"].requests, TRAFFIC["a/net"].retries, TRAFFIC["a/net"].waited = 7, 2, 1.5
    with store.writing() as connection:
        job_rows.submit(connection, Wanted("import", "a", "f"), store.stamp())
    server = serve_metrics(store, 0)
    try:
        told = scraped(server.port)
        assert told["svod_requests_total", "a/net"] == 7
        assert told["svod_retries_total", "a/net"] == 2
        assert told["svod_request_wait_seconds_total", "a/net"] == 1.5
        assert told["svod_records_total", "people", "inserted", "a/f"] == 2
        assert told["svod_records_total", "marks", "quarantined", "a/f"] == 1
        assert told["svod_quarantine", "waiting", "a/f"] == 1
        assert told["svod_source_state", "a/f", "ok"] == told["svod_source_state", "a/g", "failed"] == 1
        assert told["svod_seconds_since_complete_coverage", "a/g"] == float("inf")
        assert abs(told["svod_seconds_since_complete_coverage", "a/f"]) < float("inf")
        assert [told["svod_queue_depth", state] for state in ("queued", "running", "parked")] == [1, 0, 0]
        assert told["svod_store_up",] == 1
        documented = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text(encoding="utf-8")
        assert all(f"`{name}`" in documented for name, *_ in told if not name.endswith("_created"))
        monkeypatch.setattr(store, "reading", _away)
        told = scraped(server.port)
        assert (told["svod_store_up",], told["svod_requests_total", "a/net"]) == (0, 7)
    finally:
        server.close()
        store.close()
        del TRAFFIC["a/net"]


def _away() -> None:
    from canonical.store import StoreError

    raise StoreError("away")


def test_an_import_serves_metrics_on_this_machine_alone(place: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    from pipelines import metrics
    from svod.cli import sources

    asked = []
    real = sources.import_sources

    def importing(*args: object, **more: object) -> object:
        asked.append(scraped(servers[0].port))
        return real(*args, **more)  # type: ignore[arg-type]

    servers = []
    serve = metrics.serve_metrics
    monkeypatch.setattr(metrics, "serve_metrics", lambda *a, **k: servers.append(serve(*a, **k)) or servers[0])
    monkeypatch.setattr(sources, "import_sources", importing)
    place.run("import", "--source", "f", "--metrics-port", "0", status=3)
    assert asked[0]["svod_store_up",] == 1
    assert servers[0].server.server_address[0] == "127.0.0.1"
    with pytest.raises(OSError, match="refused"):
        scraped(servers[0].port)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        told = place.run("import", "--metrics-port", port, status=2).stderr
    assert f"127.0.0.1:{port} cannot be served" in told


# -- log lines -------------------------------------------------------------------------------------------------------


def logged(*, terminal: bool) -> str:
    out = io.StringIO()
    log = logging.getLogger("svod.test")
    log.propagate = False
    handler = Lines(Console(file=out, force_terminal=terminal, width=60))
    log.addHandler(handler)
    try:
        log.warning("waits for %d s, [not markup]", 7, extra={"source": "a/f"})
        secret = "hush"  # noqa: F841 - a trace must not show it
        try:
            int("because")
        except ValueError:
            log.exception("it failed, and this is a line that is much longer than the console is wide: %s", "x" * 60)
    finally:
        log.removeHandler(handler)
    return out.getvalue()


def test_elsewhere_each_line_is_one_json_object() -> None:
    first, second = map(json.loads, logged(terminal=False).splitlines())
    assert {k: first[k] for k in ("event", "level", "logger", "source")} == {
        "event": "waits for 7 s, [not markup]",
        "level": "warning",
        "logger": "svod.test",
        "source": "a/f",
    }
    assert first["timestamp"].endswith("Z")
    assert "ValueError: invalid literal" in second["exception"]
    assert "hush" not in second["exception"]


def test_on_a_terminal_lines_are_for_people() -> None:
    told = logged(terminal=True)
    assert "\x1b[" in told
    assert "waits for 7 s, [not markup]" in told
    assert "ValueError: invalid literal" in told
    assert "hush" not in told.replace('secret = "hush"', "")


def test_what_speaks_to_a_person_stays_text(place: Installation) -> None:
    done = place.run("-v", "--json", "import", "--source", "f", status=3)
    lines = done.stderr.splitlines()
    told = [json.loads(line) for line in lines if line.startswith("{")]
    assert {"run": 1, "source": "a/f", "status": "ok", "logger": "svod.import", "level": "info"}.items() <= next(
        t for t in told if t.get("status")
    ).items()
    assert lines[-1] == "a/f: 1 records could not be stored; see `svod quarantine list`"
    assert json.loads(done.stdout)["status"] == "ok"
    quiet = place.run("-q", "import", status=1).stderr
    assert all(line.startswith(("a/f:", "a/g:")) for line in quiet.splitlines())


# -- progress --------------------------------------------------------------------------------------------------------


def test_progress_expects_what_came_the_last_time() -> None:
    asked = {"since": None, "until": None, "full": False}

    def run(number: int, units: int, job: str = "import", **detail: object) -> Run:
        result = {"sources": [{"source": "a/f", "units": units}]}
        return Run(number, job, {**asked, **detail}, "ok", "", "", result)

    broken = Run(5, "import", asked, "interrupted", "", None, None)
    runs = [broken, run(4, 99, "replay"), run(3, 50, full=True), run(2, 2), run(1, 7)]
    assert expected_units(runs, asked) == {"a/f": 2}
    frame = Frame()
    out = io.StringIO()
    frame.__dict__["errors"] = Console(file=out, force_terminal=True, width=120)
    with by_source(frame, {"a/f": 2, "a/g": None}) as told:
        assert told
        for number in range(3):
            told("a/f", f"unit {number}")
            told("a/g", "unit")
    assert "2/2 units" in out.getvalue() or "3 units" in out.getvalue()
    assert "a/g" in out.getvalue()


def test_off_a_terminal_an_import_says_in_the_log_how_far_it_is(
    place: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    def events() -> list[str]:
        lines = place.run("--json", "import", "--source", "f", status=None).stderr.splitlines()
        return [json.loads(line)["event"] for line in lines if line.startswith("{")]

    assert events() == ["source a/f: begins", "source a/f: ok"], "it took no minute"
    monkeypatch.setattr("svod.cli.progress.EVERY_SECONDS", 0.0)
    assert "source a/f: 2 of about 14 units read" in events()
    assert not logging.getLogger("svod.import").level, "for no other command"


def test_how_a_source_ended_is_logged_also_where_nothing_could_be_read(place: Installation) -> None:
    (place.folder / "broken.har").write_text("{", encoding="utf-8")
    place.source("browser", "dnevnik", base_url="https://portal.example.invalid", har="broken.har")
    done = place.run("--json", "import", "--source", "browser", status=None)
    events = [json.loads(line)["event"] for line in done.stderr.splitlines() if line.startswith("{")]
    assert events == ["source a/browser: begins", "source a/browser: failed"]
