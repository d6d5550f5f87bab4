"""The one exception of this package."""

from collections.abc import Mapping
from typing import Any, NamedTuple, cast

import grpc
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo
from google.rpc.status_pb2 import Status


class FieldViolation(NamedTuple):
    """A field of a request that is wrong: its path in the message, and what was expected, with the offending value."""

    field: str
    description: str


class AssayError(Exception):
    """What every failed call raises. `code` is gRPC's name of it in lower case, `reason` an UPPER_SNAKE word for programs."""

    def __init__(
        self,
        code: str,
        message: str,
        reason: str = "",
        metadata: Mapping[str, str] | None = None,
        violations: tuple[FieldViolation, ...] = (),
    ) -> None:
        super().__init__(message)
        self.code, self.message, self.reason = code, message, reason or code.upper()
        self.metadata, self.violations = dict(metadata or {}), violations


def error_of(failure: grpc.RpcError) -> AssayError:
    """The error of a failed call, with the details that the suite gave it."""
    code = failure.code().name.lower()
    trailers: dict[str, Any] = {key: value for key, value in cast(Any, failure.trailing_metadata()) or ()}
    info, bad = ErrorInfo(), BadRequest()
    for detail in Status.FromString(trailers.get("grpc-status-details-bin", b"")).details:
        detail.Unpack(info) or detail.Unpack(bad)
    violations = tuple(FieldViolation(each.field, each.description) for each in bad.field_violations)
    return AssayError(code, failure.details() or code, info.reason, info.metadata, violations)
