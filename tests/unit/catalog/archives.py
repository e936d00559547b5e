"""Random archives in a catalog, random queries, and brute force over all documents."""

from dataclasses import dataclass, field
from typing import Any

import orjson

from gateway.catalog import entries
from gateway.catalog.progress import Mark
from gateway.catalog.writer import Writer
from gateway.dicom import ranges
from gateway.dicomweb import query as queries
from gateway.dicomweb.query import Level, Query
from gateway.imagesets import document, excerpts
from gateway.imagesets.document import Instance
from gateway.remote.api import Summary
from gateway.services import results
from gateway.services.criteria import criteria
from gateway.services.library import by_preference
from gateway.services.results import Result
from gateway.services.scope import Scope

DATASTORE = "d" * 32
ROOT = "http://gateway/studies"

NAMES = (
    "DOE^JOHN", "DOE^JANE", "doe^john", "DOERING^JON", "MCDOE^MARY^A", "Müller^Jürgen", "MULLER^J",
    "O'NEILL^SEÁN", "MEIER^JOHANN", "MAYER^JOHANN", "SMITH^ANNA MARIA", "SMYTH^ANNA", "LI^X",
    "Yamada^Tarou=山田^太郎=やまだ^たろう", "=山田^花子", "Wang^Xiaodong=王^小东",
    "DOE", "^JOHN", "", "DE LA CRUZ^JUAN^^DR^JR", "=DOE^JIM", "Ångström^Åsa",
)  # fmt: skip
IDS = ("P1", "P2", "p1", "P1*", "ID 7", "", " P1 ", ["P1", "P9"], "P%1", "P_1")
DATES = (
    "20240101", "20240102", "20240131", "2024.01.02", "20231231", "", "202401", "20241399",
    "20240229", ["20240101", "20230101"],
)  # fmt: skip
TIMES = ("101112", "10", "1011", "235959.5", "000000", "", "10:11:12", "2460", "101112.123456")
ZONES = ("", "", "", "+0100", "-0500", "nonsense")
SEXES = ("F", "M", "O", "")
ACCESSIONS = ("A1", "A2", "A10", "B1", "", "A_1", ["A1", "A2"])
DESCRIPTIONS = ("Knee left", "Knee right", "Head", "", "CHEST/ABD", "Schädel", "50%")
MODALITIES = ("CT", "MR", "SR", "PT", "")
CLASSES = ("1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.4")


def _some(random, **values):
    """Attributes with one of their values each, of which some are left out."""
    return {key: random.choice(every) for key, every in values.items() if random.random() < 0.9}


def _study(random, uid):
    return {
        "StudyInstanceUID": uid,
        **_some(
            random,
            StudyDate=DATES,
            StudyTime=TIMES,
            AccessionNumber=ACCESSIONS,
            ReferringPhysicianName=NAMES,
            StudyID=("1", "2", ""),
            StudyDescription=DESCRIPTIONS,
            PatientAge=("030Y", "040Y"),
        ),
    }


def _patient(random):
    return _some(
        random,
        PatientName=NAMES,
        PatientID=IDS,
        PatientBirthDate=DATES,
        PatientSex=SEXES,
        OtherPatientIDsSequence=([{"PatientID": "X1", "IssuerOfPatientID": "H"}], []),
    )


def _series(random, uid, modality):
    """A series, which has the same number in all image sets."""
    number = ("1", "2", "10", "+3", "", "x")[sum(map(ord, uid)) % 6]
    found = {
        "SeriesInstanceUID": uid,
        "Modality": modality,
        "SeriesNumber": number,
        **_some(
            random,
            SeriesDescription=DESCRIPTIONS,
            BodyPartExamined=("KNEE", "HEAD", ""),
            PerformedProcedureStepStartDate=DATES,
            PerformedProcedureStepStartTime=TIMES,
        ),
    }
    return {key: value for key, value in found.items() if value != "" or key != "Modality"}


def _instance(random, sop, number, zone):
    own = {
        "SOPInstanceUID": sop,
        "SOPClassUID": random.choice(CLASSES),
        **_some(
            random,
            InstanceNumber=(str(number), number, "", "7"),
            Rows=(512, 256),
            Columns=(512,),
            ContentDate=DATES,
            KVP=("120", "80"),
            ImageType=(["ORIGINAL", "PRIMARY"], ["DERIVED"]),
        ),
    }
    if zone:
        own["TimezoneOffsetFromUTC"] = zone
    return {"DICOM": own, "DICOMVRs": {}, "ImageFrames": [], "StoredTransferSyntaxUID": ""}


@dataclass
class Archive:
    """Image sets by their identifier: the summary of each, and its document."""

    random: Any
    image_sets: dict[str, tuple[Summary, bytes]] = field(default_factory=dict)
    made: int = 0

    def grow(self, studies: int) -> list[str]:
        """Add some studies; the identifiers of their image sets."""
        before = set(self.image_sets)
        for _ in range(studies):
            self.made += 1
            self._add(f"1.2.{self.random.randint(1, 9)}.{self.made}")
        return [one for one in self.image_sets if one not in before]

    def _add(self, uid: str) -> None:
        random = self.random
        patient, study = _patient(random), _study(random, uid)
        sops: list[tuple[str, str]] = []
        for number in range(random.choice((1, 1, 1, 2, 3))):
            if number and random.random() < 0.5:
                patient = _patient(random)
            if number and random.random() < 0.3:
                study = _study(random, uid)
            self._image_set(uid, number, patient, study, sops)

    def _image_set(self, uid, number, patient, study, sops) -> None:
        random, series = self.random, {}
        zone = random.choice(ZONES)
        for one in range(random.choice((1, 1, 2))):
            shared = sops and random.random() < 0.4
            name = random.choice(sops)[0] if shared else f"{uid}.{number}.{one}"
            if name in series:
                continue
            modality = random.choice(MODALITIES)
            level = _series(random, name, modality)
            instances = {}
            for place in range(1, random.choice((2, 3, 4))):
                sop = f"{name}.{place if shared else number * 10 + place}"
                known = [other for series_uid, other in sops if series_uid == name]
                if known and random.random() < 0.5:
                    sop = random.choice(known)
                instances[sop] = _instance(random, sop, place, zone)
                sops.append((name, sop))
            series[name] = {"DICOM": level, "Instances": instances}
        tree = {
            "Patient": {"DICOM": patient},
            "Study": {"DICOM": study, "Series": series},
        }
        name = f"{len(self.image_sets):032x}"
        primary = random.choice((True, True, False, None))
        summary = Summary(name, 1, float(random.randint(1, 5)), primary, {})
        self.image_sets[name] = summary, orjson.dumps(tree)

    def store(self, database) -> None:
        """Put all image sets into the catalog, where they are not in it yet."""
        writer = Writer(database, DATASTORE, "all")
        writer.begin()
        every = [entries.entry(*one) for one in self.image_sets.values()]
        writer.apply(every, mark=Mark(loaded_at=1.0))

    def studies(self) -> list[list[Instance]]:
        """The instances of each study, the preferred first; the newest studies first."""
        found: dict[str, list[Instance]] = {}
        for summary in by_preference(one for one, _ in self.image_sets.values()):
            parsed = document.parse(summary.image_set_id, self.image_sets[summary.image_set_id][1])
            for one in parsed.instances.values():
                found.setdefault(one.study, []).append(one)
        every = [found[uid] for uid in sorted(found)]
        return sorted(every, key=lambda one: _moment(one[0]), reverse=True)


def _moment(one: Instance) -> tuple[str, str]:
    return _first(one, 0x00080020, "DA"), _first(one, 0x00080030, "TM")


def _first(one: Instance, tag: int, vr: str) -> str:
    element = one.element(tag)
    return ranges.normal(vr, element[2][0]) if element and element[2] else ""


def brute_force(studies: list[list[Instance]], query: Query) -> list[Result]:
    """All results, by matching every document."""
    asked = criteria(query)
    found: list[Result] = []
    for instances in studies:
        scope = Scope(instances, ROOT, whole=True)
        chosen = _by_face(instances) if query.level is Level.STUDY else instances
        found += results.cut(asked, chosen, scope, slice(None), decided=False).results
    return found


def _by_face(instances: list[Instance]) -> list[Instance]:
    """Those that count, with those first that say of the study what the first of all does."""
    counting = {one.sop: one for one in reversed(instances)}
    faces: dict[bytes, list[Instance]] = {}
    for one in instances:
        if counting[one.sop] is one:
            face = excerpts.study(one).digest
            faces.setdefault(face, []).append(one)
    return [one for members in faces.values() for one in members]


def parsed(level: Level, pairs: list[tuple[str, str]]) -> Query:
    """The query that a client asks."""
    return queries.parse(level, pairs, {})
