"""One function per operation of HealthImaging: checked parameters in, a result or a Fault out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from gateway.emulator import blobs, changes, image_sets, jobs, resources, search
from gateway.emulator.faults import Fault, invalid
from gateway.emulator.importer import JobRunner
from gateway.emulator.paging import DEFAULT_SIZE, Pager
from gateway.emulator.quotas import Quotas
from gateway.emulator.store import Database
from gateway.emulator.touches import Touches
from gateway.emulator.workflows import WorkflowRunner

Parameters = Mapping[str, Any]
Result = dict[str, Any]
_Read = TypeVar("_Read")


@dataclass(frozen=True, slots=True)
class Service:
    """The state that operations work on."""

    database: Database
    layout: blobs.Layout
    runner: JobRunner
    workflows: WorkflowRunner
    pager: Pager
    region: str
    import_rule: str
    quotas: Quotas
    touches: Touches


def call(service: Service, operation: str, parameters: Parameters) -> Result:
    """Run an operation.

    Raises:
        Fault: what the service answers instead of a result.
    """
    do = _OPERATIONS.get(operation)
    if do is None:
        message = f"{operation} is not implemented by the embedded HealthImaging server"
        raise Fault("NotImplementedException", message)
    return do(service, parameters)


def _refuse(parameters: Parameters, name: str, allowed: object = None) -> None:
    if parameters.get(name, allowed) != allowed:
        raise invalid(f"{name} is not supported by the embedded HealthImaging server")


def _create_datastore(service: Service, parameters: Parameters) -> Result:
    with service.database.write() as db:

        def create() -> Result:
            service.quotas.check("datastores", resources.count_active(db) + 1)
            datastore_id = resources.create_datastore(
                db, parameters, service.region, service.import_rule
            )
            return {"datastoreId": datastore_id, "datastoreStatus": "CREATING"}

        return resources.once(db, "CreateDatastore", parameters, create)


def _get_datastore(service: Service, parameters: Parameters) -> Result:
    with service.database.read() as db:
        row = resources.datastore(db, parameters["datastoreId"])
    return {"datastoreProperties": resources.datastore_properties(row, service.region)}


def _list_datastores(service: Service, parameters: Parameters) -> Result:
    size = parameters.get("maxResults", DEFAULT_SIZE)
    where, values = "1", []
    if "datastoreStatus" in parameters:
        where, values = "status = ?", [parameters["datastoreStatus"]]
    position = service.pager.position(parameters, parameters.get("nextToken"))
    if position is not None:
        where += " AND (created_at, id) < (?, ?)"
        values += position
    query = f"SELECT * FROM datastore WHERE {where} ORDER BY created_at DESC, id DESC LIMIT ?"  # noqa: S608
    with service.database.read() as db:
        rows = db.execute(query, (*values, size + 1)).fetchall()
    summaries = [resources.datastore_summary(row, service.region) for row in rows[:size]]
    result: Result = {"datastoreSummaries": summaries}
    if len(rows) > size:
        last = rows[size - 1]
        result["nextToken"] = service.pager.token(parameters, [last["created_at"], last["id"]])
    return result


def _delete_datastore(service: Service, parameters: Parameters) -> Result:
    with service.database.write() as db:
        resources.delete_datastore(db, parameters["datastoreId"])
    return {"datastoreId": parameters["datastoreId"], "datastoreStatus": "DELETING"}


def _start_import(service: Service, parameters: Parameters) -> Result:
    _refuse(parameters, "importConfiguration")
    new: list[str] = []
    with service.database.write() as db:

        def submit() -> Result:
            answer = jobs.submit(db, parameters, service.quotas)
            new.append(answer["jobId"])
            return answer

        answer = resources.once(db, "StartDICOMImportJob", parameters, submit)
    for job_id in new:  # once the row is on disk
        service.runner.submit(job_id)
    return answer


def _get_import(service: Service, parameters: Parameters) -> Result:
    with service.database.read() as db:
        row = jobs.find(db, parameters["datastoreId"], parameters["jobId"])
    return {"jobProperties": jobs.properties(row)}


def _list_imports(service: Service, parameters: Parameters) -> Result:
    with service.database.read() as db:
        return jobs.page(db, parameters, service.pager)


def _search(service: Service, parameters: Parameters) -> Result:
    with service.database.read() as db:
        resources.active_datastore(db, parameters["datastoreId"])
        return search.search(db, parameters, service.pager, service.touches)


def _get_image_set(service: Service, parameters: Parameters) -> Result:
    with service.database.read() as db:
        row = image_sets.find(db, parameters["datastoreId"], parameters["imageSetId"])
        version = image_sets.version(db, row, parameters.get("versionId"))
    shown = image_sets.properties(version, "imageSetWorkflowStatus") | service.touches.shown(row)
    return shown | {
        "datastoreId": row["datastore_id"],
        "imageSetArn": resources.arn(service.region, row["datastore_id"], row["id"]),
    }


def _get_metadata(service: Service, parameters: Parameters) -> Result:
    def read() -> tuple[str, bytes]:
        with service.database.read() as db:
            row = image_sets.find(db, parameters["datastoreId"], parameters["imageSetId"])
            number = image_sets.readable(db, row, parameters.get("versionId"))
        return row["id"], service.layout.metadata(row["id"], number).read_bytes()

    image_set_id, content = _reading(read)
    service.touches.note(image_set_id)
    return {
        "imageSetMetadataBlob": content,
        "contentType": "application/json",
        "contentEncoding": "gzip",
    }


def _get_frame(service: Service, parameters: Parameters) -> Result:
    frame_id = parameters["imageFrameInformation"]["imageFrameId"]

    def read() -> tuple[str, bytes, str]:
        with service.database.read() as db:
            row = image_sets.find(db, parameters["datastoreId"], parameters["imageSetId"])
            return row["id"], *image_sets.frame(db, row["id"], frame_id, service.layout.root)

    image_set_id, content, kind = _reading(read)
    service.touches.note(image_set_id)
    return {"imageFrameBlob": content, "contentType": kind}


def _reading(read: Callable[[], _Read]) -> _Read:
    """What ``read`` gives; a deletion between its look at the rows and at the file is seen."""
    try:
        return read()
    except FileNotFoundError:
        return read()


def _list_versions(service: Service, parameters: Parameters) -> Result:
    with service.database.read() as db:
        row = image_sets.find(db, parameters["datastoreId"], parameters["imageSetId"])
        return image_sets.versions(db, row, parameters, service.pager)


def _update(service: Service, parameters: Parameters) -> Result:
    with service.database.write() as db:
        answer = changes.update(db, parameters, service.quotas)
    service.workflows.wake()
    return answer


def _copy(service: Service, parameters: Parameters) -> Result:
    with service.database.write() as db:
        answer = changes.copy(db, parameters, service.region, service.quotas)
    service.workflows.wake()
    return answer


def _delete(service: Service, parameters: Parameters) -> Result:
    with service.database.write() as db:
        answer = changes.delete(db, parameters, service.quotas)
    service.workflows.wake()
    return answer


def _tag(service: Service, parameters: Parameters) -> Result:
    with service.database.write() as db:
        resources.check_resource(db, parameters["resourceArn"], service.region)
        resources.put_tags(db, parameters["resourceArn"], parameters["tags"])
    return {}


def _untag(service: Service, parameters: Parameters) -> Result:
    with service.database.write() as db:
        resources.check_resource(db, parameters["resourceArn"], service.region)
        resources.remove_tags(db, parameters["resourceArn"], parameters["tagKeys"])
    return {}


def _list_tags(service: Service, parameters: Parameters) -> Result:
    with service.database.read() as db:
        resources.check_resource(db, parameters["resourceArn"], service.region)
        return {"tags": resources.tags(db, parameters["resourceArn"])}


_OPERATIONS: Final[dict[str, Callable[[Service, Parameters], Result]]] = {
    "CopyImageSet": _copy,
    "CreateDatastore": _create_datastore,
    "DeleteDatastore": _delete_datastore,
    "DeleteImageSet": _delete,
    "GetDICOMImportJob": _get_import,
    "GetDatastore": _get_datastore,
    "GetImageFrame": _get_frame,
    "GetImageSet": _get_image_set,
    "GetImageSetMetadata": _get_metadata,
    "ListDICOMImportJobs": _list_imports,
    "ListDatastores": _list_datastores,
    "ListImageSetVersions": _list_versions,
    "ListTagsForResource": _list_tags,
    "SearchImageSets": _search,
    "StartDICOMImportJob": _start_import,
    "TagResource": _tag,
    "UntagResource": _untag,
    "UpdateImageSetMetadata": _update,
}
