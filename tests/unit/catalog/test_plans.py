"""What SQL is asked for: enough in any case, and when it decides alone."""

import pytest
from sqlalchemy.dialects import sqlite

from gateway.catalog import plans, statements
from gateway.catalog.schema import STUDY
from gateway.dicomweb import query as queries
from gateway.dicomweb.query import Level


def planned(*pairs, level=Level.STUDY):
    return plans.plan(queries.parse(level, pairs, {}))


def written(condition):
    return str(condition.compile(dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True}))


@pytest.mark.parametrize(
    ("pairs", "depth", "decided", "filters"),
    [
        ((), Level.STUDY, True, 0),
        ((("PatientID", "P1"),), Level.STUDY, True, 1),
        ((("PatientID", "P*"),), Level.STUDY, True, 1),
        ((("PatientID", "P?"),), Level.STUDY, False, 1),
        ((("StudyDate", "20240101-"),), Level.STUDY, True, 1),
        ((("StudyDate", "20240101-"), ("StudyTime", "10-")), Level.STUDY, False, 1),
        ((("StudyTime", "10-"),), Level.STUDY, False, 1),
        ((("ModalitiesInStudy", "MR"),), Level.STUDY, True, 1),
        ((("ModalitiesInStudy", "M*"),), Level.STUDY, False, 1),
        ((("NumberOfStudyRelatedSeries", "3"),), Level.STUDY, True, 1),
        ((("NumberOfStudyRelatedSeries", "x"),), Level.STUDY, False, 0),
        ((("Modality", "MR"),), Level.SERIES, True, 1),
        ((("SeriesNumber", "3"),), Level.SERIES, False, 0),
        ((("KVP", "120"),), Level.INSTANCE, False, 0),
        ((("OtherPatientIDsSequence.PatientID", "X"),), Level.STUDY, False, 0),
        ((("PatientID", "*"),), Level.STUDY, True, 0),
        ((("PatientID", "P\0"),), Level.STUDY, False, 0),
    ],
)
def test_which_rows_are_looked_at_and_who_decides(pairs, depth, decided, filters):
    found = planned(*pairs)
    assert (found.depth, found.decided, len(found.filters)) == (depth, decided, filters)


@pytest.mark.parametrize(
    ("pairs", "condition"),
    [
        ((("PatientID", "P1"),), "study.patient_id = 'P1'"),
        ((("PatientID", "P*"),), "study.patient_id >= 'P' AND study.patient_id < 'Q'"),
        (
            (("StudyDate", "-2024.01.02"),),
            "study.study_date > '' AND study.study_date <= '20240102'",
        ),
        (
            (("StudyDate", "20240101-"), ("TimezoneOffsetFromUTC", "+0100")),
            "study.study_date >= '20231230'",
        ),
        (
            (("PatientID", '""'), ("emptyvaluematching", "true")),
            "study.patient_id = ''",
        ),
    ],
)
def test_conditions(pairs, condition):
    [found] = planned(*pairs).filters
    assert written(found.where) == condition


def test_odd_rows_get_through_a_loosened_condition():
    [found] = planned(("PatientID", "P1")).filters
    assert written(plans.loose(found)) == "study.patient_id = 'P1' OR study.odd = 1"


@pytest.mark.parametrize(
    ("prefix", "condition"),
    [
        ("a", "study.patient_id >= 'a' AND study.patient_id < 'b'"),
        ("a\U0010ffff", "study.patient_id >= 'a\U0010ffff' AND study.patient_id < 'b'"),
        ("\ud7ff", "study.patient_id >= '\ud7ff' AND study.patient_id < '\ue000'"),
        ("\U0010ffff", "study.patient_id >= '\U0010ffff'"),
    ],
)
def test_what_begins_with_a_text_is_a_range(prefix, condition):
    assert written(statements.beginning(STUDY.c.patient_id, prefix)) == condition


@pytest.mark.parametrize(("text", "storable"), [("a", True), ("\0", False), ("\ud800", False)])
def test_what_no_database_can_be_asked_for(text, storable):
    assert statements.is_storable(text) is storable
