"""What the stand-in answers about a school: people, groups, subjects, periods (portal facts, sections 5.1 and 5.2)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from connectors.partner_api.standin.desk import Ask, Desk, RefusedError, number, reads, refuse
from connectors.partner_api.standin.objects import GROUP, PERSON, SCHOOL, USER, WORK_TYPES, Json, ids
from connectors.standins.region import Group

# -- who am I --------------------------------------------------------------------------------------------------------


@reads("users/me", "users/{u}")
def get_user(desk: Desk, ask: Ask) -> Any:
    one = desk.user(ask)
    return desk.objects.user(one, desk.roles(one))


@reads("users/many", "users", method="POST")
def get_users(desk: Desk, ask: Ask) -> Any:
    if not ask.is_staff:
        raise RefusedError("systemForbidden")
    found = [desk.made.people.get(n - USER) for n in ask.body]
    return [desk.objects.user(p, desk.roles(p)) for p in found if p]


@reads("users/me/roles", "users/{u}/roles")
def get_roles(desk: Desk, ask: Ask) -> Any:
    return desk.roles(desk.user(ask))


@reads("users/me/context", "users/{u}/context")
def get_context(desk: Desk, ask: Ask) -> Any:
    one = desk.user(ask)
    groups = [g for g in desk.groups_of(one) if g.parent is None]
    user = desk.objects.user(one, [])
    names = {n: user[n] for n in ("firstName", "lastName", "middleName", "shortName")}
    school = SCHOOL + desk.made.id
    keys = [GROUP + g.id for g in groups]
    return {
        "userId": USER + one.id,
        "avatarUrl": "",
        "roles": desk.roles(one),
        "children": [],
        "schools": [{"id": school, "name": desk.made.short, "type": "School", "groupIds": keys}],
        "eduGroups": [desk.objects.group(g) for g in groups],
        "splitId": "0",
        "personId": PERSON + one.id,
        **names,
        "schoolIds": [school],
        "groupIds": keys,
    }


@reads("users/me/organizations", "users/me/schools", "users/{u}/schools")
def get_schools_of_user(desk: Desk, ask: Ask) -> Any:
    desk.user(ask)
    return [SCHOOL + desk.made.id]


@reads("users/me/organizations/{s}")
def get_organization(desk: Desk, ask: Ask) -> Any:
    desk.school(ask)
    zeros = {"OrganizationType": 1, "RegionId": 99, "DistrictId": 0, "CityId": 0}
    return {"OrganizationId": SCHOOL + desk.made.id, **zeros}


@reads("users/me/edu-groups", "users/{u}/edu-groups")
def get_groups_of_user(desk: Desk, ask: Ask) -> Any:
    return [GROUP + g.id for g in desk.groups_of(desk.user(ask))]


@reads(
    "users/me/school-memberships",
    "users/{u}/school-memberships",
    "users/{u}/education",
    "persons/{p}/school-memberships",
)
def get_memberships(desk: Desk, ask: Ask) -> Any:
    one = desk.person(ask.number("p", PERSON), ask) if "p" in ask.path else desk.user(ask)
    made = desk.made
    groups = []
    for group in desk.groups_of(one):
        courses = [c for c in made.courses_of(group.id) if one.role == "student" or one.id in c.teachers]
        subjects = [desk.objects.subject(c.subject) for c in courses]
        groups.append({"eduGroup": desk.objects.group(group), "roles": desk.roles(one), "subjects": subjects})
    school = {
        "school": desk.objects.school(),
        "roles": desk.roles(one),
        "editorRoles": [],
        "eduGroupMemberships": groups,
    }
    return {**ids("person", PERSON + one.id), "schools": [school]}


# -- the school ------------------------------------------------------------------------------------------------------


@reads("schools/person-schools")
def get_person_schools(desk: Desk, ask: Ask) -> Any:  # noqa: ARG001 - the same for everybody here
    return [desk.objects.short_school()]


@reads("schools/{s}")
def get_school(desk: Desk, ask: Ask) -> Any:
    desk.school(ask)
    return desk.objects.school()


@reads("schools")
def get_schools(desk: Desk, ask: Ask) -> Any:
    wanted = ask.query.get("schools", [])
    return [desk.objects.school()] if str(SCHOOL + desk.made.id) in wanted else []


@reads("schools/{s}/membership")
def get_membership(desk: Desk, ask: Ask) -> Any:
    desk.school(ask)
    kind = ask.query.get("schoolMembershipType", ["Staff"])[0]
    people = {"Staff": desk.active_staff, "Admins": desk.active_staff[:1]}.get(kind) or refuse("parameterInvalid")
    return [desk.objects.person(p) for p in people]


@reads("schools/{s}/teachers")
def get_teachers(desk: Desk, ask: Ask) -> Any:
    desk.school(ask)
    return [desk.objects.teacher(p) for p in desk.active_staff]


@reads("schools/{s}/subjects")
def get_subjects(desk: Desk, ask: Ask) -> Any:
    desk.school(ask)
    return [desk.objects.subject(n) for n in desk.made.subjects]


@reads("schools/{s}/edu-groups")
def get_groups(desk: Desk, ask: Ask) -> Any:
    desk.school(ask)
    if not ask.is_staff:
        raise RefusedError("systemForbidden")
    return [desk.objects.group(g) for g in desk.made.groups.values()]


@reads("schools/{s}/timetables")
def get_timetables(desk: Desk, ask: Ask) -> Any:
    desk.school(ask)
    return [desk.objects.timetable(None)]


@reads("work-types/{s}")
def get_work_types(desk: Desk, ask: Ask) -> Any:
    desk.school(ask)
    return [desk.objects.work_type(n) for n in range(1, len(WORK_TYPES) + 1)]


# -- groups and people -----------------------------------------------------------------------------------------------


@reads("edu-groups/{g}")
def get_group(desk: Desk, ask: Ask) -> Any:
    return desk.objects.group(desk.group(ask))


@reads("edu-groups")
def get_some_groups(desk: Desk, ask: Ask) -> Any:
    found = [desk.made.groups.get(number(g, GROUP)) for g in ask.query.get("eduGroups", [])]
    return [desk.objects.group(g) for g in found if g]


@reads("edu-groups", "edu-groups/students", method="POST")
def get_rosters(desk: Desk, ask: Ask) -> Any:
    found = [desk.made.groups.get(n - GROUP) or refuse("resourceUnavailable") for n in ask.body]
    return [_roster(desk, g) for g in found]


def _roster(desk: Desk, group: Group) -> Json:
    here = {p.id for p in desk.active(group)}
    students = [
        {"person": desk.objects.person(p), "membershipstatus": "Active" if p.id in here else "Archive"}
        for p in desk.ever(group)
    ]
    return {"group": desk.objects.group(group), "students": students}


@reads("edu-groups/{g}/students")
def get_students(desk: Desk, ask: Ask) -> Any:
    return [desk.objects.person(p) for p in desk.active(desk.group(ask))]


@reads("edu-groups/{g}/persons")
def get_persons(desk: Desk, ask: Ask) -> Any:
    group = desk.group(ask)
    archived = ask.query.get("includeArchive", ["false"])[0] == "true"
    return [desk.objects.person(p) for p in (desk.ever(group) if archived else desk.active(group))]


@reads("persons")
def get_persons_of_group(desk: Desk, ask: Ask) -> Any:
    wanted = ask.query.get("eduGroup") or refuse("parameterInvalid")
    group = desk.made.groups.get(number(wanted[0], GROUP)) or refuse("resourceUnavailable")
    return [desk.objects.person(p) for p in desk.active(group)]


@reads("persons/{p}")
def get_person(desk: Desk, ask: Ask) -> Any:
    return desk.objects.person(desk.person(ask.number("p", PERSON), ask))


@reads(
    "persons/{p}/edu-groups",
    "persons/{p}/edu-groups/all",
    "persons/{p}/schools/{s}/edu-groups",
    "persons/{p}/schools/{s}/edu-groups/teacher",
)
def get_groups_of_person(desk: Desk, ask: Ask) -> Any:
    return [desk.objects.group(g) for g in desk.groups_of(desk.person(ask.number("p", PERSON), ask))]


@reads("edu-groups/{g}/parallel")
def get_parallel(desk: Desk, ask: Ask) -> Any:
    level = desk.group(ask).level
    return [desk.objects.group(g) for g in desk.made.classes() if g.level == level]


@reads("edu-groups/{g}/subjects")
def get_subjects_of_group(desk: Desk, ask: Ask) -> Any:
    courses = desk.made.courses_of(desk.group(ask).id, with_parts=True)
    return [desk.objects.subject(n) for n in dict.fromkeys(c.subject for c in courses)]


@reads("edu-groups/{g}/teachers")
def get_teachers_of_group(desk: Desk, ask: Ask) -> Any:
    """Those who hold lessons between a week ago and 30 days from now."""
    today = desk.made.now.date()
    span = (today - timedelta(days=7), today + timedelta(days=30))
    lessons = desk.lessons(desk.courses(desk.group(ask)), span)
    return [desk.objects.person(desk.made.people[t]) for t in dict.fromkeys(x.teacher for x in lessons)]


@reads("edu-groups/{g}/classteacher")
def get_class_teacher(desk: Desk, ask: Ask) -> Any:
    curator = desk.group(ask).curator or refuse("resourceUnavailable")
    return desk.objects.person(desk.made.people[curator])


@reads("teacher/{p}/students")
def get_students_of_teacher(desk: Desk, ask: Ask) -> Any:
    groups = desk.groups_of(desk.person(ask.number("p", PERSON), ask))
    return [{**ids("id", GROUP + g.id), "students": [desk.objects.person(p) for p in desk.active(g)]} for g in groups]


@reads("edu-groups/{g}/timetables")
def get_timetable(desk: Desk, ask: Ask) -> Any:
    return desk.objects.timetable(desk.group(ask))


@reads("edu-groups/{g}/reporting-periods")
def get_periods(desk: Desk, ask: Ask) -> Any:
    return desk.objects.periods(desk.group(ask))


@reads("edu-groups/{g}/reporting-period-group")
def get_period_group(desk: Desk, ask: Ask) -> Any:
    return {"id": 1, "reportingPeriods": desk.objects.periods(desk.group(ask)), "holidays": []}
