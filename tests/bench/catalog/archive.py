"""A made-up archive of any size: documents as HealthImaging has them, by seed and number.

Nothing is kept: study ``number`` of a seed is the same whenever it is asked for, so that an archive
of a million studies can be written by several processes and be asked about by another.
"""

import datetime
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from typing import Any, Final

import orjson

from gateway.remote.api import Summary

SERIES: Final = 3
LONG_EVERY: Final = 500
"""Studies, of which the first one's last series has as many instances as a scan."""

LONG: Final = 300
_INSTANCES: Final = 2
_DAYS: Final = 3_650
_LAST_DAY: Final = datetime.date(2026, 6, 30)
_FAMILIES: Final = 6_000
_GIVEN: Final = 600
_STUDIES_OF_PATIENT: Final = 3
_ROOT: Final = "1.2.826.0.1.3680043.10.1471"
_MODALITIES: Final = {
    "CR": 30, "CT": 22, "MR": 14, "US": 14, "DX": 10, "MG": 4, "NM": 2, "PT": 2, "XA": 2,
}  # fmt: skip
_SOP_CLASSES: Final = {
    "CR": "1.2.840.10008.5.1.4.1.1.1",
    "CT": "1.2.840.10008.5.1.4.1.1.2",
    "MR": "1.2.840.10008.5.1.4.1.1.4",
    "US": "1.2.840.10008.5.1.4.1.1.6.1",
    "DX": "1.2.840.10008.5.1.4.1.1.1.1",
    "MG": "1.2.840.10008.5.1.4.1.1.1.2",
    "NM": "1.2.840.10008.5.1.4.1.1.20",
    "PT": "1.2.840.10008.5.1.4.1.1.128",
    "XA": "1.2.840.10008.5.1.4.1.1.12.1",
    "SR": "1.2.840.10008.5.1.4.1.1.88.33",
}
_PARTS: Final = ("CHEST", "HEAD", "ABDOMEN", "PELVIS", "KNEE", "HAND", "BREAST", "SPINE", "HEART")
_ONSETS: Final = [
    "B",
    "BR",
    "CH",
    "D",
    "F",
    "G",
    "GR",
    "H",
    "J",
    "K",
    "KL",
    "L",
    "M",
    "N",
    "P",
    "PR",
    "R",
    "S",
    "SCH",
    "ST",
    "T",
    "TH",
    "V",
    "W",
    "Z",
]
_RIMES: Final = [
    "A",
    "AN",
    "AR",
    "E",
    "EL",
    "EN",
    "ER",
    "I",
    "IN",
    "IS",
    "O",
    "OB",
    "OR",
    "OS",
    "U",
    "UL",
    "UR",
    "Y",
]
_NAMED: Final = ("DOE", "DOERING", "DOEHLER", "VANDOEREN", "SCHMIDT", "SMITH", "MÜLLER", "山田")


@dataclass(frozen=True, slots=True)
class Study:
    """What searches ask for of one study."""

    number: int
    uid: str
    patient_id: str
    patient_name: str
    accession_number: str
    date: str
    modalities: tuple[str, ...]

    def series_uid(self, number: int) -> str:
        """The UID of series ``number``, from 1."""
        return f"{self.uid}.{number}"

    def instances(self, number: int) -> int:
        """How many instances series ``number`` has."""
        long = number == SERIES and self.number % LONG_EVERY == 0
        return LONG if long else _INSTANCES


@lru_cache(4)
def _words(seed: int) -> tuple[Sequence[str], Sequence[float], Sequence[str]]:
    """Family names, how often each up to there occurs, and given names."""
    chance = random.Random(f"names {seed}")
    families = list(_NAMED)
    while len(families) < _FAMILIES:
        families.append(_word(chance, chance.choice((2, 2, 3, 3, 4))))
    given = [_word(chance, chance.choice((2, 2, 3))) for _ in range(_GIVEN)]
    chance.shuffle(families)
    weights = list(accumulate(1 / (20 + place) for place in range(_FAMILIES)))
    return families, weights, given


def _word(chance: random.Random, syllables: int) -> str:
    return "".join(chance.choice(_ONSETS) + chance.choice(_RIMES) for _ in range(syllables))


class Archive:
    """The archive of ``seed`` with ``studies`` studies, each of three series."""

    def __init__(self, seed: int, studies: int) -> None:
        self.seed = seed
        self.studies = studies

    def study(self, number: int) -> Study:
        """Study ``number``, from 0."""
        chance = random.Random(self.seed * 1_000_003 + number)
        patient = chance.randrange(max(self.studies // _STUDIES_OF_PATIENT, 1))
        day = _LAST_DAY - datetime.timedelta(chance.randrange(_DAYS))
        [first] = chance.choices(list(_MODALITIES), list(_MODALITIES.values()))
        others = chance.choices(("SR", first), (1, 3), k=SERIES - 1)
        return Study(
            number,
            f"{_ROOT}.{self.seed}.{number}",
            f"P{self.seed % 10}{patient:07}",
            self._name(patient),
            f"A{self.seed % 10}{number:08}",
            f"{day:%Y%m%d}",
            (first, *others),
        )

    def _name(self, patient: int) -> str:
        families, weights, given = _words(self.seed)
        chance = random.Random(self.seed * 7_919 + patient)
        [family] = chance.choices(families, cum_weights=weights)
        return f"{family}^{chance.choice(given)}"

    def image_sets(self, first: int, last: int) -> Iterator[tuple[Summary, bytes]]:
        """The image sets of the studies ``first`` up to ``last``, with their documents."""
        for number in range(first, last):
            study = self.study(number)
            for series in range(1, SERIES + 1):
                yield self._image_set(study, series)

    def _image_set(self, study: Study, series: int) -> tuple[Summary, bytes]:
        image_set_id = f"{self.seed:08x}{study.number * SERIES + series:024x}"
        updated = 1_700_000_000.0 + study.number + series / 10
        document = {
            "SchemaVersion": "1.1",
            "DatastoreID": f"{self.seed:032x}",
            "ImageSetID": image_set_id,
            "Patient": {"DICOM": _patient(study)},
            "Study": {
                "DICOM": _study(study),
                "Series": {study.series_uid(series): _series(study, series)},
            },
        }
        return Summary(image_set_id, 1, updated, True, {}), orjson.dumps(document)


def _patient(study: Study) -> Mapping[str, Any]:
    number = int(study.patient_id[2:])
    return {
        "PatientID": study.patient_id,
        "PatientName": study.patient_name,
        "PatientBirthDate": f"{1930 + number % 90}{1 + number % 12:02}{1 + number % 28:02}",
        "PatientSex": "FMO"[number % 40 // 20 if number % 41 else 2],
    }


def _study(study: Study) -> Mapping[str, Any]:
    return {
        "StudyInstanceUID": study.uid,
        "StudyDate": study.date,
        "StudyTime": f"{7 + study.number % 12:02}{study.number % 60:02}{study.number % 59:02}",
        "AccessionNumber": study.accession_number,
        "StudyID": f"S{study.number}",
        "StudyDescription": f"{study.modalities[0]} {_PARTS[study.number % len(_PARTS)]}",
        "ReferringPhysicianName": f"REFERRER^{study.number % 300}",
    }


def _series(study: Study, number: int) -> Mapping[str, Any]:
    modality = study.modalities[number - 1]
    uid = study.series_uid(number)
    instances = range(1, study.instances(number) + 1)
    return {
        "DICOM": {
            "SeriesInstanceUID": uid,
            "Modality": modality,
            "SeriesNumber": str(number),
            "SeriesDescription": f"{modality} {number}",
            "BodyPartExamined": _PARTS[study.number % len(_PARTS)],
            "SeriesDate": study.date,
            "Manufacturer": "Made Up",
            "PerformedProcedureStepStartDate": study.date,
        },
        "Instances": {
            f"{uid}.{one}": _instance(f"{uid}.{one}", modality, one) for one in instances
        },
    }


def _instance(uid: str, modality: str, number: int) -> Mapping[str, Any]:
    sop_class = _SOP_CLASSES[modality]
    common = {
        "SOPClassUID": sop_class,
        "SOPInstanceUID": uid,
        "InstanceNumber": str(number),
        "TransferSyntaxUID": "1.2.840.10008.1.2.1",
    }
    if modality == "SR":
        return {"DICOM": common | {"CompletionFlag": "COMPLETE"}, "DICOMVRs": {}, "ImageFrames": []}
    return {
        "DICOM": common
        | {
            "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"],
            "SliceLocation": str(number * 1.25),
            "SamplesPerPixel": 1,
            "PhotometricInterpretation": "MONOCHROME2",
            "Rows": 512,
            "Columns": 512,
            "BitsAllocated": 16,
            "BitsStored": 12,
            "HighBit": 11,
            "PixelRepresentation": 0,
            "WindowCenter": "40",
            "WindowWidth": "400",
        },
        "DICOMVRs": {},
        "StoredTransferSyntaxUID": "1.2.840.10008.1.2.4.202",
        "ImageFrames": [{"ID": f"{number:032x}", "FrameSizeInBytes": 139_000}],
    }
