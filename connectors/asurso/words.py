"""Code words of the SPO module in canonical words (portal facts A6; canonical.md)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

PRINTED: Final[Mapping[str, str]] = {
    "One": "1",
    "Two": "2",
    "Three": "3",
    "Four": "4",
    "Five": "5",
    "Success": "зач",
    "Fail": "незач",
    "Absent": "н/а",
    "Excused": "осв",
}
"""A mark's code word as staff see it on the screen."""

MEANINGS: Final[Mapping[str, str]] = {
    "One": "grade",
    "Two": "grade",
    "Three": "grade",
    "Four": "grade",
    "Five": "grade",
    "Success": "credit",
    "Fail": "no_credit",
    "Absent": "not_attested",
    "Excused": "exempt",
}

NO_VALUE: Final = frozenset({None, "", "None"})
"""What stands in a cell that has no mark."""

DEBT: Final = "•"
"""A required task, or cell of the attestation sheet, without a mark."""

ATTENDANCE: Final[Mapping[str, str]] = {
    "IsLate": "late",
    "IsAbsentByValidReason": "excused",
    "IsAbsentByNotValidReason": "absent",
    "SickLeave": "ill",
    "IsAbsent": "absent",  # older builds know only this one and IsLate
}

LESSON_KINDS: Final[Mapping[str, str]] = {
    "Lecture": "theory",
    "Lesson": "theory",
    "Practice": "practice",
    "PracticalTraining": "practical",
    "PracticalWork": "practical",
    "Laboratory": "laboratory",
    "Examination": "control",
    "Consultation": "consultation",
    "Self": "other",
    "Seminar": "other",
    "Excursion": "other",
    "Composition": "other",
    "BusinessGame": "other",
    "SportStandarts": "other",
}

CONTROLS: Final[Mapping[str, str]] = {
    "Lesson": "oral",
    "Report": "oral",
    "Colloquium": "oral",
    "Independent": "written",
    "Review": "written",
    "Control": "test",
    "Slice": "test",
    "Test": "test",
    "Laboratory": "laboratory",
    "PracticalWork": "practical",
    "SportStandarts": "practical",
    "Home": "homework",
}

HOME: Final = "Home"

SUBJECT_KINDS: Final[Mapping[str, str]] = {
    "Regular": "discipline",
    "Mdk": "mdk",
    "PracticalTraining": "practice",
    "Internship": "practice",
}

PERIOD_KINDS: Final[Mapping[str, str]] = {"Semester": "semester", "Trimester": "trimester", "Course": "year"}

EXAMINATIONS: Final[Mapping[str, str]] = {
    "Exam": "exam",
    "DifferentiatedTest": "graded_credit",
    "Test": "credit",
    "CourseWork": "coursework",
    "ProfessionalModule": "qualification_exam",
}

SEXES: Final[Mapping[str, str]] = {"Male": "m", "Female": "f"}

JOINING: Final = frozenset({"Enroll", "Move", "NextTerm", "NextYear"})
"""Decrees after which a pupil is in the group that they name."""

LEAVING: Final[Mapping[str, str]] = {"Retire": "expelled", "Graduate": "graduated", "Disband": "transferred"}
"""Decrees after which a pupil is in no group, and what they are then if no reason is said."""

RETIREMENTS: Final[Mapping[str, str]] = {
    "AcademicVacation": "academic_leave",
    "Graduation": "graduated",
    "TransferInOtherEducationOrganizations": "transferred",
    "TransferOnOtherEducationFormInThisOrganization": "transferred",
    "PersonalDesire": "expelled",
    "SendDown": "expelled",
    "SendDownForPoorProgress": "expelled",
    "SendDownForFailFinalExams": "expelled",
    "Conscription": "expelled",
    "Disease": "expelled",
    "OtherReasons": "expelled",
    "TerminationOfContract": "expelled",
    "StudentsDeath": "expelled",
}

STAFF_DECREES: Final = frozenset({"Hire", "Fire", "Appoint", "Dismiss"})
"""Decrees that are of an employee, should one stand on a card."""
