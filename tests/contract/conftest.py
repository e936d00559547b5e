"""A small hospital: studies whose every attribute the tests know."""

from dataclasses import dataclass

import pytest

from tests import files
from tests.contract.keeping import Index
from tests.running import Gateway

UID = "1.2.826.0.1.3680043.10.7"


@dataclass(frozen=True)
class Hospital:
    """A data store of its own, its service root, and the data sets in it."""

    datastore_id: str
    root: str
    datasets: list


def _datasets():
    people = [("Muster^Anna", "P1", "19700101", "F"), ("Müller^Jörg", "P2", "19800202", "M"),
              ("Doe^Jane=ドウ^ジェーン", "P3", "", "O")]  # fmt: skip
    modalities = ("CT", "MR", "US")
    for number, (name, patient, born, sex) in enumerate(people):
        for visit in range(3):
            study = f"{UID}.{number}.{visit}"
            for series in range(1 + (number + visit) % 2):
                for instance in range(1, 4):
                    yield files.ct(
                        instance,
                        size=16,
                        SpecificCharacterSet="ISO_IR 192",
                        PatientName=name,
                        PatientID=patient,
                        PatientBirthDate=born,
                        PatientSex=sex,
                        StudyInstanceUID=study,
                        SeriesInstanceUID=f"{study}.{series}",
                        SOPInstanceUID=f"{study}.{series}.{instance}",
                        StudyDate=f"2024{number + 1:02}{visit + 10}",
                        StudyTime=f"{visit + 8:02}3000",
                        StudyDescription=f"Visit {visit} chest",
                        AccessionNumber=f"A{number}{visit}",
                        StudyID=f"S{visit}",
                        ReferringPhysicianName="House^Gregory" if visit else "Grey^Meredith",
                        Modality=modalities[(number + series) % 3],
                        SeriesNumber=series + 1,
                        SeriesDescription=f"Series {series}",
                    )


@pytest.fixture(scope="session")
def hospital(healthimaging, gateway, tmp_path_factory):
    """Nine studies, fourteen series, forty-two instances, imported in three jobs."""
    made = healthimaging.imaging.create_datastore(
        datastoreName="hospital", tags={"embedded:import-rule": "new-image-sets"}
    )
    datastore_id = made["datastoreId"]
    folder = tmp_path_factory.mktemp("hospital")
    datasets = list(_datasets())
    for job in range(3):  # every series ends up in three image sets
        paths = [
            files.write(folder / f"{dataset.SOPInstanceUID}.dcm", dataset)
            for dataset in datasets
            if dataset.InstanceNumber == job + 1
        ]
        good, bad = healthimaging.import_files(paths, f"hospital-{job}", datastore_id)
        assert len(good) == len(paths), bad
    return Hospital(datastore_id, f"{gateway.url}/datastore/{datastore_id}", datasets)


@pytest.fixture(params=["sqlite", "postgresql"])
def opened(request, tmp_path):
    """Opens catalogs of data stores, each in a database of its own."""
    server = request.getfixturevalue("postgres_server") if request.param == "postgresql" else None
    made, urls = [], []

    def open_(datastore_id, policy="merge"):
        urls.append(server.create() if server else f"sqlite:///{tmp_path}/{len(urls)}.sqlite")
        made.append(Index(urls[-1], datastore_id, policy))
        return made[-1]

    yield open_
    for one in made:
        one.database.close()
    for url in urls if server else ():
        server.drop(url)


@pytest.fixture(scope="session")
def cataloging(healthimaging, tmp_path_factory):
    """Starts gateways with a catalog of a data store, and waits until it is loaded."""
    running = []

    def start(datastore_id, **settings):
        file = tmp_path_factory.mktemp("catalog") / "catalog.sqlite"
        given = {"datastore_id": datastore_id, "catalog_url": f"sqlite:///{file}", **settings}
        running.append(Gateway(healthimaging, catalog="on", **given))
        return running[-1].loaded()

    yield start
    for one in running:
        one.stop()
