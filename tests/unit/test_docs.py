"""Generated pages do not drift from the tables, and what documents name is there."""

import importlib.util
import re
import sys
from pathlib import Path

import pytest

from gateway.emulator import quotas
from gateway.web.errors import STATUS
from gateway.web.routes import DICOMWEB

ROOT = Path(__file__).parents[2]


def generated():
    spec = importlib.util.spec_from_file_location("docs_make", ROOT / "docs" / "make.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.PAGES


@pytest.mark.parametrize("name", generated())
def test_generated_pages_are_current(name):
    assert (ROOT / "docs" / name).read_text() == generated()[name](), "run: make docs"


def test_every_quota_is_explained():
    text = (ROOT / "docs" / "healthimaging.md").read_text()
    for name in quotas.TABLE:
        assert f"`{name}`" in text, name


def test_every_make_target_that_a_document_names_exists():
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        for target in re.findall(r"`make ([a-z-]+)", page.read_text()):
            assert target in targets, (page.name, target)


def test_every_file_that_a_document_links_exists():
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))):
        for link in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / link).exists(), (page.name, link)


def test_every_module_is_named_in_the_architecture():
    text = (ROOT / "docs" / "architecture.md").read_text()
    for folder in sorted(path for path in (ROOT / "gateway").iterdir() if path.is_dir()):
        modules = [path.stem for path in folder.glob("*.py") if path.stem != "__init__"]
        if modules:
            missing = [name for name in modules if not re.search(rf"\b{name}\b", text)]
            assert not missing, (folder.name, missing)


def test_the_conformance_statement_follows_its_tables(monkeypatch):
    """What is no longer served is no longer stated."""
    page = generated()["../conformance/STATEMENT.md"]
    module = sys.modules[page.__module__]
    before = page()
    for text in ("(WADO-RS) | 10.4 | yes", "| ModalitiesInStudy | (0008,0061) | CS |", "| 406 "):
        assert text in before
    without = tuple(line for line in module.DICOMWEB if not line.clause.startswith("10.4"))
    monkeypatch.setattr(module, "DICOMWEB", without)
    assert "(WADO-RS) | 10.4 | no" in page()


def test_the_conformance_statement_names_every_resource_parameter_and_status():
    text = (ROOT / "conformance" / "STATEMENT.md").read_text()
    for line in DICOMWEB:
        assert f"`{line.path.replace(':path', '')}`" in text, line.path
        for parameter in line.description.parameters:
            if parameter.name[0].islower():
                assert f"`{parameter.name}`" in text, parameter.name
    for status in STATUS.values():
        assert f"\n| {status} " in text, status
