"""Rules of DICOM PS3.18 (DICOMweb): texts and values in, values out, no I/O."""
