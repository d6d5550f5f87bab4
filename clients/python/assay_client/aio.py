"""A suite, for asyncio: as `assay_client.suite`, whose words hold here."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar, cast

import grpc

from . import messages
from .errors import error_of
from .gen.assay.common.v1 import common_pb2 as common
from .gen.assay.common.v1.run_spec_pb2 import RunSpec
from .gen.assay.controller.v1.controller_service_pb2 import DriveRunRequest, DriveRunResponse, GetSuiteRequest
from .gen.assay.controller.v1.controller_service_pb2_grpc import (
    RunServiceStub,
    SuiteServiceStub,
)
from .gen.assay.records_manager.v1 import records_manager_service_pb2 as records_manager
from .gen.assay.records_manager.v1.records_manager_service_pb2_grpc import (
    RecordsManagerServiceStub,
)
from .reach import Reach, found

if TYPE_CHECKING:
    from .gen.assay.controller.v1.controller_service_pb2_grpc import RunServiceAsyncStub, SuiteServiceAsyncStub
    from .gen.assay.records_manager.v1.records_manager_service_pb2_grpc import RecordsManagerServiceAsyncStub

Stub = TypeVar("Stub")


async def connect(address: str = "", **reach: Any) -> "Suite":
    suite = Suite(found(Reach(address=address, **reach)))
    try:
        suite.version = (await suite.suite.GetSuite(GetSuiteRequest())).version
    except BaseException:
        await suite.close()
        raise
    return suite


class Suite:
    version = ""

    def __init__(self, reach: Reach) -> None:
        self._reach, self._metadata = reach, reach.metadata()
        self._channels: dict[str, grpc.aio.Channel] = {}
        self.runs: RunServiceAsyncStub = RunServiceStub(self._channel(reach.address))
        self.suite: SuiteServiceAsyncStub = SuiteServiceStub(self._channel(reach.address))

    async def run(
        self, spec: RunSpec | Mapping[str, Any], run_id: str = "", *, interval_ms: int = 500, keep: bool = False
    ) -> "Run":
        return await Run(self, messages.creation(spec, run_id, interval_ms, keep)).opened()

    async def attach(self, run_id: str, *, interval_ms: int = 500) -> "Run":
        return await Run(self, messages.attachment(run_id, interval_ms)).opened()

    async def summary_of(self, run_id: str, **wishes: Any) -> records_manager.SummarizeRecordsResponse:
        request = records_manager.SummarizeRecordsRequest(run_id=run_id, **wishes)
        return await (await self.records()).SummarizeRecords(request, timeout=300)

    async def records_of(self, run_id: str, **wishes: Any) -> AsyncIterator[messages.Record]:
        request = records_manager.StreamRecordsRequest(run_id=run_id, **wishes)
        async for message in (await self.records()).StreamRecords(request):
            for record in messages.records_in(message):
                yield record

    async def records(self) -> "RecordsManagerServiceAsyncStub":
        return await self.client(RecordsManagerServiceStub, common.SERVICE_KIND_RECORDS_MANAGER)

    async def client(self, stub: Callable[[grpc.aio.Channel], Stub], kind: common.ServiceKind.ValueType) -> Stub:
        return stub(self._channel(messages.address_of(await self.suite.GetSuite(GetSuiteRequest()), kind)))

    async def close(self) -> None:
        for channel in self._channels.values():
            await channel.close()

    def _channel(self, address: str) -> grpc.aio.Channel:
        if address not in self._channels:
            self._reach.check(address)
            options, credentials = self._reach.options(), self._reach.credentials()
            self._channels[address] = (
                grpc.aio.secure_channel(address, credentials, options)
                if credentials
                else grpc.aio.insecure_channel(address, options)
            )
        return cast(grpc.aio.Channel, _Calls(self._channels[address], self._metadata))

    async def __aenter__(self) -> "Suite":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


class Run:
    def __init__(self, suite: Suite, first: DriveRunRequest) -> None:
        self._suite, self._requests = suite, asyncio.Queue[DriveRunRequest | None]()
        self._requests.put_nowait(first)
        self._progress: Any = suite.runs.DriveRun(self._asked())

    async def opened(self) -> "Run":
        self.progress: DriveRunResponse = await anext(self._progress)
        self.id = self.progress.run.run_id
        return self

    async def __aiter__(self) -> AsyncIterator[DriveRunResponse]:
        try:
            yield self.progress
            async for progress in self._progress:
                self.progress = progress
                yield progress
        finally:
            await self.close()

    def adjust(self, **change: Any) -> None:
        self._requests.put_nowait(messages.adjustment(self.progress.run, change))

    def cancel(self, reason: str = "") -> None:
        self._requests.put_nowait(messages.cancellation(reason))

    async def summary(self, **wishes: Any) -> records_manager.SummarizeRecordsResponse:
        return await self._suite.summary_of(self.id, **wishes)

    def records(self, **wishes: Any) -> AsyncIterator[messages.Record]:
        return self._suite.records_of(self.id, **wishes)

    async def close(self) -> None:
        await self._progress.aclose()

    async def __aenter__(self) -> "Run":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _asked(self) -> AsyncIterator[DriveRunRequest]:
        while request := await self._requests.get():
            yield request


class _Calls:
    def __init__(self, channel: grpc.aio.Channel, metadata: tuple[tuple[str, str], ...]) -> None:
        self._metadata = metadata
        self.unary_unary, self.stream_unary = map(self._asking, (channel.unary_unary, channel.stream_unary))
        self.unary_stream, self.stream_stream = map(self._reading, (channel.unary_stream, channel.stream_stream))

    def _asking(self, method: Callable[..., Any]) -> Callable[..., Any]:
        async def ask(call: Any, request: Any, timeout: float = 10) -> Any:
            try:
                return await call(request, timeout=timeout, metadata=self._metadata)
            except grpc.RpcError as failure:
                raise error_of(failure) from failure

        return lambda *names, **codec: partial(ask, method(*names, **codec))

    def _reading(self, method: Callable[..., Any]) -> Callable[..., Any]:
        async def read(call: Any, request: Any, timeout: float | None = None) -> AsyncIterator[Any]:
            stream = call(request, timeout=timeout, metadata=self._metadata)
            try:
                async for message in stream:
                    yield message
            except grpc.RpcError as failure:
                raise error_of(failure) from failure
            finally:
                stream.cancel()

        return lambda *names, **codec: partial(read, method(*names, **codec))
