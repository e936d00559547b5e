"""Image sets made up for the catalog's tests, in the form of HealthImaging's documents."""

import random

import orjson

from gateway.remote.api import Summary

CT = "1.2.840.10008.5.1.4.1.1.2"
SURNAMES = ("DOE", "SMITH", "JOHNSON", "MEIER", "GARCIA", "OKAFOR", "NOWAK", "LINDQVIST", "TANAKA")
GIVEN = ("JOHN", "JANE", "ANNA", "PETER", "MARIA", "LI", "OLGA", "IAN", "NOOR", "SVEN")


def instance(sop, number, **own):
    """An instance's part of a document, with about forty attributes."""
    z = f"{number * 2.5:.1f}"
    return {
        "ImageFrames": [{"ID": f"{number:032x}", "FrameSizeInBytes": 300_000}],
        "StoredTransferSyntaxUID": "1.2.840.10008.1.2.4.202",
        "DICOMVRs": {},
        "DICOM": {
            "FileMetaInformationVersion": "AAE=",
            "MediaStorageSOPClassUID": CT,
            "MediaStorageSOPInstanceUID": sop,
            "TransferSyntaxUID": "1.2.840.10008.1.2.1",
            "ImplementationClassUID": "1.2.276.0.7230010.3.0.3.6.7",
            "ImplementationVersionName": "OFFIS_DCMTK_367",
            "SpecificCharacterSet": "ISO_IR 192",
            "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"],
            "SOPClassUID": CT,
            "SOPInstanceUID": sop,
            "AcquisitionDate": "20240102",
            "ContentDate": "20240102",
            "AcquisitionTime": f"1011{number % 60:02}.5",
            "ContentTime": f"1012{number % 60:02}.5",
            "ScanOptions": "HELICAL MODE",
            "SliceThickness": "2.5",
            "KVP": "120",
            "DataCollectionDiameter": "500.0",
            "ReconstructionDiameter": "360.0",
            "ExposureTime": "570",
            "XRayTubeCurrent": "400",
            "ConvolutionKernel": "STANDARD",
            "AcquisitionNumber": "1",
            "InstanceNumber": str(number),
            "ImagePositionPatient": ["-180.0", "-180.0", z],
            "ImageOrientationPatient": ["1", "0", "0", "0", "1", "0"],
            "SliceLocation": z,
            "SamplesPerPixel": 1,
            "PhotometricInterpretation": "MONOCHROME2",
            "Rows": 512,
            "Columns": 512,
            "PixelSpacing": ["0.703125", "0.703125"],
            "BitsAllocated": 16,
            "BitsStored": 16,
            "HighBit": 15,
            "PixelRepresentation": 1,
            "SmallestImagePixelValue": -2000,
            "WindowCenter": "40",
            "WindowWidth": "400",
            "RescaleIntercept": "-1024",
            "RescaleSlope": "1",
            "RescaleType": "HU",
            **own,
        },
    }


def document(study, series, sops, patient=None, own=None, series_level=None, **study_level):
    """A document of one series."""
    instances = {sop: instance(sop, number, **(own or {})) for number, sop in enumerate(sops, 1)}
    tree = {
        "Patient": {"DICOM": {"PatientName": "DOE^JOHN", "PatientID": "P1", **(patient or {})}},
        "Study": {
            "DICOM": {
                "StudyInstanceUID": study,
                "StudyDate": "20240102",
                "StudyTime": "101112",
                "AccessionNumber": "A1",
                "ReferringPhysicianName": "HOUSE^GREGORY",
                "StudyID": "S1",
                "StudyDescription": "CT CHEST",
                **study_level,
            },
            "Series": {
                series: {
                    "DICOM": {
                        "SeriesInstanceUID": series,
                        "Modality": "CT",
                        "SeriesNumber": "1",
                        "SeriesDescription": "AXIAL 2.5",
                        "BodyPartExamined": "CHEST",
                        "Manufacturer": "GE MEDICAL SYSTEMS",
                        "PatientPosition": "HFS",
                        "FrameOfReferenceUID": f"{study}.9",
                        **(series_level or {}),
                    },
                    "Instances": instances,
                }
            },
        },
    }
    return orjson.dumps(tree)


def summary(image_set_id, version=1, updated=None, primary=True):
    """What a search says of a version of an image set."""
    return Summary(image_set_id, version, updated or 1.7e9 + version, primary, {})


def archive(count, seed=0, instances=3, series=3):
    """``count`` image sets of studies of some ``series``, as pairs of summary and document."""
    draw = random.Random(seed)
    for number in range(count):
        place, part = divmod(number, series)
        person = random.Random(seed * 1_000_003 + place)
        study = f"1.2.826.0.1.3680043.10.{seed}.{place}"
        uid = f"{study}.{part}"
        surname = f"{person.choice(SURNAMES)}{person.randrange(400)}"
        patient = {
            "PatientName": f"{surname}^{person.choice(GIVEN)}",
            "PatientID": f"PAT{person.randrange(10**7):07}",
            "PatientBirthDate": f"19{person.randrange(30, 99)}0{person.randrange(1, 9)}15",
            "PatientSex": person.choice("MF"),
        }
        date = (
            f"20{person.randrange(10, 25)}{person.randrange(1, 12):02}{person.randrange(1, 28):02}"
        )
        content = document(
            study,
            uid,
            [f"{uid}.{one}" for one in range(instances)],
            patient,
            StudyDate=date,
            StudyTime=f"{person.randrange(24):02}{person.randrange(60):02}00",
            AccessionNumber=f"ACC{place:08}",
            series_level={
                "SeriesNumber": str(part + 1),
                "Modality": ("CT", "MR", "SR")[draw.randrange(3)],
            },
        )
        yield summary(f"{seed:08x}{number:024x}", 1, 1.7e9 + number), content
