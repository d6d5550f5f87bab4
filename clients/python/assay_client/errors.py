"""The one exception of this package."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import grpc
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo
from google.rpc.status_pb2 import Status


class AssayError(Exception):
    """What every failed call raises: `code`, gRPC's name of it in lower case, `reason`, an UPPER_SNAKE word for programs, with
    `metadata`, and `violations`, the fields of the request that are wrong, each with `field` and `description`."""

    def __init__(self, code: str, message: str, info: ErrorInfo | None = None, bad: BadRequest | None = None) -> None:
        super().__init__(message)
        self.code, self.message, self.violations = code, message, list(bad.field_violations if bad else ())
        self.reason, self.metadata = (info.reason if info else "") or code.upper(), dict(info.metadata if info else {})


@contextmanager
def failures() -> Iterator[None]:
    """Makes an AssayError of what gRPC raises, with the details that the suite gave it."""
    try:
        yield
    except grpc.RpcError as failure:
        trailers: dict[str, Any] = {key: value for key, value in cast(Any, failure.trailing_metadata()) or ()}
        info, bad = ErrorInfo(), BadRequest()
        for detail in Status.FromString(trailers.get("grpc-status-details-bin", b"")).details:
            detail.Unpack(info) or detail.Unpack(bad)
        raise AssayError(failure.code().name.lower(), failure.details() or "", info, bad) from failure
