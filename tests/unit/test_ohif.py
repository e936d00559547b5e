"""The viewer as it is installed: checked, unpacked, edited, compressed, all or nothing."""

import base64
import gzip
import hashlib
import io
import tarfile

import brotli
import pytest

from gateway import ohif
from gateway.errors import ConfigurationError

BUNDLE = (
    "/* padding */\n" * 100 + "__webpack_require__.p = \"/\";\nbrowserImportFunction('/dicom-x')"
)
FILES = {
    "package/LICENSE": "MIT",
    "package/package.json": "{}",
    "package/dist/index.html": '<script src="/app.js"></script>',
    "package/dist/app.js": BUNDLE,
    "package/dist/app.js.map": "{}",
    "package/dist/app.css": "a{background:url(/font.woff2)}",
    "package/dist/manifest.json": '{"icons": [{"src": "/assets/a.png"}]}',
    "package/dist/assets/a.png": "png",
    "package/dist/sw.js": "importScripts('https://elsewhere.example')",
}


def package(folder, monkeypatch, **changes):
    """A package as npm packs it, published as far as the installation knows."""
    path = folder / "app.tgz"
    with tarfile.open(path, "w:gz") as tar:
        for name, text in (FILES | changes).items():
            member = tarfile.TarInfo(name)
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text.encode()))
    digest = hashlib.sha512(path.read_bytes()).digest()
    monkeypatch.setattr(ohif, "_SHA512", base64.b64encode(digest).decode())
    return path


def test_a_package_becomes_a_folder_fit_for_any_path(tmp_path, monkeypatch):
    archive = package(tmp_path, monkeypatch)
    folder = tmp_path / "build" / "viewer"
    assert ohif.install(folder, archive)
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert names == {
        "LICENSE", "index.html", "app.js", "app.js.br", "app.js.gz", "app.css", "manifest.json",
        "assets/a.png", ohif.MARK,
    }  # fmt: skip
    script = (folder / "app.js").read_text()
    assert '__webpack_require__.p = new URL(".", ' in script
    assert "browserImportFunction(window.PUBLIC_URL + 'dicom-x')" in script
    assert brotli.decompress((folder / "app.js.br").read_bytes()).decode() == script
    assert gzip.decompress((folder / "app.js.gz").read_bytes()).decode() == script
    assert (folder / "app.css").read_text() == "a{background:url(./font.woff2)}"
    assert '"./assets/a.png"' in (folder / "manifest.json").read_text()
    assert [path.name for path in folder.parent.iterdir()] == ["viewer"]


def test_what_is_there_already_is_left_alone_and_an_older_one_replaced(tmp_path, monkeypatch):
    archive = package(tmp_path, monkeypatch)
    folder = tmp_path / "viewer"
    assert ohif.install(folder, archive)
    assert not ohif.install(folder, tmp_path / "missing.tgz")
    (folder / ohif.MARK).write_text("@ohif/app@3.0.0 1\n")
    (folder / "old.js").write_text("")
    assert ohif.install(folder, archive)
    assert not (folder / "old.js").exists()


def test_a_folder_of_something_else_is_not_touched(tmp_path, monkeypatch):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ConfigurationError, match="something else"):
        ohif.install(tmp_path, package(tmp_path, monkeypatch))
    assert (tmp_path / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda path, _: path.write_bytes(b"other"), "is not @ohif/app"),
        (lambda path, _: path.unlink(), "cannot be read"),
        (
            lambda path, patch: package(path.parent, patch, **{"package/dist/app.js": "minified"}),
            "not built as expected",
        ),
    ],
)
def test_another_package_is_refused_and_leaves_nothing(tmp_path, monkeypatch, spoil, message):
    archive = package(tmp_path, monkeypatch)
    spoil(archive, monkeypatch)
    with pytest.raises(ConfigurationError, match=message):
        ohif.install(tmp_path / "viewer", archive)
    assert [path.name for path in tmp_path.iterdir() if path != archive] == []


def test_a_package_that_leads_out_of_the_folder_is_refused(tmp_path, monkeypatch):
    archive = package(tmp_path, monkeypatch, **{"package/dist/../../../out.js": "x"})
    with pytest.raises(ConfigurationError, match="outside of it"):
        ohif.install(tmp_path / "into" / "viewer", archive)
    assert not list(tmp_path.rglob("out.js"))


def test_without_npm_that_is_said(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigurationError, match="npm, which fetches the viewer"):
        ohif.install(tmp_path / "viewer")
