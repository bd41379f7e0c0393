"""What the store makes of batches, one behaviour at a time, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from canonical.batch import Batch, Origin
from canonical.coverage import Axis, Scope, Selector
from canonical.entities import Course, Group, Lesson, Mark, Person, Subject, Work
from canonical.store import Brake, BusyError, LeaseLostError
from canonical.store.journal import provenance
from canonical.store.overview import drop, quarantine
from canonical.tables import BATCHES, COVERAGE, HISTORY, LEASES, QUARANTINE, UNITS
from tests.stores import CLASS, Desk, batch


@pytest.fixture
def desk(store_url: str) -> Iterator[Desk]:
    made = Desk(store_url)
    yield made
    made.store.close()


def mark(value: str, at: str | None = None, key: str = "m", work: str = "w1") -> Mark:
    return Mark(key=key, work=work, student="p1", value=value, recorded_at=at and f"2026-09-08T{at}:00+03:00")


VERSIONS = [mark("5", "10:00"), mark("4", "11:00"), mark("3", "11:00"), mark("2")]


class TestTwoVersionsOfOneKeyInOneRun:
    """The later recorded wins, else the greater content hash, whatever the order (canonical.md)."""

    @pytest.mark.parametrize("stored", [None, *VERSIONS[:3]])
    def test_the_winner_does_not_depend_on_the_order(self, desk: Desk, stored: Mark | None) -> None:
        results = []
        for number, order in enumerate(permutations(VERSIONS[:3])):
            desk.source = desk.store.source(f"a/{number}", institution="a", connector="files", capabilities={})
            desk.read(batch(CLASS), batch([stored] if stored else []))
            before = desk.now
            outcome = desk.read(batch(CLASS), *(batch([v]) for v in order))
            assert list(desk.rows("marks", as_of=before).values()) == ([stored] if stored else [])
            results.append((desk.rows("marks"), outcome.ledger["marks"]))
        assert all(r == results[0] for r in results)
        rows, ledger = results[0]
        assert rows["m"].recorded_at == "2026-09-08T11:00:00+03:00"  # type: ignore[attr-defined]
        fate = "inserted" if stored is None else "unchanged" if rows["m"] == stored else "updated"
        assert ledger == {**dict.fromkeys(ledger, 0), "received": 1, fate: 1}

    def test_what_stood_before_is_as_if_untouched_when_it_wins_after_all(self, desk: Desk) -> None:
        desk.read(batch(CLASS), batch([VERSIONS[1]]))
        desk.read(batch(CLASS), batch([VERSIONS[0]]), batch([VERSIONS[1]]))
        with desk.store.reading() as connection:
            assert connection.execute(select(HISTORY)).all() == []

    def test_a_version_that_can_be_stored_beats_one_that_cannot(self, desk: Desk) -> None:
        good, orphan = mark("3", "09:00"), mark("5", "12:00", work="nowhere")
        for order in ([good, orphan], [orphan, good]):
            outcome = desk.read(batch(CLASS), *(batch([m]) for m in order))
            assert desk.rows("marks") == {"m": good}
            assert outcome.ledger["marks"]["quarantined"] == 0


class TestQuarantine:
    def test_a_record_waits_for_what_it_points_at_and_comes_out_by_itself(self, desk: Desk) -> None:
        outcome = desk.read(batch([mark("5")]))
        assert outcome.ledger["marks"] == {**dict.fromkeys(outcome.ledger["marks"], 0), "received": 1, "quarantined": 1}
        assert outcome.new_quarantine == 1
        for records, expected in (([r for r in CLASS if r.key != "p1"], {}), (CLASS, {"m": mark("5")})):
            intake = desk.begin()
            intake.commit("another unit", batch(records))
            outcome = intake.finish()
            assert desk.rows("marks") == expected
        ledger = outcome.ledger["marks"]
        assert ledger == {**dict.fromkeys(ledger, 0), "released": 1}

    def test_what_two_units_hold_is_counted_as_set_aside_in_whatever_order_they_are_taken_as_read(
        self, desk: Desk
    ) -> None:
        units = {
            "class": batch(CLASS),
            "one": batch([mark("5", work="nowhere")]),
            "two": batch([mark("5", work="nowhere")]),
        }
        intake = desk.begin()
        for name, held in units.items():
            intake.commit(name, held, digest=name)
        first = intake.finish()
        intake = desk.begin()
        for name in reversed(units):
            assert intake.skip(name, name)
        again = intake.finish().ledger["marks"]
        assert again == first.ledger["marks"] == {**dict.fromkeys(again, 0), "received": 1, "quarantined": 1}

    def test_released_in_the_run_that_received_it_counts_as_inserted(self, desk: Desk) -> None:
        outcome = desk.read(batch([mark("5")]), batch(CLASS))
        ledger = outcome.ledger["marks"]
        assert ledger == {**dict.fromkeys(ledger, 0), "received": 1, "inserted": 1, "released": 1}
        assert outcome.new_quarantine == 0

    def test_a_chain_of_waiting_records_comes_out_together(self, desk: Desk) -> None:
        lesson, work = Lesson(key="x", course="c", date="2026-09-10"), Work(key="y", course="c", lesson="x")
        outcome = desk.read(batch([mark("5", work="y")]), batch([work]), batch([lesson]), batch(CLASS))
        assert desk.rows("marks") == {"m": mark("5", work="y")}
        assert {e: c["quarantined"] for e, c in outcome.ledger.items()} == dict.fromkeys(outcome.ledger, 0)

    def test_what_is_malformed_is_told_apart_and_loses_nothing_else(self, desk: Desk) -> None:
        bad = Lesson(key="bad", course="c", date="31.12.2026")
        work = Work(key="of-bad", course="c", lesson="bad")
        outcome = desk.read(batch([*CLASS, bad, work]))
        with desk.store.reading() as connection:
            q = QUARANTINE.c
            entries = connection.execute(select(q.entity, q.key, q.kind, q.reason).order_by(q.entity)).all()
        assert [tuple(e) for e in entries] == [
            ("lessons", "bad", "malformed", "date: not a date"),
            ("works", "of-bad", "waiting", "lesson: lessons bad has not come yet"),
        ]
        assert set(desk.rows("lessons")) == {"l1", "l2"}
        assert outcome.ledger["lessons"]["received"] == 3
        outcome = desk.read(batch([*CLASS, Lesson(key="bad", course="c", date="2026-12-31"), work]))
        assert "of-bad" in desk.rows("works")
        assert outcome.ledger["lessons"]["released"] == 1

    def test_what_the_unit_no_longer_holds_leaves_the_quarantine(self, desk: Desk) -> None:
        desk.read(batch([mark("5", work="nowhere")]))
        desk.read(batch())
        with desk.store.reading() as connection:
            assert connection.execute(select(QUARANTINE.c.state)).scalar() == "gone"

    def test_an_optional_reference_that_leads_nowhere_is_drift(self, desk: Desk) -> None:
        from canonical.store.runs import drift

        lesson = Lesson(key="x", course="c", date="2026-09-10", teacher="nobody")
        desk.read(batch([*CLASS, lesson]))
        assert desk.rows("lessons")["x"] == lesson
        with desk.store.reading() as connection:
            assert drift(connection, desk.run) == [
                {"source": "a/b", "kind": "unresolved_reference", "place": "lessons", "name": "teacher", "count": 1}
            ]


class TestRemoval:
    def test_only_inside_a_complete_scope(self, desk: Desk) -> None:
        desk.read(batch([*CLASS, mark("5"), mark("4", key="m2", work="w2")]))
        first = Scope("marks", axis=Axis.LESSON_DATE, start="2026-09-08", end="2026-09-08")
        desk.read(batch(CLASS))
        assert set(desk.rows("marks")) == {"m", "m2"}
        made = batch(CLASS)
        made.covers(first)
        outcome = desk.read(made)
        assert set(desk.rows("marks")) == {"m2"}
        assert outcome.ledger["marks"]["removed"] == 1

    @pytest.mark.parametrize(
        "scope",
        [
            Scope("marks"),
            Scope("marks", Selector.GROUP, "g"),
            Scope("marks", Selector.COURSE, "c"),
            Scope("marks", Selector.LESSON, "l1"),
            Scope("marks", Selector.PERSON, "p1"),
            Scope("marks", Selector.GROUP, "g", Axis.LESSON_DATE, "2026-09-01", "2026-09-08"),
            Scope("marks", axis=Axis.RECORDED_ON, start="2026-09-08", end="2026-09-08"),
        ],
    )
    def test_each_selector_and_axis_finds_the_row(self, desk: Desk, scope: Scope) -> None:
        desk.read(batch([*CLASS, mark("5", "10:00"), Mark(key="other", work="w2", student="p2")]))
        made = batch([*CLASS, Mark(key="other", work="w2", student="p2")])
        made.covers(scope)
        desk.read(made)
        assert set(desk.rows("marks")) == {"other"}

    def test_a_row_that_comes_back_is_the_same_row(self, desk: Desk) -> None:
        full, empty = batch([*CLASS, mark("5")]), batch(CLASS)
        for made in (full, empty):
            made.covers(Scope("marks"))
        desk.read(full)
        then = desk.now
        desk.read(empty)
        between = desk.now
        outcome = desk.read(full)
        assert desk.rows("marks") == {"m": mark("5")}
        assert outcome.ledger["marks"]["revived"] == 1
        assert desk.rows("marks", as_of=between) == {}
        assert desk.rows("marks", as_of=then) == {"m": mark("5")}

    def test_a_record_that_moved_to_another_scope_has_not_vanished(self, desk: Desk) -> None:
        def window(start: str, end: str, *lessons: Lesson) -> Batch:
            made = batch(lessons)
            made.covers(Scope("lessons", axis=Axis.LESSON_DATE, start=start, end=end))
            return made

        before, after = Lesson(key="x", course="c", date="2026-09-10"), Lesson(key="x", course="c", date="2026-10-10")
        others = [r for r in CLASS if not isinstance(r, Lesson | Work)]
        desk.read(batch(others), window("2026-09-01", "2026-09-30", before), window("2026-10-01", "2026-10-31"))
        outcome = desk.read(
            batch(others), window("2026-09-01", "2026-09-30"), window("2026-10-01", "2026-10-31", after)
        )
        assert desk.rows("lessons") == {"x": after}
        assert outcome.ledger["lessons"]["removed"] == 0

    def test_too_many_at_once_wait_for_a_person(self, desk: Desk) -> None:
        people = [Person(key=f"x{n}") for n in range(10)]
        made = batch(people)
        made.covers(Scope("people"))
        desk.read(made)
        fewer = batch(people[:7])
        fewer.covers(Scope("people"))
        outcome = desk.read(fewer, brake=Brake(share=0.2, rows=2))
        assert outcome.waiting_removals == 3
        assert len(desk.rows("people")) == 10
        assert desk.store.accept_removals(desk.run) == {"a/b": {"people": 3}}
        assert len(desk.rows("people")) == 7

    def test_waiting_removals_of_what_comes_back_are_dropped(self, desk: Desk) -> None:
        people = [Person(key=f"x{n}") for n in range(10)]
        for some in (people, people[:7], people):
            made = batch(some)
            made.covers(Scope("people"))
            desk.read(made, brake=Brake(share=0.2, rows=2))
        assert desk.store.accept_removals(desk.run - 1) == {}
        assert len(desk.rows("people")) == 10

    def test_parts_of_something_broken_are_not_found_vanished(self, desk: Desk) -> None:
        def read(*, broken: bool) -> None:
            made = batch([r for r in CLASS if not (broken and r.key in {"l1", "w1"})])
            if broken:
                made.reject("lessons", "date: not a date", {"id": "l1"}, key="l1", hides=("works",))
            made.covers(Scope("lessons"), Scope("works"))
            desk.read(made)

        read(broken=False)
        read(broken=True)
        assert set(desk.rows("works")) == {"w1", "w2"}

    def test_something_without_a_key_leaves_its_scope_open(self, desk: Desk) -> None:
        full = batch(CLASS)
        full.covers(Scope("lessons"), Scope("works"))
        desk.read(full)
        made = batch([r for r in CLASS if r.key not in {"l1", "w1"}])
        made.reject("lessons", "id: required, but empty", {"date": "2026-09-08"})
        made.covers(Scope("lessons"), Scope("works"))
        desk.read(made)
        assert set(desk.rows("lessons")) == {"l1", "l2"}
        assert set(desk.rows("works")) == {"w2"}

    def test_a_scope_over_everything_is_open_if_any_batch_has_something_without_a_key(self, desk: Desk) -> None:
        desk.read(batch(CLASS))
        part, rest = batch([r for r in CLASS if r.key not in {"l1", "w1"}]), Batch()
        part.reject("lessons", "not JSON", "{broken")
        rest.covers(Scope("lessons"))
        for order in ([part, rest], [rest, part]):
            desk.read(*order)
            assert set(desk.rows("lessons")) == {"l1", "l2"}
            with desk.store.reading() as connection:
                assert connection.execute(select(COVERAGE)).all() == []

    def test_a_piece_of_text_in_the_place_of_a_record_is_shown_as_it_came(self, desk: Desk) -> None:
        made = Batch()
        for number, raw in enumerate(("{broken", '{"id": 1}', None, 7)):
            made.reject("lessons", "not a lesson", raw, key=f"l{number}")
        desk.read(made)
        with desk.store.reading() as connection:
            assert [entry.raw for entry in quarantine(connection)] == ["{broken", '{"id": 1}', None, 7]


class TestCursor:
    def test_the_same_answers_are_taken_as_read(self, desk: Desk) -> None:
        made = batch([*CLASS, mark("5", work="nowhere")])
        made.covers(Scope("lessons"))
        intake = desk.begin()
        intake.commit("unit", made, digest="d1")
        intake.finish()
        intake = desk.begin()
        assert not intake.skip("unit", "d2")
        assert intake.skip("unit", "d1")
        ledger = intake.finish().ledger
        assert ledger["lessons"] == {**dict.fromkeys(ledger["lessons"], 0), "received": 2, "unchanged": 2}
        assert ledger["marks"]["quarantined"] == 1
        assert set(desk.rows("lessons")) == {"l1", "l2"}

    def test_what_has_no_key_counts_again_too(self, desk: Desk) -> None:
        made = batch(CLASS)
        made.reject("lessons", "not JSON", "{broken")
        received = []
        for _ in range(2):
            intake = desk.begin()
            if not intake.skip("unit", "d1"):
                intake.commit("unit", made, digest="d1")
            received.append(intake.finish().ledger["lessons"]["received"])
        assert received == [3, 3]

    def test_a_unit_whose_run_died_before_removal_is_judged_when_it_is_skipped(self, desk: Desk) -> None:
        full, less = batch(CLASS), batch([r for r in CLASS if r.key not in {"l1", "w1"}])
        for made in (full, less):
            made.covers(Scope("lessons"))
        intake = desk.begin()
        intake.commit("unit", full, digest="d1")
        intake.finish()
        intake = desk.begin()
        intake.commit("unit", less, digest="d2")
        intake.abandon()
        intake = desk.begin()
        assert intake.skip("unit", "d2")
        intake.finish()
        assert set(desk.rows("lessons")) == {"l2"}

    def test_reading_anew_finds_vanished_what_only_a_narrower_unit_has_held(self, desk: Desk) -> None:
        """Rows of one unit's scope that another unit brought, and then let go of, outside its own scope."""
        others = [r for r in CLASS if r.key not in {"l1", "w1"}]
        wide = batch(others)
        wide.covers(Scope("lessons"))
        for digest, (about, narrow) in enumerate(((wide, Batch()), (Batch(), batch([CLASS[5]])), (Batch(), Batch()))):
            intake = desk.begin()
            if about.blocks:
                intake.commit("about", about, digest="same")
            intake.commit("narrow", narrow, digest=str(digest))
            intake.finish()
        assert set(desk.rows("lessons")) == {"l1", "l2"}
        intake = desk.begin(anew=True)
        intake.commit("about", wide, digest="same")
        intake.finish()
        assert set(desk.rows("lessons")) == {"l2"}

    def test_what_another_unit_has_overwritten_is_taken_back_when_its_own_says_the_same(self, desk: Desk) -> None:
        lists, roster = batch([Person(key="p", birth_date="2010-05-05")]), batch([Person(key="p")])
        intake = desk.begin()
        intake.commit("list", lists, digest="d1")
        intake.finish()
        intake = desk.begin()
        intake.commit("roster", roster, digest="d2")  # the list could not be read
        intake.finish()
        assert desk.rows("people") == {"p": Person(key="p")}
        intake = desk.begin()
        assert not intake.skip("list", "d1")
        intake.commit("list", lists, digest="d1")
        intake.commit("roster", Batch(), digest="d3")
        intake.finish()
        assert desk.rows("people") == {"p": Person(key="p", birth_date="2010-05-05")}

    def test_what_was_removed_comes_back_with_the_answer_that_had_it(self, desk: Desk) -> None:
        gone = batch([r for r in CLASS if r.key not in {"l1", "w1"}])
        gone.covers(Scope("lessons"), Scope("works"))
        rest = [r for r in CLASS if r.key in {"l1", "w1"}]
        for _ in range(2):
            intake = desk.begin()
            intake.commit("all", batch(gone.blocks[0][1]), digest="d1")
            if not intake.skip("page", "d2"):
                intake.commit("page", batch(rest), digest="d2")
            intake.finish()
            assert set(desk.rows("lessons")) == {"l1", "l2"}
            intake = desk.begin()
            intake.commit("all", gone, digest="d3")
            intake.finish()
            assert set(desk.rows("lessons")) == {"l2"}

    def test_a_part_of_a_unit_makes_the_unit_be_read_again(self, desk: Desk) -> None:
        intake = desk.begin()
        intake.commit("unit", batch(CLASS), digest="d1")
        intake.commit("unit", Batch(whole=False), digest="")
        intake.finish()
        assert not desk.begin().skip("unit", "d1")

    @pytest.mark.parametrize(
        "note", [b"?", msgspec.msgpack.encode({"marks": b"cut off"})], ids=["no note", "keys cut off"]
    )
    @pytest.mark.parametrize("is_wide", [True, False])
    def test_a_damaged_note_of_a_unit_that_is_not_read_stops_nothing(
        self, desk: Desk, is_wide: bool, note: bytes
    ) -> None:
        """What it held may be gone, where all is covered; else it is read anew when it comes."""
        days = {"axis": Axis.LESSON_DATE, "start": "2026-09-08", "end": "2026-09-08"}
        for marks, units in (([mark("5")], ("0", "1")), ([mark("5")] if is_wide else [], ("0",))):
            intake = desk.begin()
            made = {"0": batch([*CLASS, *marks]), "1": batch([mark("4", key="m2", work="w2")])}
            made["0"].covers(Scope("marks") if is_wide else Scope("marks", **days))
            for unit in units:
                intake.commit(unit, made[unit], digest=f"{unit} in {desk.run}")
            intake.finish()
            with desk.store.writing() as connection:
                connection.execute(update(UNITS).where(UNITS.c.unit == "1").values(keys=note))
        assert set(desk.rows("marks")) == ({"m"} if is_wide else {"m2"})
        with desk.store.reading() as connection:
            left = {row.unit: row.digest for row in connection.execute(select(UNITS.c.unit, UNITS.c.digest))}
        assert left == ({"0": "0 in 2"} if is_wide else {"0": "0 in 2", "1": ""})


class TestLease:
    def test_one_holder_at_a_time(self, desk: Desk) -> None:
        intake = desk.begin()
        with pytest.raises(BusyError, match=r"import a/b: process .* is at work"):
            desk.begin()
        intake.finish()
        desk.begin().abandon()

    def test_a_dead_holder_is_overtaken_and_can_write_no_more(self, desk: Desk) -> None:
        old = desk.begin()
        with desk.store.writing() as connection:
            connection.execute(update(LEASES).values(expires=0))
        new = desk.begin()
        with pytest.raises(LeaseLostError):
            old.commit("unit", batch(CLASS))
        assert desk.rows("people") == {}
        new.finish()


def test_every_value_leads_back_to_its_answer_and_run(desk: Desk) -> None:
    made = Batch()
    made.add(CLASS, Origin("GET /students", "ab" * 32, 10, "2026-10-01T10:00:00+00:00"))
    desk.read(made)
    with desk.store.reading() as connection:
        found = provenance(connection, desk.source, "people", "p1")
    assert found
    assert (found.run, found.request, found.sha256) == (desk.run, "GET /students", "ab" * 32)


def test_the_clock_turned_back_does_not_disorder_history(desk: Desk) -> None:
    desk.read(batch([Person(key="x", given_name="А")]))
    from datetime import timedelta

    desk.now -= timedelta(days=3)
    desk.read(batch([Person(key="x", given_name="Б")]))
    with desk.store.reading() as connection:
        moments = connection.execute(select(BATCHES.c.at).order_by(BATCHES.c.id)).scalars().all()
    assert list(moments) == sorted(moments)


@given(st.lists(st.text(max_size=8), max_size=60), st.lists(st.text(max_size=8), max_size=60))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True)
def test_keyset_is_a_set(first: list[str], second: list[str]) -> None:
    from canonical.store.keyset import KeySet

    keys = KeySet()
    fresh = keys.add_new(first)
    assert sum(fresh) == len(set(first)) == len(keys)
    packed = KeySet(keys.pack())
    assert packed.holds(second) == [k in set(first) for k in second]
    assert packed.merge(_pack(second)) == len(set(second) - set(first))


@given(st.lists(st.lists(st.text(max_size=3), max_size=30), max_size=12))
def test_blocks_of_keys_that_are_all_new(blocks: list[list[str]]) -> None:
    from canonical.store.keyset import KeySet

    keys, model = KeySet(), set[str]()
    for block in blocks:
        fresh = not model & set(block)
        assert keys.add_if_new(_pack(block)) == fresh
        if fresh:
            model |= set(block)
        assert len(keys) == len(model)
    everything = [k for block in blocks for k in block]
    assert keys.holds(everything) == [k in model for k in everything]
    assert keys.lacks_any(_pack(everything)) == bool(set(everything) - model)


def _pack(keys: list[str]) -> bytes:
    from canonical.store.keyset import KeySet

    made = KeySet()
    made.add_new(keys)
    return made.pack()


def without_a_group() -> Batch:
    made = Batch()
    made.reject("groups", "name: broken", {"id": "g", "name": 1}, key="g")
    made.add([Subject(key="s", name="Алгебра")])
    return made


def drop_all(desk: Desk) -> None:
    with desk.store.writing() as connection:
        for number in connection.execute(select(QUARANTINE.c.id)).scalars().all():
            assert drop(connection, number)


COURSE = Course(key="c", group="g", subject="s")


def test_what_a_person_has_dropped_is_nothing_that_others_may_point_at(desk: Desk) -> None:
    desk.read(without_a_group(), batch([COURSE]))
    drop_all(desk)
    again = desk.read(without_a_group(), batch([COURSE]))
    assert again.ledger["courses"]["quarantined"] == 1
    assert desk.rows("courses") == {}


def test_what_came_broken_and_has_gone_is_nothing_that_others_may_point_at(desk: Desk) -> None:
    intake = desk.begin()
    intake.commit("unit 0", without_a_group())
    intake.commit("unit 0", batch([Subject(key="s", name="Алгебра")]))
    intake.commit("unit 1", batch([COURSE]))
    assert intake.finish().ledger["courses"]["quarantined"] == 1
    assert desk.rows("courses") == {}


def test_a_good_version_is_stored_though_a_broken_one_was_dropped(desk: Desk) -> None:
    desk.read(without_a_group())
    drop_all(desk)
    told = desk.read(without_a_group(), batch([Group(key="g", name="7А", academic_year="2026/2027")]))
    assert list(desk.rows("groups")) == ["g"]
    counts = told.ledger["groups"]
    assert (counts["received"], counts["inserted"], counts["quarantined"]) == (1, 1, 0)
