"""Why a file could not be imported, or an image set not be changed, in words for its owner."""


class FileRejected(Exception):
    """The file breaks a rule; ``str()`` says which, without a value from the file."""


def missing(keyword: str) -> FileRejected:
    """The reason HealthImaging gives for an attribute that has to be there."""
    return FileRejected(f"DICOM attribute {keyword} does not exist")


class ChangeFailed(Exception):
    """A change of an image set breaks a rule; ``str()`` is the version's message."""
