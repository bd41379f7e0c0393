"""Staff read of discrepancies in Russian: every word that can come has one."""

from __future__ import annotations

import re

import pytest

from canonical.entities import ENTITIES
from reconcile.differences import COMPARED
from reconcile.evidence import Facts, Scale
from reconcile.life import STATES
from reconcile.names import read_name
from reconcile.rows import FIELDS
from svod.cli.discrepancy_words import ENTITY, FIELD, STATE, evidence, value_said
from tests.people import make_systems

LATIN = re.compile("[A-Za-z]")


def test_every_entity_field_and_state_has_its_word() -> None:
    assert set(ENTITY) == set(COMPARED)
    assert set(STATE) == set(STATES)
    assert {f.name for some in FIELDS.values() for f in some} <= set(FIELD)
    assert not LATIN.search("".join([*ENTITY.values(), *FIELD.values(), *STATE.values()]))


@pytest.mark.parametrize(("entity", "field"), [("lessons", "status"), ("attendance", "status"), ("enrolments", "status"),
                                               ("lessons", "kind"), ("people", "sex")])  # fmt: skip
def test_every_word_of_the_vocabulary_is_translated(entity: str, field: str) -> None:
    words = ENTITIES[entity].field(field).words
    assert words is not None
    for word in words.allowed:
        assert not LATIN.search(value_said(entity, field, str(word))), word
    assert value_said("attendance", None, "ill") == "болел"
    assert value_said("marks", "value", "5") == "5"


def test_all_evidence_is_translated() -> None:
    made = make_systems(120, 1, share=0.9, several=0.7, harsh=True)
    scale = Scale(made.left, made.right)
    said = {how for left in made.left for right in made.right for how in scale.weigh(left, right).said}
    some = Facts("a", read_name("Тестов", "Али", "Рашид оглы"), snils="h1")
    said |= {h for number in ("h1", "h2") for h in scale.weigh(some, Facts("x", read_name("Тестов", "Али-Мир", "Рашидович"), snils=number)).said}  # fmt: skip
    assert len(said) > 20
    for how in said:
        assert not LATIN.search(evidence(how)), how
    assert evidence("name and birth date, group same") == "name and birth date, группа: та же"
