"""The server's errors against those of the service model."""

import pytest

from gateway.emulator import faults, model

SHAPES = {shape.name: shape for shape in model.service().error_shapes}


@pytest.mark.parametrize("name", sorted(SHAPES))
def test_every_error_of_the_model_has_its_status(name):
    assert faults.STATUS[name] == SHAPES[name].metadata["error"]["httpStatusCode"]


def test_only_the_errors_for_unknown_operations_and_authorizers_are_not_in_the_model():
    assert faults.STATUS.keys() - SHAPES.keys() == {
        "FailedDependencyException",
        "RequestTimeoutException",
        "NotImplementedException",
        "UnknownOperationException",
    }


@pytest.mark.parametrize(
    ("fault", "code", "message"),
    [
        (
            faults.not_found("Datastore x"),
            "ResourceNotFoundException",
            "Datastore x does not exist",
        ),
        (faults.invalid("too long"), "ValidationException", "too long"),
        (faults.conflict("busy"), "ConflictException", "busy"),
        (faults.Fault("ThrottlingException", "slow"), "ThrottlingException", "slow"),
    ],
)
def test_a_fault_has_a_code_and_a_message(fault, code, message):
    assert (fault.code, str(fault)) == (code, message)
    assert fault.code in SHAPES
