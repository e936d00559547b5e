"""QIDO-RS matching over HTTP: hostile names, sequences, private elements, dates of other zones."""

from urllib.parse import quote
from xml.etree import ElementTree

import pydicom
import pytest
from dicomweb_client.api import DICOMwebClient
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from tests import files, multipart
from tests.running import Store

UID = "1.2.826.0.1.3680043.10.8"
KOREAN = "Hong^Gildong=洪^吉洞=홍^길동"
JAPANESE = "Yamada^Tarou=山田^太郎=やまだ^たろう"
NAMES = {
    "obrien": ("O\u2019Brien^Seán", "ISO_IR 192"),
    "hyphen": ("Smith-Jones^Mary Ann^^Dr^PhD", "ISO_IR 192"),
    "umlaut": ("MÜLLER^JÖRG", "ISO_IR 100"),
    "korean": (KOREAN, ["", "ISO 2022 IR 149"]),
    "japanese": (JAPANESE, ["", "ISO 2022 IR 87"]),
    "stroke": ("Łukasiewicz^Jørgen", "ISO_IR 192"),
    "greek": ("Διονυσιος", "ISO_IR 126"),
    "half": ("Katou^Ichirou==ｶﾄｳ^ｲﾁﾛｳ", "ISO_IR 192"),
    "plus": ("A+B & C%2C=D;E", "ISO_IR 192"),
    "none": ("", "ISO_IR 192"),
}
ZONES = {"obrien": "+0100", "hyphen": "-0500"}


def request(step, procedure):
    item = Dataset()
    item.ScheduledProcedureStepID, item.RequestedProcedureID = step, procedure
    return item


def datasets():
    for number, (word, (name, charset)) in enumerate(NAMES.items()):
        study = f"{UID}.{number}"
        made = files.ct(
            size=8,
            SpecificCharacterSet=charset,
            PatientName=name,
            PatientID=word,
            StudyInstanceUID=study,
            SeriesInstanceUID=f"{study}.1",
            SOPInstanceUID=f"{study}.1.1",
            StudyDate=f"202401{number + 1:02}",
            StudyTime=f"{number + 8:02}0000",
            AccessionNumber="" if number % 2 else f"ACC {number}/7+x",
            AcquisitionDateTime=f"202401{number + 1:02}120000",
            RequestAttributesSequence=Sequence(
                [request(f"S{number}", "P0"), request("S0", f"P{number}")]
            ),
        )
        if word in ZONES:
            made.TimezoneOffsetFromUTC = ZONES[word]
        block = made.private_block(0x0023, "ACME" if number % 2 else "OTHER", create=True)
        block.add_new(0x02, "LO", f"private {number}")
        yield made


@pytest.fixture(scope="module")
def store(healthimaging, tmp_path_factory):
    """A store of studies whose names are hard."""
    store = Store(healthimaging)
    folder = tmp_path_factory.mktemp("names")
    store.bring(*(files.write(folder / f"{d.PatientID}.dcm", d) for d in datasets()))
    return store


@pytest.fixture(scope="module", params=["listing", "catalog"])
def root(request, store, gateway):
    """Its service root, without a catalog and with one."""
    if request.param == "catalog":
        gateway = request.getfixturevalue("cataloging")(store.id)
    return f"{gateway.url}/datastore/{store.id}"


def find(http, root, query, path="/studies"):
    response = http.get(f"{root}{path}?{query}")
    assert response.status_code == 200, response.text
    assert "warning" not in response.headers
    found = [one["00100020"]["Value"][0] for one in response.json()]
    assert response.headers["x-total-count"] == str(len(found))
    return set(found)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("O'BRIEN^SEAN", {"obrien"}),
        ("o\u2019brien*", {"obrien"}),
        ("O\u02bcBrien^*", {"obrien"}),
        ("smith-jones^mary ann^^dr^phd", {"hyphen"}),
        ("SMITH\u2010JONES*", {"hyphen"}),
        ("Smith-Jones", set()),
        ("*^mary*^*^dr*", {"hyphen"}),
        ("muller^jorg", {"umlaut"}),
        ("M?ller*", {"umlaut"}),
        ("MU\u0308LLER^JO\u0308RG", {"umlaut"}),
        ("mueller*", set()),
        ("hong^gildong", {"korean"}),
        ("洪^吉洞", {"korean"}),
        ("홍^길동", {"korean"}),
        ("홍*", {"korean"}),
        ("홍^길?", {"korean"}),
        (KOREAN, {"korean"}),
        ("Hong*==홍*", {"korean"}),
        ("=洪*", {"korean"}),
        ("=홍*", set()),
        ("山田*", {"japanese"}),
        ("やまだ^たろう", {"japanese"}),
        ("YAMADA^*=山田^*=やまだ^*", {"japanese"}),
        ("LUKASIEWICZ^JORGEN", {"stroke"}),
        ("*jørgen", {"stroke"}),
        ("ΔΙΟΝΎΣΙΟΣ", {"greek"}),
        ("カトウ*", {"half"}),
        ("==ｶﾄｳ*", {"half"}),
        ("A+B & C%2C*", {"plus"}),
        ("A B*", set()),
        ("*", set(NAMES)),
        ("", set(NAMES)),
        ("?*", set(NAMES) - {"none"}),
    ],
)
def test_names(http, root, name, expected):
    assert find(http, root, f"PatientName={quote(name, safe='')}") == expected
    assert find(http, root, f"00100010={quote(name, safe='*')}", "/series") == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Sean OBrien", {"obrien"}),
        ("*obrian*", {"obrien"}),
        ("jones smith", {"hyphen"}),
        ("Mueller", {"umlaut"}),
        ("홍길동", {"korean"}),
        ("吉洞 洪", {"korean"}),
        ("Tarou Yamada", {"japanese"}),
        ("山田太郎", {"japanese"}),
        ("Lukasievicz", {"stroke"}),
        ("Nobody", set()),
        ("*", set(NAMES)),
    ],
)
def test_fuzzy_names(http, root, name, expected):
    """Spaces as plus signs, as forms send them."""
    assert find(
        http, root, f"fuzzymatching=true&PatientName={quote(name).replace('%20', '+')}"
    ) == (expected)


def test_fuzzy_matching_finds_all_that_literal_matching_finds(http, root):
    for word in ("*i*", "M*", "*^*", "?o*", "*길*", "*-*", "O*"):
        query = f"PatientName={quote(word)}"
        literal = find(http, root, query)
        assert literal
        assert literal <= find(http, root, f"{query}&fuzzymatching=true")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("RequestAttributesSequence.ScheduledProcedureStepID=S3", {"korean"}),
        ("00400275.00400009=S0", set(NAMES)),
        ("00400275.00400009=S3&00400275.00401001=P0", {"korean"}),
        ("00400275.00400009=S0&00400275.00401001=P3", {"korean"}),
        ("00400275.00400009=S3&00400275.00401001=P3", set()),
        ("00400275.00400009=S?&00400275.RequestedProcedureID=P0", set(NAMES)),
        ("RequestAttributesSequence.ScheduledProcedureStepID=", set(NAMES)),
    ],
)
def test_keys_into_a_sequence_are_met_by_one_item(http, root, query, expected):
    assert find(http, root, query) == expected
    assert find(http, root, query, "/instances") == expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("emptyvaluematching=true&PatientName=%22%22", {"none"}),
        ("PatientName=%22%22", set()),
        (
            "emptyvaluematching=true&AccessionNumber=%22%22",
            {word for number, word in enumerate(NAMES) if number % 2},
        ),
        ("emptyvaluematching=true&TimezoneOffsetFromUTC=&PatientBirthDate=%22%22", set(NAMES)),
        ("emptyvaluematching=true&PatientName=%22%22%5CM%C3%BCller*", {"none", "umlaut"}),
        ("ImageType=ORIGINAL%5CLOCALIZER", set(NAMES)),
        ("ImageType=ORIGINAL%5CLOCALIZER&multiplevaluematching=true", set()),
        ("ImageType=AXIAL%5CORIGINAL&multiplevaluematching=true", set(NAMES)),
        ("AccessionNumber=ACC%200%2F7%2Bx", {"obrien"}),
        ("AccessionNumber=ACC+0%2F7%2Bx", {"obrien"}),
        ("AccessionNumber=ACC+0%2F7+x", set()),
    ],
)
def test_empty_and_multiple_values_and_plus_signs(http, root, query, expected):
    assert find(http, root, query) == expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("StudyDate=20240101-20240103&StudyTime=0900-0930", {"hyphen"}),
        ("StudyDate=20240101-20240103&StudyTime=1000-0930", {"hyphen"}),
        ("StudyDate=20240101-20240103&StudyTime=0700-1030", {"obrien", "hyphen", "umlaut"}),
        ("StudyDate=20240102-&StudyTime=10-", set(NAMES) - {"obrien", "hyphen"}),
        ("StudyDate=-20240102&StudyTime=-0830", {"obrien"}),
        ("StudyDate=20240101-20240103&StudyTime=0930-", {"umlaut"}),
        ("StudyTime=0900-0930", {"hyphen"}),
        ("AcquisitionDateTime=202401", set(NAMES)),
        ("AcquisitionDateTime=20240101110000%2B0000", {"obrien"}),
        ("AcquisitionDateTime=20240101120000", {"obrien"}),
        ("AcquisitionDateTime=20240102170000+0000", {"hyphen"}),
        ("AcquisitionDateTime=20240102090000-0800-20240102090000-0800", {"hyphen"}),
        ("AcquisitionDateTime=20240103120000%2B0000", {"umlaut"}),
        ("AcquisitionDateTime=20240101130000&TimezoneOffsetFromUTC=%2B0200", {"obrien"}),
        ("StudyDate=20240101&TimezoneOffsetFromUTC=-1000", set()),  # it was the evening before
        ("StudyDate=20231231&TimezoneOffsetFromUTC=-0800", {"obrien"}),
        ("StudyDate=20240102&StudyTime=14&TimezoneOffsetFromUTC=%2B0000", {"hyphen"}),
    ],
)
def test_dates_and_times(http, root, query, expected):
    assert find(http, root, query) == expected


ACME = {word for number, word in enumerate(NAMES) if number % 2}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("00230010=ACME", ACME),
        ("00230010=ACME&00231002=private+1", {"hyphen"}),
        ("00230010=OTHER&00231002=private+1", set()),
        ("00230042=OTHER&00234202=private+*", set(NAMES) - ACME),
        ("00230042=OTHER&00234202=private+0", {"obrien"}),
        ("00231002=private+1", {"hyphen"}),
    ],
)
def test_private_elements(http, root, query, expected):
    assert find(http, root, query) == expected


def test_private_elements_come_back_with_their_creator(http, root):
    query = "00230042=ACME&includefield=00234202&PatientID=hyphen"
    [one] = http.get(f"{root}/studies?{query}").raise_for_status().json()
    assert one["00230010"]["Value"] == ["ACME"]
    assert one["00231002"]["Value"] == ["private 1"]


def test_only_the_named_attributes_of_the_items(http, root):
    fields = "includefield=RequestAttributesSequence.RequestedProcedureID"
    [one] = http.get(f"{root}/studies?PatientID=korean&{fields}").raise_for_status().json()
    assert "00400275" not in one  # it is of the series
    [one] = http.get(f"{root}/instances?PatientID=korean&{fields}").raise_for_status().json()
    assert len(one["00400275"]["Value"]) == 2
    [path] = [f"/studies/{UID}.3/series/{UID}.3.1/instances"]
    [one] = http.get(f"{root}{path}?{fields}").raise_for_status().json()
    assert [set(item) for item in one["00400275"]["Value"]] == [{"00401001"}, {"00401001"}]
    key = "RequestAttributesSequence.ScheduledProcedureStepID=S0"
    [one] = http.get(f"{root}{path}?{key}&{fields}").raise_for_status().json()
    [item] = one["00400275"]["Value"]
    assert (item["00400009"]["Value"], item["00401001"]["Value"]) == (["S0"], ["P3"])


@pytest.mark.parametrize("word", sorted(set(NAMES) - {"none", "plus"}))
def test_a_client_finds_each_name_by_itself_and_reads_it_back(root, word):
    client = DICOMwebClient(root)
    name, _ = NAMES[word]
    [found] = client.search_for_studies(search_filters={"PatientName": name})
    dataset = pydicom.Dataset.from_json(found)
    assert dataset.PatientID == word
    assert str(dataset.PatientName) == name.rstrip("=")
    fuzzy = client.search_for_studies(search_filters={"PatientName": name}, fuzzymatching=True)
    assert word in [one["00100020"]["Value"][0] for one in fuzzy]


def test_a_client_pages_to_the_end(root):
    client = DICOMwebClient(root)
    found = client.search_for_studies(limit=3, get_remaining=True, fields=["StudyDescription"])
    patients = [one["00100020"]["Value"][0] for one in found]
    assert patients == list(NAMES)[::-1]


def test_results_in_xml_say_what_those_in_json_say(http, root):
    query = "includefield=StudyDescription"
    headers = {"Accept": 'multipart/related; type="application/dicom+xml"'}
    answer = http.get(f"{root}/studies?{query}", headers=headers).raise_for_status()
    trees = [ElementTree.fromstring(part.content) for part in multipart.parse(answer)]
    found = http.get(f"{root}/studies?{query}").raise_for_status().json()
    assert len(trees) == len(found) == len(NAMES)
    for tree, one in zip(trees, found, strict=True):
        assert {element.get("tag") for element in tree} == set(one)
        names = tree.find("*[@keyword='PatientName']")
        expected = (one["00100010"].get("Value") or [{}])[0]
        groups = {group.tag.rpartition("}")[2]: list(group) for group in names.iter()}
        assert {key for key in groups if key in ("Alphabetic", "Ideographic", "Phonetic")} == set(
            expected
        )
        uid = tree.findtext("*[@keyword='StudyInstanceUID']/*")
        assert [uid] == one["0020000D"]["Value"]
        families = [part.text for part in names.iter() if part.tag.endswith("FamilyName")]
        assert families == [name.split("^")[0] for name in expected.values()]
