"""What decrees of the SPO module say of who came, moved and left (portal facts A5.2, A6)."""

from __future__ import annotations

from typing import Any

import pytest

from canonical.entities import Enrolment
from connectors.asurso.movement import Movement, decrees_alone, told
from connectors.contract import SourceConfig
from connectors.errors import SourceConfigError
from connectors.registry import check_source, manifest
from tests.unit.test_asurso_mapper import answer


def decree(number: int, kind: str, on: str, group: int | None = 5011, **more: Any) -> dict[str, Any]:
    place = {"studentGroup": {"id": group, "name": f"Г-{group}"}} if group else {}
    return {
        "id": number,
        "type": kind,
        "effectiveDate": f"{on}T00:00:00.0000000",
        "number": f"{number}-у",
        **place,
        **more,
    }


def stays(*decrees: Any) -> dict[str, tuple[str | None, str | None, str | None, str | None]]:
    moved = Movement()
    moved.take("50101", answer({"decrees": list(decrees)}))
    return {
        group: (str(s.start) if s.start else None, str(s.end) if s.end else None, s.status, s.order)
        for (_, group), s in moved.stays.items()
    }


ENROLL = decree(1, "Enroll", "2024-09-01")


@pytest.mark.parametrize(
    ("decrees", "are"),
    [
        ([ENROLL], {"5011": ("2024-09-01", None, "enrolled", "1-у")}),
        (
            [decree(2, "Move", "2024-10-19", 5012), ENROLL],
            {
                "5011": ("2024-09-01", "2024-10-18", "transferred", "2-у"),
                "5012": ("2024-10-19", None, "enrolled", "2-у"),
            },
        ),
        ([ENROLL, decree(2, "NextYear", "2025-09-01")], {"5011": ("2024-09-01", None, "enrolled", "1-у")}),
        ([ENROLL, decree(2, "Retire", "2024-11-05", None)], {"5011": ("2024-09-01", "2024-11-05", "expelled", "2-у")}),
        (
            [ENROLL, decree(2, "Retire", "2024-11-05", retirementReason="AcademicVacation")],
            {"5011": ("2024-09-01", "2024-11-05", "academic_leave", "2-у")},
        ),
        (
            [ENROLL, decree(2, "Retire", "2024-11-05", reason="SomethingElse")],
            {"5011": ("2024-09-01", "2024-11-05", None, "2-у")},
        ),
        (
            [ENROLL, decree(2, "Retire", "2024-11-05"), decree(3, "Enroll", "2025-09-01", 5013)],
            {"5011": ("2024-09-01", "2024-11-05", "expelled", "2-у"), "5013": ("2025-09-01", None, "restored", "3-у")},
        ),
        ([ENROLL, decree(2, "Graduate", "2025-06-30")], {"5011": ("2024-09-01", "2025-06-30", "graduated", "2-у")}),
        ([decree(1, "Hire", "2024-09-01"), decree(2, "Appoint", "2024-09-01")], {}),
        ([{**ENROLL, "studentGroup": 5011}], {"5011": ("2024-09-01", None, "enrolled", "1-у")}),
        (
            [{**ENROLL, "effectiveDate": None, "date": "2024-08-30T00:00:00"}],
            {"5011": ("2024-08-30", None, "enrolled", "1-у")},
        ),
    ],
)
def test_what_decrees_come_to(decrees: list[Any], are: Any) -> None:
    assert stays(*decrees) == are


def test_a_decree_that_is_none_is_set_aside_alone_and_an_unknown_one_is_told() -> None:
    moved = Movement()
    moved.take(
        "50101",
        answer({"decrees": ["?", {**ENROLL, "effectiveDate": "soon"}, decree(3, "Vanish", "2024-10-01"), ENROLL]}),
    )
    assert [(r.entity, r.key) for r in moved.batch.rejects] == [("enrolments", None), ("enrolments", "50101:decree:1")]
    assert not moved.whole
    assert [d.name for d in moved.batch.drift] == ["type=Vanish"]
    assert moved.stays.keys() == {("50101", "5011")}


def test_the_list_says_who_is_in_a_group_now() -> None:
    moved = Movement()
    moved.take("50101", answer({"decrees": [ENROLL, decree(2, "Retire", "2024-11-05")]}))
    said = Enrolment(key="k", person="50101", group="5011", start="2024-09-02", status="enrolled")
    made = told(said, moved.stays["50101", "5011"])
    assert (made.start, made.end, made.status, made.order_number) == ("2024-09-01", None, "enrolled", None)


def test_groups_that_decrees_alone_name() -> None:
    moved = Movement()
    moved.take(
        "50101", answer({"decrees": [decree(1, "Enroll", "2023-09-01", 4001), decree(2, "NextYear", "2024-09-01")]})
    )
    made = moved.elsewhere({"5011"}, {"50101"})
    shown = [
        (r.key, getattr(r, "academic_year", None), getattr(r, "end", None)) for _, some in made.blocks for r in some
    ]
    assert shown == [("4001", "2023/2024", None), ("50101:4001", None, "2024-08-31")]


def test_nothing_but_decrees_is_kept_of_a_card() -> None:
    card = {"id": 1, "snils": "000", "passport": {"number": "1"}, "decrees": [{**ENROLL, "signedBy": "x"}, "?"]}
    kept = decrees_alone(card)
    assert kept == {"decrees": [ENROLL, "?"]}
    assert decrees_alone(kept) == kept
    assert decrees_alone({"decrees": None}) == decrees_alone({"id": 5}) == {"decrees": None}


def test_history_is_asked_for_only_where_it_can_be_told() -> None:
    source = {"key": "portal", "history": True, "auth": {"kind": "password", "login": "x", "password": {"env": "X"}}}
    asurso = SourceConfig.model_validate({**source, "connector": "asurso"})
    spo = check_source(asurso, manifest("asurso"))
    assert "order_number" in spo.says(asurso)["enrolments"]
    assert "order_number" not in spo.says(asurso.model_copy(update={"history": False}))["enrolments"]
    with pytest.raises(SourceConfigError, match="history: connector mosreg cannot tell"):
        check_source(
            SourceConfig.model_validate({**source, "connector": "mosreg", "remote_id": "1"}), manifest("mosreg")
        )
