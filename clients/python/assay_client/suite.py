"""A suite, for programs with threads."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from queue import SimpleQueue
from typing import Any, TypeVar, cast

import grpc

from . import messages
from .errors import error_of
from .gen.assay.common.v1 import common_pb2 as common
from .gen.assay.common.v1.run_spec_pb2 import RunSpec
from .gen.assay.controller.v1.controller_service_pb2 import DriveRunRequest, DriveRunResponse, GetSuiteRequest
from .gen.assay.controller.v1.controller_service_pb2_grpc import RunServiceStub, SuiteServiceStub
from .gen.assay.records_manager.v1 import records_manager_service_pb2 as records_manager
from .gen.assay.records_manager.v1.records_manager_service_pb2_grpc import RecordsManagerServiceStub
from .reach import Reach, found

Stub = TypeVar("Stub")


def connect(address: str = "", **reach: Any) -> "Suite":
    """Connects to a suite that runs. Keywords are the fields of `Reach`. The caller closes it, by `with`."""
    suite = Suite(found(Reach(address=address, **reach)))
    try:
        suite.version = suite.suite.GetSuite(GetSuiteRequest()).version
    except BaseException:
        suite.close()
        raise
    return suite


class Suite:
    """A suite as a client sees it. All calls raise AssayError; those of stubs that have one answer end after 10 s."""

    version = ""

    def __init__(self, reach: Reach) -> None:
        self._reach, self._metadata = reach, reach.metadata()
        self._channels: dict[str, grpc.Channel] = {}
        self.runs = RunServiceStub(self._channel(reach.address))
        self.suite = SuiteServiceStub(self._channel(reach.address))

    def run(self, spec: RunSpec | Mapping[str, Any], run_id: str = "", *, interval_ms: int = 500, keep: bool = False) -> "Run":
        """Creates a run, from a spec or from its proto JSON. It ends with its stream, unless it is to be kept."""
        return Run(self, messages.creation(spec, run_id, interval_ms, keep))

    def attach(self, run_id: str, *, interval_ms: int = 500) -> "Run":
        """Drives a run that goes on, whoever created it. Leaving it leaves it alone."""
        return Run(self, messages.attachment(run_id, interval_ms))

    def summary_of(self, run_id: str, **wishes: Any) -> records_manager.SummarizeRecordsResponse:
        """Statistics; keywords are the fields of SummarizeRecordsRequest."""
        request = records_manager.SummarizeRecordsRequest(run_id=run_id, **wishes)
        return self.records().SummarizeRecords(request, timeout=300)

    def records_of(self, run_id: str, **wishes: Any) -> Iterator[messages.Record]:
        """What was measured of each request; keywords are the fields of StreamRecordsRequest, as `filter="ttft > 200ms"`."""
        request = records_manager.StreamRecordsRequest(run_id=run_id, **wishes)
        for message in self.records().StreamRecords(request):
            yield from messages.records_in(message)

    def records(self) -> RecordsManagerServiceStub:
        return self.client(RecordsManagerServiceStub, common.SERVICE_KIND_RECORDS_MANAGER)

    def client(self, stub: Callable[[grpc.Channel], Stub], kind: common.ServiceKind.ValueType) -> Stub:
        """A stub of any service, at the member that serves it now."""
        return stub(self._channel(messages.address_of(self.suite.GetSuite(GetSuiteRequest()), kind)))

    def close(self) -> None:
        """Ends its calls."""
        for channel in self._channels.values():
            channel.close()

    def _channel(self, address: str) -> grpc.Channel:
        if address not in self._channels:
            self._reach.check(address)
            options, credentials = self._reach.options(), self._reach.credentials()
            self._channels[address] = (
                grpc.secure_channel(address, credentials, options) if credentials else grpc.insecure_channel(address, options)
            )
        return cast(grpc.Channel, _Calls(self._channels[address], self._metadata))

    def __enter__(self) -> "Suite":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Run:
    """A run that is driven: its progress, once, by iterating. Leaving the loop or the `with` ends a run of one's own."""

    def __init__(self, suite: Suite, first: DriveRunRequest) -> None:
        self._suite, self._requests = suite, SimpleQueue[DriveRunRequest | None]()
        self._requests.put(first)
        self._progress: Any = suite.runs.DriveRun(iter(self._requests.get, None))
        try:
            self.progress: DriveRunResponse = next(self._progress)
        except BaseException:
            self.close()
            raise
        self.id = self.progress.run.run_id

    def __iter__(self) -> Iterator[DriveRunResponse]:
        """The run now, and what happened since the message before; its last message has the last state."""
        try:
            yield self.progress
            for progress in self._progress:
                self.progress = progress
                yield progress
        finally:
            self.close()

    def adjust(self, **change: Any) -> None:
        """Asks for another load of the phase that runs; keywords are the fields of AdjustPhase. What is not done is among the
        `refusals` of the progress."""
        self._requests.put(messages.adjustment(self.progress.run, change))

    def cancel(self, reason: str = "") -> None:
        """Asks for the end of the run; its progress goes on until then."""
        self._requests.put(messages.cancellation(reason))

    def summary(self, **wishes: Any) -> records_manager.SummarizeRecordsResponse:
        return self._suite.summary_of(self.id, **wishes)

    def records(self, **wishes: Any) -> Iterator[messages.Record]:
        return self._suite.records_of(self.id, **wishes)

    def close(self) -> None:
        self._progress.close()
        self._requests.put(None)

    def __enter__(self) -> "Run":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Calls:
    """A channel whose calls have the suite's token and raise AssayError."""

    def __init__(self, channel: grpc.Channel, metadata: tuple[tuple[str, str], ...]) -> None:
        self._metadata = metadata
        self.unary_unary, self.stream_unary = map(self._asking, (channel.unary_unary, channel.stream_unary))
        self.unary_stream, self.stream_stream = map(self._reading, (channel.unary_stream, channel.stream_stream))

    def _asking(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def ask(call: Any, request: Any, timeout: float = 10) -> Any:
            try:
                return call(request, timeout=timeout, metadata=self._metadata)
            except grpc.RpcError as failure:
                raise error_of(failure) from failure

        return lambda *names, **codec: partial(ask, method(*names, **codec))

    def _reading(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def read(call: Any, request: Any, timeout: float | None = None) -> Iterator[Any]:
            stream = call(request, timeout=timeout, metadata=self._metadata)
            try:
                yield from stream
            except grpc.RpcError as failure:
                raise error_of(failure) from failure
            finally:
                stream.cancel()

        return lambda *names, **codec: partial(read, method(*names, **codec))
