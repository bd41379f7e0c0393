"""Finds the school that a source names, at whichever of the portal's ways there is (portal facts B1.1, step 2)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from connectors.errors import SourceConfigError
from connectors.wire import plain_key

Ask = Callable[[str, Mapping[str, str]], Awaitable[Any]]
"""Asks for an address with parameters; gives the decoded answer, null where there is none."""

_PLACE: Final = (("cid", "countryId"), ("sid", "stateId"), ("pid", "municipalityDistrictId"), ("cn", "cityId"))
"""What older servers want to know of a school's place, and how their list of schools names it."""

_KIND: Final = "2"
"""The function of an organisation that is a school."""

_FORM: Final = "/webapi/prepareloginform"
_NEXT_FORM: Final = "/webapi/loginform"
_CITIES: Final = 300


@dataclass(frozen=True, slots=True)
class School:
    """A school's id, and what a sign-in at an older server must say besides."""

    id: str
    place: Mapping[str, str] = field(default_factory=dict)


async def find_school(wanted: str, ask: Ask, *, source: str) -> School:
    """The school of an id or a name.

    Raises:
        SourceConfigError: there is none, or there are several.

    """
    if wanted.isdecimal():
        found = _schools(await ask("/webapi/addresses/schools", {"id": wanted}))
        return next((_school(s) for s in found if str(s["id"]) == wanted), School(wanted))
    first = wanted.split(maxsplit=1)[0]
    ways: tuple[tuple[str, dict[str, str]], ...] = (
        ("/webapi/schools/search", {"name": wanted}),
        ("/webapi/schools/search", {"name": first}),
        ("/webapi/schools/search", {"name": first[0]}),
        ("/webapi/schools/search", {}),
        ("/webapi/addresses/schools", {"funcType": _KIND}),
    )
    alone: dict[str, School] = {}
    for n, (path, params) in enumerate(ways):
        found = _schools(await ask(path, params))
        if one := _one_of(found, wanted, source):
            return one
        alone |= {str(s["id"]): _school(s) for s in found} if n == 0 else {}
    if len(alone) == 1:
        return next(iter(alone.values()))
    if one := await _by_form(wanted, ask, source):
        return one
    raise SourceConfigError(f"{source}: the portal knows no school {wanted!r}; see remote_id")


def _one_of(schools: Sequence[Mapping[str, Any]], wanted: str, source: str) -> School | None:
    meant = {str(s["id"]): _school(s) for s in _meant(schools, wanted)}
    if len(meant) > 1:
        raise SourceConfigError(
            f"{source}: remote_id {wanted!r} is the name of several schools; write one of their ids: "
            f"{', '.join(sorted(meant)[:20])}"
        )
    return next(iter(meant.values()), None)


async def _by_form(wanted: str, ask: Ask, source: str) -> School | None:
    """The oldest way: the sign-in page's own lists, town by town."""
    form = await ask(_FORM, {})
    if not isinstance(form, Mapping):
        return None
    place = {n: v for n in ("cid", "sid", "pid", "cn") if (v := plain_key(form, n))} | {"sft": _KIND}
    for city in [place.get("cn"), *_ids(form.get("cities"))][:_CITIES]:
        here = place | ({"cn": city} if city else {})
        listed = form.get("schools") if city == place.get("cn") else None
        if not isinstance(listed, list):
            said = await ask(_NEXT_FORM, here | {"LASTNAME": "sft"})
            listed = said.get("items") if isinstance(said, Mapping) else None
        if one := _one_of(_schools(listed), wanted, source):
            return School(one.id, here)
    return None


def _ids(items: Any) -> Iterator[str]:
    yield from (number for item in (items if isinstance(items, list) else ()) if (number := plain_key(item, "id")))


def _school(item: Mapping[str, Any]) -> School:
    place = {name: value for name, said in _PLACE if (value := plain_key(item, said))}
    return School(str(item["id"]), place | {"sft": _KIND} if len(place) == len(_PLACE) else {})


def _schools(items: Any) -> list[Mapping[str, Any]]:
    listed = items if isinstance(items, list) else []
    return [s for s in listed if isinstance(s, Mapping) and isinstance(s.get("id"), (int, str))]


def _meant(schools: Sequence[Mapping[str, Any]], wanted: str) -> list[Mapping[str, Any]]:
    """The schools that a name is of: the whole name first, then one that has or lacks its town."""
    whole = [s for s in schools if wanted.casefold() in _names(s)]
    if whole:
        return whole
    base, _, town = wanted.casefold().removesuffix(")").rpartition(" (")
    if not base:
        return [s for s in schools if wanted.casefold() in {n.rpartition(" (")[0] for n in _names(s)}]
    return [
        s
        for s in schools
        if base in _names(s) and any(town in str(s.get(n) or "").casefold() for n in ("name", "addressString"))
    ]


def _names(school: Mapping[str, Any]) -> set[str]:
    return {str(school[n]).strip().casefold() for n in ("shortName", "name") if school.get(n)}
