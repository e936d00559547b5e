"""Rules of DICOM PS3.3, PS3.4, PS3.5, PS3.6 and PS3.10: values to values, no I/O."""
