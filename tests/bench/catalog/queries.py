"""What is asked of an archive: the searches of a worklist and of a viewer, with values it has."""

import datetime
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from tests.bench.catalog.archive import LONG_EVERY, SERIES, Archive, Study

PAGE: Final = 25
_MONTH: Final = 31


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of search: ``make`` gives a path, ``growth`` is how much dearer it may get,
    None where nobody has said."""

    work: str
    make: Callable[[Archive, random.Random], str]
    growth: float | None


def _study(archive: Archive, chance: random.Random) -> Study:
    return archive.study(chance.randrange(archive.studies))


def _studies(**keys: object) -> str:
    return "/studies?" + urlencode({**keys, "limit": PAGE})


def _patient_id(archive: Archive, chance: random.Random) -> str:
    return _studies(PatientID=_study(archive, chance).patient_id)


def _doe(_: Archive, __: random.Random) -> str:
    return _studies(PatientName="DOE*")


def _within_doe(_: Archive, __: random.Random) -> str:
    return _studies(PatientName="*DOE*")


def _prefix(archive: Archive, chance: random.Random) -> str:
    """The beginning of a name, as rare or frequent as families are."""
    family = _study(archive, chance).patient_name.partition("^")[0]
    return _studies(PatientName=f"{family[:4]}*")


def _part(archive: Archive, chance: random.Random) -> str:
    family = _study(archive, chance).patient_name.partition("^")[0]
    return _studies(PatientName=f"*{family[1:5]}*")


def _fuzzy(archive: Archive, chance: random.Random) -> str:
    """A name with one letter changed."""
    family, _, given = _study(archive, chance).patient_name.partition("^")
    place = chance.randrange(len(family))
    letter = chance.choice("AEIORSTL")
    wrong = f"{family[:place]}{letter}{family[place + 1 :]} {given}"
    return _studies(PatientName=wrong, fuzzymatching="true")


def _dates(archive: Archive, chance: random.Random) -> str:
    date = _study(archive, chance).date
    first = datetime.date(int(date[:4]), int(date[4:6]), int(date[6:]))
    return _studies(StudyDate=f"{date}-{first + datetime.timedelta(_MONTH - 1):%Y%m%d}")


def _modality(archive: Archive, chance: random.Random) -> str:
    return _studies(ModalitiesInStudy=chance.choice(("MR", "CT", "CR", "XA")))


def _accession(archive: Archive, chance: random.Random) -> str:
    return _studies(AccessionNumber=_study(archive, chance).accession_number)


def _deep(_: Archive, chance: random.Random) -> str:
    return f"/studies?{urlencode({'limit': PAGE, 'offset': 1000 + chance.randrange(10) * PAGE})}"


def _series(archive: Archive, chance: random.Random) -> str:
    return f"/studies/{_study(archive, chance).uid}/series"


def _instances(archive: Archive, chance: random.Random) -> str:
    """Of a scan every other time."""
    number = chance.randrange(archive.studies)
    study = archive.study(number - number % chance.choice((1, LONG_EVERY)))
    series = f"/studies/{study.uid}/series/{study.series_uid(SERIES)}"
    return f"{series}/instances?limit={PAGE}"


EXACT: Final = 1.5
TEXT: Final = 5.0

KINDS: Final[Mapping[str, Kind]] = {
    "patient-id": Kind("PatientID, exact", _patient_id, EXACT),
    "accession": Kind("AccessionNumber, exact", _accession, EXACT),
    "name-prefix": Kind("PatientName `DOE*`", _doe, TEXT),
    "name-part": Kind("PatientName `*DOE*`", _within_doe, TEXT),
    "any-prefix": Kind("the beginning of any PatientName", _prefix, None),
    "any-part": Kind("a part of any PatientName", _part, None),
    "name-fuzzy": Kind("PatientName, fuzzy", _fuzzy, TEXT),
    "dates": Kind("StudyDate, a range of 31 days", _dates, EXACT),
    "modality": Kind("ModalitiesInStudy", _modality, EXACT),
    "deep": Kind("limit=25&offset=1000", _deep, EXACT),
    "series": Kind("series of a study", _series, EXACT),
    "instances": Kind("instances of a series", _instances, EXACT),
}
