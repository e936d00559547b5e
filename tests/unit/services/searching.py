"""Searches over a small hospital in memory, as tests write them."""

import asyncio
from dataclasses import dataclass
from urllib.parse import parse_qsl

import orjson

from gateway.dicomweb import query as rules
from gateway.dicomweb.query import Level
from gateway.services.compute import Compute
from gateway.services.library import Library
from gateway.services.search import Search
from tests.unit.services.memory import (
    DATASTORE,
    MemoryHealthImaging,
    answers,
    image_set,
    instance,
    settings,
)

ROOT = "https://gateway.example/dicomweb"
STUDY, SERIES, INSTANCE = Level.STUDY, Level.SERIES, Level.INSTANCE
UIDS = {STUDY: "0020000D", SERIES: "0020000E", INSTANCE: "00080018"}


@dataclass(frozen=True)
class Answer:
    """What goes out: DICOM JSON objects, warnings, the total."""

    results: list
    warnings: list
    total: int | None


def parse(text="", level=STUDY, study=None, series=None):
    """The query that a query string is, at a level, below a study or a series."""
    places = {0x0020000D: study, 0x0020000E: series}
    path = {tag: uid for tag, uid in places.items() if uid is not None}
    return rules.parse(level, parse_qsl(text, keep_blank_values=True), path)


async def answered(service, query, client=""):
    answer = await service.json(DATASTORE, query, ROOT, client)
    return Answer(orjson.loads(answer.content), answer.warnings, answer.total)


def serve(remote, scenario, **changes):
    """Run ``scenario`` with a search service over ``remote``."""

    async def served():
        limits = settings(**changes)
        library, compute = Library(remote, limits), Compute(2)
        try:
            return await scenario(Search(library, compute, limits, answers()))
        finally:
            await compute.close()
            await library.close()

    return asyncio.run(served())


def search(remote, text="", level=STUDY, study=None, series=None, **changes):
    """The answer to a query string, at a level, below a study or a series."""
    query = parse(text, level, study, series)
    return serve(remote, lambda service: answered(service, query), **changes)


def uids(answer, level=STUDY):
    return [one[UIDS[level]]["Value"][0] for one in answer.results]


def value(result, tag):
    return result[tag]["Value"]


def hospital(page=50):
    """Three studies: two series of two modalities, one series in two image sets, one without."""
    remote = MemoryHealthImaging(page)
    remote.add(
        image_set(
            "1",
            "1.2",
            instance("1.2.2", 2),
            instance("1.2.1", 1),
            patient={"PatientID": "P1"},
            at_study={"StudyDate": "20240101", "AccessionNumber": "A1"},
            at_series={"SeriesNumber": "2", "Modality": "MR", "BodyPartExamined": "HEAD"},
        )
    )
    remote.add(
        image_set(
            "1",
            "1.10",
            instance("1.10.1", 1),
            patient={"PatientID": "P1"},
            at_study={"StudyDate": "20240101", "AccessionNumber": "A1"},
            at_series={"SeriesNumber": "1", "BodyPartExamined": "CHEST"},
        )
    )
    for number in (2, 1):
        remote.add(
            image_set(
                "2",
                "2.1",
                instance(f"2.1.{number}", number, ImageComments=f"slice {number}"),
                patient={"PatientID": "P2", "PatientName": "Phantom^Two"},
                at_study={"StudyDate": "20240301", "AccessionNumber": "A2"},
            )
        )
    remote.add(
        image_set(
            "3",
            "3.1",
            instance("3.1.1"),
            patient={"PatientID": "P3"},
            at_study={"StudyDate": None, "StudyTime": None, "AccessionNumber": "A3"},
            at_series={"Modality": None},
        )
    )
    return remote
