"""Paths of the Studies Service: what they name, and what they cannot name."""

import pytest
from hypothesis import given, strategies as st

from gateway.dicomweb import resources
from gateway.errors import InvalidRequest


@pytest.mark.parametrize("uid", ["1.2.840.10008.1.2", "0", "2.25." + "9" * 39, "1." * 127 + "12"])
def test_a_uid_of_the_path_is_passed_on(uid):
    assert resources.check_uid("study", uid) == uid


@pytest.mark.parametrize(
    "uid", ["", "1.", ".1", "1..2", "abc", "1.2 ", "1.2/3", "1" * 257, "\u0661"]
)
@pytest.mark.parametrize("name", ["study", "series", "instance"])
def test_what_is_no_uid_is_refused_by_the_name_of_its_place(name, uid):
    with pytest.raises(InvalidRequest, match=f"The {name} UID") as caught:
        resources.check_uid(name, uid)
    assert caught.value.parameter == name
    assert not uid or uid not in str(caught.value)


@given(st.lists(st.integers(1, 999_999_999), min_size=1, max_size=20, unique=True))
def test_frame_lists_keep_their_order(numbers):
    assert resources.frame_numbers(",".join(map(str, numbers))) == tuple(numbers)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0",
        "-1",
        "+1",
        "01",
        "1,",
        ",1",
        "1,,2",
        "1, 2",
        "1.0",
        "a",
        "1;2",
        "9" * 10,
        "1-3",
        "\u0663",
    ],
)
def test_what_is_no_frame_list_is_refused(text):
    with pytest.raises(InvalidRequest, match="separated by commas") as caught:
        resources.frame_numbers(text)
    assert caught.value.parameter == "frames"


def test_a_frame_named_twice_is_refused():
    with pytest.raises(InvalidRequest, match="twice") as caught:
        resources.frame_numbers("1,2,1")
    assert caught.value.parameter == "frames"


def test_frame_lists_have_an_end():
    longest = ",".join(map(str, range(1, 10_001)))
    assert len(resources.frame_numbers(longest)) == 10_000
    with pytest.raises(InvalidRequest):
        resources.frame_numbers(f"{longest},10001")


@given(
    st.integers(0, 2**32 - 1),
    st.lists(st.tuples(st.integers(1, 999_999), st.integers(0, 2**32 - 1)), max_size=4),
)
def test_bulk_data_paths_go_there_and_back(first, rest):
    text = "/".join([f"{first:08X}", *(f"{item}/{tag:08x}" for item, tag in rest)])
    assert resources.bulk_path(text) == (first, *(number for pair in rest for number in pair))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "7FE0001",
        "7FE000100",
        "7FE00010/",
        "/7FE00010",
        "7FE00010/1",
        "54000100/0/54001010",
        "54000100/01/54001010",
        "54000100//54001010",
        "PixelData",
        "54000100/1/54001010" + "/1/54001010" * 64,
    ],
)
def test_what_is_no_bulk_data_path_is_refused(text):
    with pytest.raises(InvalidRequest) as caught:
        resources.bulk_path(text)
    assert caught.value.parameter == "bulkdata"


def test_frames_of_pixel_data_have_a_path_of_their_own():
    url = "https://gateway.example/bulkdata/7FE00010"
    assert resources.bulk_frame_url(url, 3) == f"{url}/frames/3"
    assert resources.bulk_frame_url(f"{url}?a=b", 3) == f"{url}/frames/3?a=b"
    for tag in ("7FE00008", "7fe00009", "7FE00010"):
        assert resources.bulk_frames(f"{tag}/frames/3,1") == (3, 1)


@pytest.mark.parametrize("text", ["7FE00010", "00282000/frames/1", "7FE00010/frames", "x/frames/1"])
def test_other_bulk_data_paths_name_no_frames(text):
    assert resources.bulk_frames(text) == ()


@pytest.mark.parametrize("numbers", ["", "0", "1,1", "x"])
def test_frames_of_pixel_data_are_numbers(numbers):
    with pytest.raises(InvalidRequest) as caught:
        resources.bulk_frames(f"7FE00010/frames/{numbers}")
    assert caught.value.parameter == "frames"


@pytest.mark.parametrize("pin", ["", "?imageSetId=a&versionId=2"])
def test_a_bulk_data_url_leads_where_its_root_does(pin):
    url = "https://g/studies/1.2/series/3/instances/4/bulkdata/54000100/1/54001010"
    path = "54000100/1/54001010"
    assert resources.bulk_data_url(f"https://g{pin}", "1.2", "3", "4", path) == url + pin


def test_urls_stand_below_the_root():
    root = "https://gateway.example/dicomweb"
    assert resources.study_url(root, "1.2") == f"{root}/studies/1.2"
    assert resources.series_url(root, "1.2", "3") == f"{root}/studies/1.2/series/3"
    assert (
        resources.instance_url(root, "1.2", "3", "4") == f"{root}/studies/1.2/series/3/instances/4"
    )


def test_urls_below_a_pinned_root_lead_to_the_same_version():
    root = resources.pinned("https://h/dicomweb", "a" * 32, 7)
    pin = f"?imageSetId={'a' * 32}&versionId=7"
    assert resources.study_url(root, "1.2") == f"https://h/dicomweb/studies/1.2{pin}"
    one = resources.instance_url(root, "1.2", "1.3", "1.4")
    assert one == f"https://h/dicomweb/studies/1.2/series/1.3/instances/1.4{pin}"
    assert resources.below(root, "/x/y") == f"https://h/dicomweb/x/y{pin}"
    assert resources.below("https://h", "/x") == "https://h/x"


@given(st.integers(1, 999_999_999))
def test_versions_are_numbers_from_one(number):
    assert resources.version_number(str(number)) == number


@pytest.mark.parametrize(
    "text",
    ["", "0", "00", "01", "-1", "+1", "1.0", " 1", "1 ", "1e3", "\u0661", "1" * 10, "latest"],
)
def test_what_is_no_version_is_refused(text):
    with pytest.raises(InvalidRequest) as caught:
        resources.version_number(text)
    assert caught.value.parameter == "versionId"


def test_an_address_without_more_is_the_whole_study():
    address = resources.Address("store", "1.2")
    assert (address.series, address.instance, address.image_set_id) == (None, None, None)
