"""Why a file could not be imported, in words for the person who reads failure.ndjson."""


class FileRejected(Exception):
    """The file breaks a rule; ``str()`` says which, without a value from the file."""


def missing(keyword: str) -> FileRejected:
    """The reason HealthImaging gives for an attribute that has to be there."""
    return FileRejected(f"DICOM attribute {keyword} does not exist")
