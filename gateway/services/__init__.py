"""One module per DICOMweb transaction; what is awaited, in which order and how much at a time."""
