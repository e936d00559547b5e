"""SearchImageSets against brute force over the same rows in Python."""

from datetime import datetime, timedelta
from itertools import count

import orjson
import pytest
from hypothesis import example, given, settings, strategies as st

from gateway.emulator import image_sets, model, resources, search
from gateway.emulator.faults import Fault
from gateway.emulator.paging import Pager
from gateway.emulator.store import Database

PAGER = Pager("secret")
REGION = "us-east-1"
EQUAL = {
    "DICOMPatientId": "PatientID",
    "DICOMAccessionNumber": "AccessionNumber",
    "DICOMStudyId": "StudyID",
    "DICOMStudyInstanceUID": "StudyInstanceUID",
    "DICOMSeriesInstanceUID": "SeriesInstanceUID",
}
DATES = ["20240101", "20240102", "2024.01.02", "20231231"]
TIMES = ["", "00", "10", "1011", "101112", "101112.5", "101112.500000 ", "235959.999999"]
MOMENTS = [1700000000.0, 1700000000.125, 1700000001.0, 1700000007.7]
NUMBERS = count()


def row_values(names):
    return st.sampled_from([f"{names}1", f"{names}2", f"{names}1 ", "", None])


rows = st.fixed_dictionaries(
    {
        "PatientID": row_values("P"),
        "AccessionNumber": row_values("A"),
        "StudyID": row_values("S"),
        "StudyInstanceUID": st.sampled_from(["1.2.1", "1.2.2"]),
        "SeriesInstanceUID": st.sampled_from(["1.3.1", "1.3.2"]),
        "StudyDate": st.sampled_from([*DATES, "", None]),
        "StudyTime": st.sampled_from([*TIMES, None]),
        "created": st.sampled_from(MOMENTS),
        "updated": st.sampled_from(MOMENTS),
    }
)


def dates(names):
    day = st.fixed_dictionaries(
        {"DICOMStudyDate": st.sampled_from(DATES)},
        optional={"DICOMStudyTime": st.sampled_from(TIMES)},
    )
    return st.sampled_from(MOMENTS) if names != "DICOMStudyDateAndTime" else day


RANGES = ("createdAt", "updatedAt", "DICOMStudyDateAndTime")
equal = st.one_of(
    st.sampled_from(sorted(EQUAL)).flatmap(
        lambda name: st.sampled_from({v for v in ("P1", "A2", "S1", "1.2.1", "1.3.2", "x")}.__iter__)
        if False
        else st.sampled_from(["P1", "A1", "S2", "1.2.1", "1.3.2"]).map(lambda value: {name: value})
    ),
)
