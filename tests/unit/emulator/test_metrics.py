"""Counts of calls, and how few series they make."""

from uuid import uuid4

from prometheus_client.parser import text_string_to_metric_families

from gateway.emulator.calls import Call
from gateway.emulator.faults import Fault
from gateway.emulator.metrics import Metrics

LABELS = ("operation", "datastore", "code")
STORE = "0123456789abcdef0123456789abcdef"


def samples(metrics):
    return {
        (sample.name, *(sample.labels[name] for name in LABELS if name in sample.labels)): (
            sample.value
        )
        for family in text_string_to_metric_families(metrics.text().decode())
        for sample in family.samples
    }


def count(metrics, action, datastore=None, code="", seconds=0.0):
    call = Call("", "", action=action)
    if datastore:
        call.parameters = {"datastoreId": datastore}
    if code:
        call.fail(Fault(code, "message"))
    call.end(200)
    call.seconds = seconds
    metrics.count(call)


def test_calls_are_counted_by_operation_data_store_and_outcome():
    metrics = Metrics([STORE])
    count(metrics, "GetImageSet", STORE, seconds=0.25)
    count(metrics, "GetImageSet", STORE, seconds=0.5)
    count(metrics, "GetImageSet", STORE, "ThrottlingException")
    count(metrics, "ListDatastores", seconds=2)
    assert samples(metrics) == {
        ("healthimaging_calls_total", "GetImageSet", STORE, "OK"): 2,
        ("healthimaging_calls_total", "GetImageSet", STORE, "ThrottlingException"): 1,
        ("healthimaging_calls_total", "ListDatastores", "", "OK"): 1,
        ("healthimaging_call_seconds_count", "GetImageSet", STORE): 3,
        ("healthimaging_call_seconds_sum", "GetImageSet", STORE): 0.75,
        ("healthimaging_call_seconds_count", "ListDatastores", ""): 1,
        ("healthimaging_call_seconds_sum", "ListDatastores", ""): 2,
        ("healthimaging_call_log_lost_total",): 0,
    }


def test_data_stores_that_do_not_exist_share_a_label():
    metrics = Metrics([STORE])
    for _ in range(300):
        count(metrics, "GetImageSet", uuid4().hex, "ResourceNotFoundException")
    found = {key: value for key, value in samples(metrics).items() if "_total" in key[0]}
    key = ("healthimaging_calls_total", "GetImageSet", "other", "ResourceNotFoundException")
    assert found.pop(key) == 300
    assert found == {("healthimaging_call_log_lost_total",): 0}


def test_a_data_store_that_is_created_gets_its_label():
    metrics = Metrics([])
    call = Call("", "", action="CreateDatastore", result={"datastoreId": STORE})
    metrics.count(call)
    count(metrics, "SearchImageSets", STORE, "ValidationException")
    found = samples(metrics)
    assert found["healthimaging_calls_total", "CreateDatastore", STORE, "OK"] == 1
    key = ("healthimaging_calls_total", "SearchImageSets", STORE, "ValidationException")
    assert found[key] == 1


def test_no_more_than_a_hundred_data_stores_have_labels():
    metrics = Metrics(uuid4().hex for _ in range(90))
    for _ in range(30):
        count(metrics, "GetImageSet", uuid4().hex)
    found = samples(metrics)
    labels = {key[2] for key in found if key[0] == "healthimaging_calls_total"}
    assert len(labels) == 11
    assert found["healthimaging_calls_total", "GetImageSet", "other", "OK"] == 20


def test_lost_lines_are_counted():
    metrics = Metrics([])
    metrics.lost(1)
    metrics.lost(4)
    assert samples(metrics)[("healthimaging_call_log_lost_total",)] == 5


def test_two_servers_count_for_themselves():
    first, second = Metrics([]), Metrics([])
    count(first, "ListDatastores")
    assert len(samples(first)) > len(samples(second))
