"""How each finding of Orthanc was confirmed by hand, with curl and dcmtk on the same files."""

from typing import Final

BESIDE: Final = (
    "Not in the table, because it would end the run: a signed CT of 13 bits "
    "(`tests.files.ct`), stored and asked for in JPEG-LS (`Accept: multipart/related; "
    'type="application/dicom"; transfer-syntax=1.2.840.10008.1.2.4.80`), ends the Orthanc '
    "process by an assertion in dcmtk's CharLS (`curl: (52) Empty reply from server`, "
    "then connection refused). The files compared here have no such image."
)

BY_HAND: Final = {
    "http.server-error": (
        "`?limit=-1`, frames of an RT plan, and `transfer-syntax=*` of an HTJ2K image each "
        "give 500 with Orthanc's own JSON error"
    ),
    "http.head": ("`curl -I …/studies` gives 404, GET gives 200"),
    "search.study-required": (
        "Doe^Jane=ドウ^ジェーン is stored in UTF-8; `/studies` gives `^` as its ideographic group"
    ),
    "search.includefield-all": (
        "`PatientID=P100A&includefield=all` has no 00081030; `includefield=StudyDescription` has it"
    ),
    "search.includefield-sequence": (
        "00400275 does not occur in the answer, not even for "
        "`includefield=RequestAttributesSequence`"
    ),
    "search.study-required-empty": (
        "Read with Python's json: 00080090, 00100030 and 00100040 are not members of results "
        "whose files lack them; 00080050 without a value is there, empty"
    ),
    "search.xml": (
        '`Accept: multipart/related; type="application/dicom+xml"` gives 200 application/dicom+json'
    ),
    "match.uids-backslash": ("0 results with `%5C` and with `\\` between two UIDs, 2 with a comma"),
    "match.case": ("`PatientID=p100a` gives the study of P100A"),
    "match.encoded": ("`PatientID=P100A` gives 1 study, `PatientID=%50100A` none"),
    "match.sequence": (
        "`RequestAttributesSequence.ScheduledProcedureStepID=SPS0-no` gives the series of SPS0"
    ),
    "page.partition": "As `page.offset`",
    "page.offset": (
        "`?ModalitiesInStudy=CT` gives 6 studies; with `limit=3&offset=1` two of them, with "
        "`limit=3&offset=3` none, with `offset=1` all 6; `/studies?limit=3&offset=1` is right"
    ),
    "page.warning": ("`?limit=1` of 21 studies: no Warning among the header fields (curl -D -)"),
    "page.malformed": ("`limit=-1` and `offset=-5` give 500; `limit=many` gives 400"),
    "negotiate.search-406": (
        "`Accept: application/x-no-such-type` gives 200 application/dicom+json"
    ),
    "negotiate.metadata-406": ("The same Accept gives 400 with a JSON error"),
    "negotiate.instance-406": ("The same Accept, and an unknown transfer syntax, give 400"),
    "negotiate.frame-406": ("The same Accept gives 400"),
    "negotiate.rendered-406": ("The same Accept gives 400"),
    "negotiate.weights": (
        "JSON;q=0.1 with XML;q=0.9 gives JSON, XML;q=0.1 with JSON;q=0.9 gives XML: the order "
        "decides"
    ),
    "negotiate.parameter": (
        "`?accept=` for XML with `Accept: */*` gives JSON, percent-encoded and not"
    ),
    "metadata.study": ("As metadata.instance"),
    "metadata.instance": (
        "attributes_explicit.dcm: 00104000 (LT, one value by PS3.5 6.2) comes as two, cut at "
        "its backslash; 00111005 has 1 item, dcmdump shows 2, one of them empty"
    ),
    "metadata.xml": (
        "PatientSize is `<Value>1.73000002</Value>`, dcmdump shows DS [1.73]: decimals pass "
        "through 32-bit floats"
    ),
    "instance.default": (
        "HTJ2K and JPEG 2000 files give 500: there is no decoder for them, and no other "
        "representation is given"
    ),
    "instance.stored": (
        "rtplan.dcm with `transfer-syntax=*`: dcmdump shows (0002,0010) LittleEndianImplicit, "
        "which PS3.18 8.7.3 bars from web services"
    ),
    "instance.syntaxes": (
        "CT_small.dcm in .90, which Orthanc cannot write, gives 500 in place of 406"
    ),
    "frame.native": (
        "htj2k_201.dcm: the part says application/octet-stream; "
        "transfer-syntax=1.2.840.10008.1.2.1 and begins with FF4F FF51, a JPEG 2000 "
        "codestream (xxd)"
    ),
    "frame.stored": (
        "htj2k_201.dcm with `transfer-syntax=*` gives 500 “Unknown transfer syntax: "
        "1.2.840.10008.1.2”"
    ),
    "frame.list": ("As frame.native"),
    "frame.order": ("As frame.native: the frames are in order, their label is wrong"),
    "frame.without-pixels": ("…/frames/1 of rtplan.dcm gives 500"),
    "frame.jpeg": (
        "dcmdjpeg of what is sent: planar_rgb.dcm in .70 has its planes taken for pixels "
        "(first pixel 198 99 50 in place of 198 57 99); a CT of 7 to 127 in .51 has 1023 to "
        "1143; palette images come as three components and signed ones unsigned while the "
        "metadata say PALETTE COLOR and signed"
    ),
    "frame.jls": ("htj2k_201.dcm and JPEG2000.dcm in .80 give 500; CT_small.dcm is given"),
    "frame.jp2": (
        "CT_small.dcm in .90 and in .91 gives 500; only what is kept as JPEG 2000 is given"
    ),
    "frame.jpx": ("CT_small.dcm in .92 gives 500"),
    "frame.dicom-rle": ("CT_small.dcm in RLE Lossless gives 500"),
    "rendered.types": (
        "CT_small.dcm: `Accept: image/gif`, required beside JPEG and PNG by PS3.18 8.7.4, "
        "gives 400; image/png is given"
    ),
    "viewer.cornerstone-frame": ("htj2k_201.dcm with this Accept gives 500, as frame.stored"),
    "viewer.unquoted-frame": ("htj2k_201.dcm with this Accept gives 500, as frame.stored"),
    "viewer.tiles": ("htj2k_201.dcm with this Accept gives 500, as frame.stored"),
    "viewer.slicer": (
        "The series of JPEG2000.dcm with the plainest Accept gives 500, as instance.default"
    ),
}
