"""What is said and heard, however it is carried."""

import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from google.protobuf.json_format import ParseDict, ParseError

from .errors import AssayError
from .gen.assay.common.v1.common_pb2 import ServiceKind
from .gen.assay.common.v1.run_spec_pb2 import RunSpec
from .gen.assay.controller.v1.controller_pb2 import Run as RunState
from .gen.assay.controller.v1.controller_service_pb2 import (
    AdjustPhase,
    CancelRunRequest,
    CreateRunRequest,
    DriveAttach,
    DriveCreate,
    DriveRunRequest,
    GetSuiteResponse,
)
from .gen.assay.records_manager.v1.record_pb2 import MetricRecord
from .gen.assay.records_manager.v1.records_manager_service_pb2 import StreamRecordsResponse

WHO = "a client in Python"


class Record(NamedTuple):
    """What was measured of one request: its record, and its metrics by tag, those that it has."""

    record: MetricRecord
    metrics: dict[str, float]


def records_in(message: StreamRecordsResponse) -> Iterator[Record]:
    for record in message.records:
        values = zip(message.tags, record.values, strict=False)
        yield Record(record, {tag: value for tag, value in values if not math.isnan(value)})


def creation(spec: RunSpec | Mapping[str, Any], run_id: str, interval_ms: int, is_kept: bool) -> DriveRunRequest:
    """A mapping is a spec in proto JSON. Raises `invalid_argument` for one that is none."""
    try:
        message = spec if isinstance(spec, RunSpec) else ParseDict(dict(spec), RunSpec())
    except ParseError as error:
        raise AssayError("invalid_argument", f"the spec cannot be read: {error}") from error
    run = CreateRunRequest(spec=message, run_id=run_id)
    return DriveRunRequest(
        create=DriveCreate(run=run, cancel_on_disconnect=not is_kept, interval_ms=interval_ms, requested_by=WHO)
    )


def attachment(run_id: str, interval_ms: int) -> DriveRunRequest:
    return DriveRunRequest(attach=DriveAttach(run_id=run_id, interval_ms=interval_ms, requested_by=WHO))


def adjustment(run: RunState, change: Mapping[str, Any]) -> DriveRunRequest:
    """Of the phase that runs; where none does, the controller says so."""
    index = next((phase.index for phase in run.phases if phase.name == run.phase), 0)
    return DriveRunRequest(adjust=AdjustPhase(phase=index, **change))


def cancellation(reason: str) -> DriveRunRequest:
    return DriveRunRequest(cancel=CancelRunRequest(reason=reason))


def address_of(suite: GetSuiteResponse, kind: ServiceKind.ValueType) -> str:
    """Of whoever serves it now, not of one that has died and is still listed; of several that of shard 0 answers for all."""
    members = [each for each in suite.members if each.is_connected and each.address and kind in each.services]
    if not members:
        raise AssayError("unavailable", f"no member of the suite serves {ServiceKind.Name(kind)}")
    return min(members, key=lambda each: each.shard).address
