"""A folder is cut into import jobs."""

import pytest

from gateway.remote.imports import batches


@pytest.mark.parametrize(
    ("files", "size", "expected"),
    [
        (10, 100, [["a", "b/c", "b/d", "e"]]),
        (3, 100, [["a", "b/c", "b/d"], ["e"]]),
        (1, 100, [["a"], ["b/c"], ["b/d"], ["e"]]),
        (10, 7, [["a", "b/c"], ["b/d", "e"]]),
        (10, 1, [["a"], ["b/c"], ["b/d"], ["e"]]),  # what fits no job is told by its job
    ],
)
def test_every_file_is_in_one_batch_and_none_exceeds_the_limits(tmp_path, files, size, expected):
    (tmp_path / "b" / "empty").mkdir(parents=True)
    for name, length in {"a": 4, "b/c": 3, "b/d": 2, "e": 5}.items():
        (tmp_path / name).write_bytes(bytes(length))
    found = [
        [path.relative_to(tmp_path).as_posix() for path in batch]
        for batch in batches(tmp_path, files, size)
    ]
    assert found == expected


def test_an_empty_folder_has_no_batch(tmp_path):
    assert list(batches(tmp_path, 1, 1)) == []
