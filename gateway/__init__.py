"""A DICOMweb gateway for AWS HealthImaging, with an embedded HealthImaging server."""

__version__ = "0.1.0"
