"""Marks that were entered on some days, with the works they stand in (facts B4.5). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any, Final

from pydantic import ValidationError

from canonical.batch import Origin
from canonical.entities import Mark as MarkRecord
from canonical.entities import Work
from canonical.scales import Scale
from connectors.mosreg.client import Listing
from connectors.mosreg.formats import plain
from connectors.mosreg.reading import Read, read
from connectors.mosreg.school import NONE
from connectors.mosreg.values import grade_and_meaning
from connectors.mosreg.wire import Mark, MarkPlace
from connectors.wire import plain_key

_CONTROL: Final = (
    ("laboratory", ("лаборатор",)),
    ("practical", ("практич",)),
    ("homework", ("домашн",)),
    ("exam", ("экзамен",)),
    ("test", ("контрольн", "тест")),
    ("oral", ("устн", "ответ")),
    ("written", ("письмен", "самостоятельн", "диктант", "сочинени", "изложени")),
)
"""What the name of a control form must hold. A form of another name has no `control`; its name stands in `kind`."""


class MarksOfPiece:
    """The marks that were entered between two days, read once however many units look at them."""

    def __init__(self, listing: Listing, since: str, until: str) -> None:
        self.listing = listing
        self.since = since
        self.until = until

    @cached_property
    def read(self) -> Read[Mark]:
        return read(self.listing, Mark, entity="marks")

    @cached_property
    def absences(self) -> tuple[tuple[Mark, Origin], ...]:
        """The «н» that stand among the marks."""
        return tuple((m, o) for m, o in self.read.items if m.is_absence)

    @cached_property
    def places(self) -> tuple[tuple[MarkPlace, Origin], ...]:
        """Where marks stand, broken ones included as far as that can be read."""
        good: list[tuple[MarkPlace, Origin]] = [(m, o) for m, o in self.read.items if not m.is_absence]
        return (*good, *self._broken[0])

    @property
    def all_have_places(self) -> bool:
        """Whether it is known of every mark where it stands."""
        return self._broken[1]

    @property
    def tells_all_absences(self) -> bool:
        """Whether no broken mark is an «н», or may be one."""
        return not any(_may_show_absence(r.raw) for r in self.read.rejects)

    @cached_property
    def _broken(self) -> tuple[list[tuple[MarkPlace, Origin]], bool]:
        """The places of broken marks, and whether those are all."""
        places: list[tuple[MarkPlace, Origin]] = []
        are_all = True
        for reject in self.read.rejects:
            if _shows_absence(reject.raw):
                continue  # it stands in no work
            place = _place(reject.raw)
            if place is None or reject.origin is None or _may_show_absence(reject.raw):
                are_all = False
            else:
                places.append((place, reject.origin))
        return places, are_all

    @cached_property
    def lessons(self) -> frozenset[str]:
        """The lessons that have an entry among the marks, be it broken."""
        found = (plain_key(item, "schedule_lesson_id") for item in self.listing.items())
        return frozenset(key for key in found if key is not None)

    @property
    def keeps_to_its_days(self) -> bool:
        """Whether all marks were entered on the days that were asked for: else the portal goes by something else."""
        days = [m.created_at[:10] for m, _ in self.read.items if m.created_at]
        return all(self.since <= day <= self.until for day in days)


def _place(item: Any) -> MarkPlace | None:
    fields = {name: item[name] for name in MarkPlace.model_fields if name in item} if isinstance(item, Mapping) else {}
    try:
        return MarkPlace.model_validate(fields)
    except ValidationError:
        return None  # the mark is set aside already, with its reason


def _shows_absence(item: Any) -> bool:
    return isinstance(item, Mapping) and str(item.get("name")).strip().casefold() == "н"


def _may_show_absence(item: Any) -> bool:
    return not isinstance(item, Mapping) or not isinstance(item.get("name"), (str, int)) or _shows_absence(item)


def work_key(place: MarkPlace) -> str:
    """`lesson:control form or -:weight`"""
    weight = NONE if place.weight is None else plain(place.weight)
    return f"{place.schedule_lesson_id}:{place.control_form_id or NONE}:{weight}"


def work_of(place: MarkPlace, forms: Mapping[str, str | None]) -> Work:
    """The work that a mark stands in. `forms` is control form -> its name."""
    kind = forms.get(place.control_form_id) if place.control_form_id else None
    return Work(
        key=work_key(place),
        lesson=place.schedule_lesson_id,
        course=place.group_id,
        kind=kind,
        control=_control(kind),
        weight=place.weight,
    )


def mark_record(mark: Mark, scale: Scale) -> MarkRecord:
    """A mark. A «точка» is a debt, before its date and after."""
    highest = max((v.nmax for v in mark.values if v.nmax), default=None)
    grade, meaning = (None, "debt") if mark.is_placeholder else grade_and_meaning(mark.name, scale, highest)
    return MarkRecord(
        key=mark.id,
        work=work_key(mark),
        student=mark.student_profile_id,
        value=mark.name,
        grade=grade,
        meaning=meaning,
        recorded_at=mark.created_at,
        comment=mark.comment,
    )


def _control(kind: str | None) -> str | None:
    name = (kind or "").casefold()
    return next((control for control, words in _CONTROL if any(word in name for word in words)), None)
