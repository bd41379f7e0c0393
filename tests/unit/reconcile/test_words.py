"""What two systems write differently and mean the same; and what only looks so."""

from __future__ import annotations

from typing import Any

import pytest

from reconcile.names import Name, read_name, stem
from reconcile.words import abbreviates, fold, group_name, part_name, prose, subject_code, subject_words

ALISA = Name("тестова", "алиса", "петровна")


@pytest.mark.parametrize(
    ("said", "name"),
    [
        (("Тестова", "Алиса", "Петровна"), ALISA),
        (("  ТЕСТОВА ", "алиса", "Петровна"), ALISA),
        (("Тестова Алиса Петровна", None, None), ALISA),
        (("Алиса Петровна Тестова", None, None), ALISA),
        (("Тестова", "Алиса Петровна", None), ALISA),
        (("Teстoва", "Aлиcа", "Пeтрoвна"), ALISA),  # some letters are Latin
        (("Тестова", "Алиса", "нет"), Name("тестова", "алиса", "")),
        (("Тестова", "Алиса", "-"), Name("тестова", "алиса", "")),
        (("Тестова Алиса", None, None), Name("тестова", "алиса", "")),
        (("Тестова А. П.", None, None), Name("тестова", "а", "п")),
        (("Тестова А.П.", None, None), Name("тестова", "а", "п")),
        (("А. П. Тестова", "", None), Name("тестова", "а", "п")),
        (("Тестова", "А.П.", None), Name("тестова", "а", "п")),
        (("Тестова", "А.", "П."), Name("тестова", "а", "п")),
        (("Ёлкина - Тестова", "Алёна", None), Name("елкина-тестова", "алена", "")),
        (("Ёлкина–Тестова", "Алена", None), Name("елкина-тестова", "алена", "")),
        (("Ёлкина Тестова", "Алёна", "Львовна"), Name("елкина-тестова", "алена", "львовна")),
        (("Примеров", "Али", "Рашид оглы"), Name("примеров", "али", "рашид")),
        (("Примеров", "Али Рашид оглы", None), Name("примеров", "али", "рашид")),
        (("Примеров Али Рашид оглы", None, None), Name("примеров", "али", "рашид")),
        (("Примерова", "Анна Мария", None), Name("примерова", "анна-мария", "")),
        (("О'Тестов", "Лев", None), Name("отестов", "лев", "")),
        (("Петр0в", "Лев", None), Name("петр-в", "лев", "")),
        ((None, None, None), Name("", "", "")),
        (("…", "?", "1"), Name("", "", "")),
    ],
)
def test_a_name_is_read_from_wherever_it_stands(said: tuple[Any, ...], name: Name) -> None:
    assert read_name(*said) == name


@pytest.mark.parametrize(
    ("one", "other"), [("рашид", "рашидович"), ("гасан", "гасановна"), ("али", "алиевич"), ("илья", "илья")]
)
def test_patronymics_have_one_stem(one: str, other: str) -> None:
    assert stem(one) == stem(other)


@pytest.mark.parametrize(
    ("one", "other", "level"),
    [
        ('10 "А"', "10-А", None),
        ("10а", "10А класс", None),
        ("10 «А»", "10 - а", 10),
        ("А", "10А", 10),
        ("ИС-21", "ис 21", None),
        ("ИС-21", "Группа ИС-21", None),
        ("7A", "7А", None),  # a Latin letter
        ("ИС-1-12", "ИС 1-12", None),
    ],
)
def test_groups_of_one_name(one: str, other: str, level: int | None) -> None:
    assert group_name(one, level) == group_name(other, level)


@pytest.mark.parametrize(
    ("one", "other"), [("ИС-1-12", "ИС-11-2"), ("10А", "10Б"), ("1А", "11А"), ("ИС-21", "ИСП-21"), ("7А1", "7А11")]
)
def test_groups_of_two_names(one: str, other: str) -> None:
    assert group_name(one) != group_name(other)


@pytest.mark.parametrize(
    ("text", "part"),
    [("подгруппа 1", "1"), ("1 п/г", "1"), ("1", "1"), ("1-я подгруппа", "1"), ("Иностранный язык/подгруппа 2", "2"),
     ("Английский язык", "английский язык"), ("группа", "группа")],
)  # fmt: skip
def test_parts_of_a_class(text: str, part: str) -> None:
    assert part_name(text) == part


@pytest.mark.parametrize(
    ("short", "full"),
    [
        ("Ин.яз", "Иностранный язык"),
        ("Ин. яз.", "Иностранный язык"),
        ("Физ-ра", "Физическая культура"),
        ("ОБЖ", "Основы безопасности жизнедеятельности"),
        ("ОАиП", "Основы алгоритмизации и программирования"),
        ("Био", "Биология"),
        ("Рус. яз.", "Русский язык"),
    ],
)
def test_short_names_of_subjects(short: str, full: str) -> None:
    assert abbreviates(short, full)
    assert not abbreviates(full, short)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("История", "История России"),
        ("Математика", "Математический анализ"),
        ("МДК.01.01", "МДК.01.02"),
        ("Физика", "Физическая культура"),
        ("Ин.яз", "Информатика"),
        ("Иностранный язык", "Иностранный язык (второй)"),
        ("Алгебра", "Алгебра"),
        ("Практика 1", "Практика 11"),
        ("", "Алгебра"),
    ],
)
def test_subjects_that_are_not_short_for_another(one: str, other: str) -> None:
    assert not abbreviates(one, other)
    assert not abbreviates(other, one)


def test_numbers_in_codes_are_numbers() -> None:
    assert subject_words("МДК.01.01 Разработка") == subject_words("МДК 1.1. Разработка")
    assert subject_code("МДК.01.01 Разработка программ") == ("мдк 1 1", "разработка программ")
    assert subject_code("История") == ("", "история")
    assert subject_code("УП.01") == ("уп 1", "")


def test_text_is_compared_without_what_makes_no_difference() -> None:
    assert prose("§ 5 , упр. 10 ;") == prose("§ 5, упр.10")
    assert prose("Ещё раз о дробях.") == prose("еще  раз о дробях")
    assert prose("упр. 10") != prose("упр. 11")
    assert fold("Ёж") == fold("еж")
    assert fold("Test") == "test"  # a word of which one letter is only Latin stays so
    assert fold("п.5–7") == fold("П.5-7")
