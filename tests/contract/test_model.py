"""Any sequence of imports, changes and searches against a model of what image sets do."""

import itertools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, settings, strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests import files
from tests.contract.model import (
    CHANGEABLE,
    DEVIATIONS,
    GROUPING,
    LEVELS,
    SERIES,
    SLICE,
    SOPS,
    STUDIES,
    TRACKED,
    UPPER,
    Attributes,
    Content,
    ImageSet,
    Version,
    apart,
    contradict,
    extended,
    selected,
)
from tests.running import HealthImaging, Store


@st.composite
def slices(draw: st.DrawFn) -> Attributes:
    """Attributes of a small slice, mostly of one series; what is None is not in the file."""
    found = dict(SLICE)
    for _ in range(draw(st.sampled_from((0, 0, 1, 1, 2)))):
        found |= draw(st.sampled_from(DEVIATIONS))
    return found | {
        "StudyInstanceUID": found["SeriesInstanceUID"].rpartition(".")[0],
        "SOPInstanceUID": draw(st.sampled_from(SOPS)),
        "ImageComments": draw(st.sampled_from(("good", None))),
    }


def one_of(accept: Callable[["Machine", ImageSet], bool]) -> st.SearchStrategy[ImageSet]:
    return st.runner().flatmap(
        lambda machine: st.sampled_from([one for one in machine.sets if accept(machine, one)])
    )


live = one_of(lambda _, one: one.content is not None)
present = one_of(lambda _, one: not one.deleted)
subsets = st.none() | st.lists(st.sampled_from(SOPS), min_size=1, max_size=2, unique=True)
there = precondition(lambda machine: any(one.content for one in machine.sets))


class Machine(RuleBasedStateMachine):
    server: HealthImaging
    folder: Path
    others: dict[str, Any] | None = None  # the attributes that no rule changes
    files = itertools.count(1)

    @initialize(
        import_rule=st.sampled_from(("primary", "primary", "new-image-sets")),
        attributes=st.lists(slices(), min_size=2, max_size=4),
    )
    def begin(self, import_rule, attributes):
        self.store = Store(self.server, import_rule)
        self.primaries = import_rule == "primary"
        self.sets: list[ImageSet] = []
        self.touched: list[ImageSet] = []
        self.frames: dict[int, tuple[str, bytes]] = {}
        self.pixels = self.imports = self.changes = 0
        self.take(attributes)

    # Imports.

    @precondition(lambda machine: machine.imports < 2 + machine.changes / 3)
    @rule(attributes=st.lists(slices(), min_size=1, max_size=3))
    def bring(self, attributes):
        self.take(attributes)

    def take(self, attributes):
        paths = []
        for one in attributes:
            self.pixels += 1
            paths.append(self.write(one, self.pixels))
        self.imports += 1
        first = self.pixels - len(attributes) + 1
        found = self.store.bring(*paths)
        groups: dict[tuple, list[int]] = {}
        seen: dict[tuple, int] = {}
        for number, one in enumerate(attributes):
            group = tuple(one[name] or "" for name in GROUPING)
            copy = seen[group, one["SOPInstanceUID"]] = (
                seen.get((group, one["SOPInstanceUID"]), -1) + 1
            )
            groups.setdefault((group, copy), []).append(number)
        for (_, copy), members in groups.items():
            brought = [
                {
                    key: value or None
                    for key, value in attributes[member].items()
                    if value is not None
                }
                | {"Modality": "CT", "pixels": first + member}
                for member in members
            ]
            [image_set] = {found[member] for member in members}
            self.published(image_set, brought, copy)

    def write(self, attributes, pixels):
        content = np.full((16, 16), pixels, "<i2").tobytes()
        given = {key: value for key, value in attributes.items() if value is not None}
        dataset = files.ct(1, 16, PixelData=content, **given)
        for key, value in attributes.items():
            if value is None and key in dataset:
                delattr(dataset, key)
        return files.write(self.folder / f"{next(self.files)}.dcm", dataset)

    def published(self, image_set, brought, copy):
        shared = {
            key: value
            for key, value in brought[0].items()
            if key in UPPER and all(key in one for one in brought)
        }
        primary = None
        if self.primaries:
            contradicts = any(
                contradict(shared, other.content.shared)
                for other in self.sets
                if other.primary
                and other.content
                and other.place()[0] == shared["StudyInstanceUID"]
            )
            place = shared["StudyInstanceUID"], shared["SeriesInstanceUID"]
            same = [
                one for one in self.sets if one.primary and one.content and one.place() == place
            ]
            if same and not contradicts and copy == 0:
                assert same[0].id == image_set
                self.add(same[0], "IMPORTED", extended(same[0].content, brought))
                return
            primary = not contradicts and copy == 0
        own = {one["SOPInstanceUID"]: apart(one, shared) for one in brought}
        self.make(image_set, primary, Version("CREATED", Content(shared, own)))

    # Updates.

    @there
    @rule(image_set=live, level=st.sampled_from(list(LEVELS)), data=st.data())
    def update(self, image_set, level, data):
        key = data.draw(st.sampled_from(list(CHANGEABLE[level])))
        value = data.draw(st.sampled_from(CHANGEABLE[level][key]))
        sop = data.draw(st.sampled_from(sorted(image_set.content.own)))
        force = data.draw(st.booleans())
        self.ask(image_set, force, updatable=self.tree(image_set, level, sop, {key: value}))
        content = image_set.content
        if level != "Instance":
            content = content.having(key, value)
        else:
            content = replace(content, own={**content.own, sop: {**content.own[sop], key: value}})
        self.add(image_set, "UPDATED", content, force)

    @there
    @rule(
        image_set=live,
        level=st.sampled_from(("Instance", "Study", "Series")),
        value=st.integers(0, 3),
        force=st.booleans(),
    )
    def identify(self, image_set, level, value, force):
        """Another UID, or another Study ID: with force, the UIDs of no primary image set."""
        content = image_set.content
        sop = min(content.own)
        key, values = {
            "Study": ("StudyInstanceUID", (*STUDIES, None, None)),
            "Series": ("SeriesInstanceUID", (*SERIES, SERIES[0])),
            "Instance": ("SOPInstanceUID", SOPS),
        }[level]
        new = values[value]
        if new is None:
            key, new = "StudyID", "S2" if value == 2 else "S1"
        self.ask(image_set, force, updatable=self.tree(image_set, level, sop, {key: new}))
        allowed = force and (key == "StudyID" or not image_set.primary)
        if level == "Instance":
            allowed = allowed and new not in content.own.keys() - {sop}
            own = {
                new if uid == sop else uid: {**one, key: new if uid == sop else uid}
                for uid, one in content.own.items()
            }
            content = Content(content.shared, own)
        else:
            content = content.having(key, new)
        if allowed:
            self.add(image_set, "UPDATED", content, force)
        else:
            self.fail(image_set, "UPDATE_FAILED", force)

    @there
    @rule(image_set=live, data=st.data(), right=st.sampled_from((True, True, False)))
    def remove_attribute(self, image_set, data, right):
        level = data.draw(st.sampled_from(list(LEVELS)))
        key = data.draw(st.sampled_from(list(CHANGEABLE[level])))
        content = image_set.content
        sop = data.draw(st.sampled_from(sorted(content.own)))
        values = content.values(key) if level != "Instance" else []
        if level == "Instance" and key in content.own[sop]:
            values = [content.own[sop][key]]
        given = data.draw(st.sampled_from([*values, None])) if right else "other"
        self.ask(image_set, removable=self.tree(image_set, level, sop, {key: given}))
        if not values or (given is not None and given not in values):
            self.fail(image_set, "UPDATE_FAILED")
        elif level != "Instance":
            self.add(image_set, "UPDATED", content.lacking(key))
        else:
            rest = {k: v for k, v in content.own[sop].items() if k != key}
            self.add(image_set, "UPDATED", replace(content, own={**content.own, sop: rest}))

    @there
    @rule(image_set=live, data=st.data())
    def remove_instance(self, image_set, data):
        content = image_set.content
        sop = data.draw(st.sampled_from([*sorted(content.own), SOPS[0]]))
        instances = {"Instances": {sop: {}}}
        series = {content.shared["SeriesInstanceUID"]: instances}
        self.ask(image_set, removable={"Study": {"Series": series}})
        rest = {uid: one for uid, one in content.own.items() if uid != sop}
        if not rest or sop not in content.own:
            self.fail(image_set, "UPDATE_FAILED")
        else:
            self.add(image_set, "UPDATED", replace(content, own=rest))

    @there
    @rule(image_set=live, back=st.integers(0, 5))
    def revert(self, image_set, back):
        wanted = image_set.latest - back
        if wanted < 1:
            self.refused(
                "ResourceNotFoundException",
                lambda: self.store.update(
                    image_set.id, image_set.latest, revert=image_set.latest + 1
                ),
            )
            return
        self.store.update(image_set.id, image_set.latest, revert=wanted)
        self.add(image_set, "UPDATED", image_set.versions[wanted - 1].content)

    @there
    @rule(
        image_set=live,
        tree=st.sampled_from(
            [
                {"updatable": {"DatastoreID": "a" * 32}},
                {"updatable": {"Study": {"DICOM": {"StudyDate": "soon"}}}},
                {"updatable": {"Study": {"DICOM": {"PatientName": "A^B"}}}},
                {"updatable": {"Study": {"Series": {"1.2": {"DICOM": {"Modality": "MR"}}}}}},
                {"removable": {"Study": {"DICOM": {"StudyInstanceUID": None}}}},
                {
                    "updatable": {"Patient": {"DICOM": {"PatientID": "PAT9"}}},
                    "removable": {"Patient": {"DICOM": {"PatientAge": None}}},
                },
            ]
        ),
    )
    def fail_to_update(self, image_set, tree):
        self.ask(image_set, **tree)
        self.fail(image_set, "UPDATE_FAILED")

    @there
    @rule(image_set=live, stale=st.sampled_from((-1, 1)))
    def write_to_a_stale_version(self, image_set, stale):
        wanted = max(image_set.latest + stale, 1)
        if wanted == image_set.latest:
            return
        tree = {"Patient": {"DICOM": {"PatientName": "A^B"}}}
        for call in (
            lambda: self.store.update(image_set.id, wanted, updatable=tree),
            lambda: self.store.copy(image_set.id, wanted),
        ):
            self.refused("ResourceNotFoundException", call)

    @there
    @rule(image_set=live, key=st.sampled_from(("PatientID", "StudyDescription")), data=st.data())
    def update_the_study(self, image_set, key, data):
        level = "Patient" if key in LEVELS["Patient"] else "Study"
        value = data.draw(st.sampled_from((*CHANGEABLE[level][key], None)))
        name = "removable" if value is None else "updatable"
        tree = {name: {level: {"DICOM": {key: value}}}}
        if not image_set.primary:
            self.refused("ValidationException", lambda: self.ask(image_set, study=True, **tree))
            return
        self.ask(image_set, study=True, **tree)
        members = [
            one
            for one in self.sets
            if one.content and one.primary and one.place()[0] == image_set.place()[0]
        ]
        if value is None and not all(one.content.values(key) for one in members):
            for one in members:
                self.fail(one, "UPDATE_FAILED")
            return
        for one in members:
            change = one.content.lacking(key) if value is None else one.content.having(key, value)
            self.add(one, "UPDATED", change)

    # Copies.

    @there
    @rule(source=live, subset=subsets, promote=st.booleans())
    def copy_to_new(self, source, subset, promote):
        more = {"promoteToPrimary": True} if promote else {}
        call = self.copying(source, None, subset, more)
        if promote and (source.primary is None or source.primary):
            self.refused("ValidationException", call)
            return
        image_set = call()
        content = selected(source.content, subset)
        if promote and content and not self.promotable(source):
            content = None
        primary = None if source.primary is None else promote and content is not None
        status = "COPIED" if content else "COPY_FAILED"
        if content:
            source.versions[-1].status = "COPIED"
        self.make(image_set, primary, Version(status, content))

    def promotable(self, source):
        beside = [
            one
            for one in self.sets
            if one.primary and one.content and one.place()[0] == source.place()[0]
        ]
        return not any(
            one.place() == source.place() or contradict(source.content.shared, one.content.shared)
            for one in beside
        )

    @precondition(lambda machine: sum(bool(one.content) for one in machine.sets) > 1)
    @rule(source=live, destination=live, subset=subsets, force=st.booleans(), promote=st.booleans())
    def copy_into(self, source, destination, subset, force, promote):
        more = {"force": True} if force else {}
        more |= {"promoteToPrimary": True} if promote and not force else {}
        call = self.copying(source, destination, subset, more)
        promoting = "promoteToPrimary" in more
        if source is destination or (promoting and (source.primary in (None, True))):
            self.refused("ValidationException", call)
            return
        if promoting and not destination.primary:
            self.refused("ValidationException", call)
            return
        assert call() == destination.id
        content, into = selected(source.content, subset), destination.content
        agrees = content is not None and content.shared == into.shared
        if content is None or not (agrees or force) or content.own.keys() & into.own.keys():
            self.fail(destination, "COPY_FAILED", force)
            return
        source.versions[-1].status = "COPIED"
        self.add(destination, "COPIED", replace(into, own={**into.own, **content.own}), force)

    def copying(self, source, destination, subset, more):
        into = (destination.id, destination.latest) if destination else None
        parts = {} if subset is None else {"subset": subset}
        return lambda: self.store.copy(source.id, source.latest, into, **parts, **more)

    # Deletions.

    @precondition(lambda machine: sum(not one.deleted for one in machine.sets) > 1)
    @rule(image_set=present)
    def delete(self, image_set):
        self.store.call("delete_image_set", imageSetId=image_set.id)
        image_set.deleted = True
        image_set.versions[-1].status = "DELETED"
        self.touched.append(image_set)

    @precondition(lambda machine: any(one.deleted for one in machine.sets))
    @rule(image_set=one_of(lambda _, one: one.deleted))
    def change_what_is_deleted(self, image_set):
        tree = {"Patient": {"DICOM": {"PatientName": "A^B"}}}
        for call in (
            lambda: self.store.call("delete_image_set", imageSetId=image_set.id),
            lambda: self.ask(image_set, updatable=tree),
            lambda: self.store.copy(image_set.id, image_set.latest),
        ):
            self.refused("ResourceNotFoundException", call)

    # Searches.

    @rule(
        criterion=st.sampled_from([("DICOMPatientId", "PAT1"), ("DICOMPatientId", "PAT2")])
        | st.tuples(st.just("DICOMSeriesInstanceUID"), st.sampled_from(SERIES))
        | st.tuples(st.just("isPrimary"), st.booleans())
    )
    def search(self, criterion):
        name, value = criterion
        found = self.store.search(filters=[{"values": [{name: value}], "operator": "EQUAL"}])
        assert sorted(one["imageSetId"] for one in found) == sorted(
            one.id
            for one in self.sets
            if one.content
            and (one.primary if name == "isPrimary" else one.content.tags().get(name)) == value
        )

    @rule(order=st.sampled_from(("ASC", "DESC")), size=st.sampled_from((1, 2)), data=st.data())
    def search_by_time(self, order, size, data):
        """In pages, one image set perhaps changed between the first and the second."""
        members = [one for one in self.sets if one.content]
        wanted = sorted(members, key=lambda one: one.updated, reverse=order == "DESC")
        found, more = [], {}
        sort = {"sort": {"sortField": "updatedAt", "sortOrder": order}}
        changed = data.draw(st.sampled_from([None, *members]))
        while True:
            page = self.store.call(
                "search_image_sets", searchCriteria=sort, maxResults=size, **more
            )
            found += [one["imageSetId"] for one in page["imageSetsMetadataSummaries"]]
            if "nextToken" not in page:
                break
            assert len(page["imageSetsMetadataSummaries"]) == size
            if changed and not more:
                tree = {"Patient": {"DICOM": {"PatientSex": "F"}}}
                self.ask(changed, updatable=tree)
                self.store.settled(changed.id)
                self.add(changed, "UPDATED", changed.content.having("PatientSex", "F"))
            more = {"nextToken": page["nextToken"]}
        assert found == [one.id for one in wanted]

    # What rules are made of.

    def tree(self, image_set, level, sop, attributes):
        part = {"DICOM": attributes}
        if level == "Patient":
            return {"Patient": part}
        if level == "Instance":
            part = {"Instances": {sop: part}}
        if level != "Study":
            part = {"Series": {image_set.content.shared["SeriesInstanceUID"]: part}}
        return {"Study": part}

    def ask(self, image_set, force=False, **more):
        answer = self.store.update(image_set.id, image_set.latest, force, **more)
        assert answer["latestVersionId"] == str(image_set.latest + 1)

    def add(self, image_set, status, content, forced=False):
        image_set.versions.append(Version(status, content, forced))
        self.touched.append(image_set)

    def fail(self, image_set, status, forced=False):
        self.add(image_set, status, image_set.content, forced)

    def make(self, image_set_id, primary, version):
        assert image_set_id not in [one.id for one in self.sets]
        self.sets.append(ImageSet(len(self.sets) + 1, image_set_id, primary, [version]))
        self.touched.append(self.sets[-1])

    def refused(self, code, call):
        with pytest.raises(ClientError) as caught:
            call()
        assert caught.value.response["Error"]["Code"] == code

    # What holds after each rule.

    @invariant()
    def agrees(self):
        self.changes += bool(self.touched)
        for one in self.touched:
            self.store.settled(one.id)
        for one in self.sets:
            self.check_versions(one)
            self.check_documents(one)
        self.touched = []
        found = self.store.search()
        members = {one.id: one for one in self.sets if one.content}
        assert sorted(one["imageSetId"] for one in found) == sorted(members)
        for summary in found:
            one = members[summary["imageSetId"]]
            assert summary["version"] == one.latest
            assert summary["updatedAt"] == one.updated
            assert summary.get("isPrimary") == one.primary
            tags = summary["DICOMTags"]
            assert {name: tags[name] for name in tags if name != "DICOMStudyTime"} == (
                one.content.tags()
            )
        places = [one.place() for one in members.values() if one.primary]
        assert len(places) == len(set(places))

    def check_versions(self, one):
        found = self.store.properties(one.id)
        if one in self.touched:
            assert one.updated is None or found["updatedAt"] > one.updated
            one.updated = found["updatedAt"]
        assert found["updatedAt"] == one.updated
        assert ("deletedAt" in found) == one.deleted
        listed = self.store.call("list_image_set_versions", imageSetId=one.id)
        versions = listed["imageSetPropertiesList"]
        assert [version["versionId"] for version in versions] == [
            str(number) for number in range(one.latest, 0, -1)
        ]
        assert found.pop("imageSetWorkflowStatus") == one.versions[-1].status
        assert {key: found.get(key) for key in versions[0].keys() - {"ImageSetWorkflowStatus"}} == {
            key: value for key, value in versions[0].items() if key in found
        }
        for version, known in zip(reversed(versions), one.versions, strict=True):
            last = known is one.versions[-1]
            assert version["imageSetState"] == ("DELETED" if one.deleted and last else "ACTIVE")
            assert version["ImageSetWorkflowStatus"] == known.status
            assert version.get("isPrimary") == one.primary
            assert ("message" in version) == known.status.endswith("_FAILED")
            assert version.get("overrides") == ({"forced": True} if known.forced else None)

    def check_documents(self, one):
        for number, version in enumerate(one.versions, 1):
            if one.deleted or version.content is None:
                with pytest.raises(self.server.imaging.exceptions.ResourceNotFoundException):
                    self.store.metadata(one.id, versionId=str(number))
                continue
            tree = self.store.metadata(one.id, versionId=str(number))
            assert tree["ImageSetID"] == one.id
            assert self.flat(one, tree) == version.content.flat()
        if one.content:
            assert self.store.metadata(one.id) == tree

    def flat(self, image_set, tree):
        """Every instance of a document as the model has it."""
        [(series_uid, series)] = tree["Study"]["Series"].items()
        found = {}
        for sop, instance in series["Instances"].items():
            attributes = (
                tree["Patient"]["DICOM"]
                | tree["Study"]["DICOM"]
                | series["DICOM"]
                | instance["DICOM"]
            )
            assert attributes["SeriesInstanceUID"] == series_uid
            assert attributes["MediaStorageSOPInstanceUID"] == sop
            others = {key: attributes[key] for key in attributes.keys() - set(TRACKED)}
            if Machine.others is None:
                Machine.others = others
            assert others == Machine.others
            [frame] = instance["ImageFrames"]
            assert frame["MinPixelValue"] == frame["MaxPixelValue"]
            self.check_frame(image_set, frame["ID"], frame["MinPixelValue"])
            found[sop] = {
                key: value
                for key, value in attributes.items()
                if key in TRACKED and key != "MediaStorageSOPInstanceUID"
            } | {"pixels": frame["MinPixelValue"]}
        return found

    def check_frame(self, image_set, frame, pixels):
        """What is imported once has its frame for good, wherever it is copied."""
        answer = self.store.call(
            "get_image_frame",
            imageSetId=image_set.id,
            imageFrameInformation={"imageFrameId": frame},
        )
        content = answer["imageFrameBlob"].read()
        assert self.frames.setdefault(pixels, (frame, content)) == (frame, content)


def machine(server: HealthImaging, folder: Path) -> type[Machine]:
    return type("ImageSets", (Machine,), {"server": server, "folder": folder})


def test_image_sets_are_as_the_model_has_them(healthimaging, tmp_path):
    run_state_machine_as_test(
        machine(healthimaging, tmp_path),
        settings=settings(
            max_examples=15,
            stateful_step_count=15,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
