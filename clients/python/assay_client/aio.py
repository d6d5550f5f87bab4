"""Runs of a suite, for asyncio. `npm run proto` makes of this what `assay_client` has for programs with threads."""

import asyncio
import math
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, aclosing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import grpc
from google.protobuf.json_format import ParseDict

from assay_client.errors import AssayError, failures
from assay_client.gen.assay.common.v1.common_pb2 import SERVICE_KIND_RECORDS_MANAGER, ServiceKind
from assay_client.gen.assay.common.v1.run_spec_pb2 import RunSpec
from assay_client.gen.assay.controller.v1 import controller_pb2, controller_service_pb2 as controller, controller_service_pb2_grpc
from assay_client.gen.assay.records_manager.v1 import record_pb2, records_manager_service_pb2 as manager
from assay_client.gen.assay.records_manager.v1.records_manager_service_pb2_grpc import RecordsManagerServiceStub

Answer = TypeVar("Answer")
Progress = controller.DriveRunResponse | controller.WatchRunResponse
# Of connections, which gRPC makes again by itself. One whose peer is silent breaks.
OPTIONS = [("grpc.keepalive_time_ms", 10_000), ("grpc.enable_http_proxy", 0), ("grpc.max_receive_message_length", 16 << 20)]


@dataclass(eq=False)
class Suite(AbstractAsyncContextManager["Suite"]):
    """A suite as a client sees it, by the address of its controller (default: $ASSAY_CONTROLLER, else 127.0.0.1:9600). Its token
    is the one given, else in the file (default: $ASSAY_TOKEN_FILE), else $ASSAY_TOKEN. PEM files or `is_tls` make it speak TLS;
    in clear a token goes to no other host, unless that is allowed. All calls raise AssayError. Closed by `with`."""

    address: str = ""
    token: str = field(default="", repr=False)
    token_file: str | Path = ""
    ca_file: str | Path = ""
    cert_file: str | Path = ""
    key_file: str | Path = ""
    is_tls: bool = False
    allow_plaintext: bool = False

    def __post_init__(self) -> None:
        self.address = self.address or os.environ.get("ASSAY_CONTROLLER") or "127.0.0.1:9600"
        file = self.token_file or os.environ.get("ASSAY_TOKEN_FILE")
        self.token = (self.token or (Path(file).read_text() if file else os.environ.get("ASSAY_TOKEN", ""))).strip()
        self._metadata = (("authorization", f"Bearer {self.token}"),) if self.token else ()
        self._channel = self._dialled(self.address)
        self.runs = controller_service_pb2_grpc.RunServiceStub(self._channel)

    def run(self, spec: RunSpec | Mapping[str, Any], run_id: str = "", *, interval_ms: int = 500, keep: bool = False) -> "Run":
        """A run of a spec, or of its proto JSON, that begins when it is iterated. It ends with that, unless it is to be kept."""
        message = ParseDict(dict(spec), RunSpec()) if isinstance(spec, Mapping) else spec
        wanted = controller.CreateRunRequest(spec=message, run_id=run_id)
        create = controller.DriveCreate(run=wanted, cancel_on_disconnect=not keep, interval_ms=interval_ms)
        messages = self.read(self.runs.DriveRun, iter([controller.DriveRunRequest(create=create)]))
        return Run(self, run_id, interval_ms, messages, is_own=not keep)

    def attach(self, run_id: str, *, interval_ms: int = 500) -> "Run":
        """A run that there is, whoever created it; leaving it leaves it alone. One that has ended is told once."""
        messages = self.read(self.runs.WatchRun, controller.WatchRunRequest(run_id=run_id, interval_ms=interval_ms))
        return Run(self, run_id, interval_ms, messages, is_own=False)

    async def ask(self, method: Callable[..., Awaitable[Answer]], request: Any, timeout: float = 10) -> Answer:
        """What a method of a stub answers."""
        with failures():
            return await method(request, timeout=timeout, metadata=self._metadata)

    async def read(self, method: Callable[..., Any], request: Any) -> AsyncIterator[Any]:
        """All that a method of a stub with many answers says; closing it ends the call."""
        stream = method(request, metadata=self._metadata)
        try:
            with failures():
                async for message in stream:
                    yield message
        finally:
            stream.cancel()

    async def channel(self, kind: ServiceKind.ValueType) -> grpc.aio.Channel:
        """To the member that serves a service now, for a stub of it. The caller closes it, by `with`."""
        suite = controller_service_pb2_grpc.SuiteServiceStub(self._channel)
        members = (await self.ask(suite.GetSuite, controller.GetSuiteRequest())).members
        # One that has died may still be listed beside its successor. Of several that of shard 0 answers for all.
        serving = [each for each in members if each.is_connected and each.address and kind in each.services]
        if not serving:
            raise AssayError("unavailable", f"no member of the suite serves {ServiceKind.Name(kind)}")
        return self._dialled(min(serving, key=lambda each: each.shard).address)

    async def __aexit__(self, *_: object) -> None:
        await self._channel.close()

    def _dialled(self, address: str) -> grpc.aio.Channel:
        pems = [Path(path).read_bytes() if path else None for path in (self.ca_file, self.key_file, self.cert_file)]
        if self.is_tls or any(pems):
            return grpc.aio.secure_channel(address, grpc.ssl_channel_credentials(*pems), OPTIONS)
        is_here = address.rpartition(":")[0] in ("localhost", "127.0.0.1", "[::1]")
        if self.token and not is_here and not self.allow_plaintext:
            raise AssayError("failed_precondition", f"sending a token to {address} in clear: it is another host, use TLS")
        return grpc.aio.insecure_channel(address, OPTIONS)


connect = Suite


class Run:
    """A run, which iterating follows. `progress` is what was told last."""

    def __init__(self, suite: Suite, run_id: str, interval_ms: int, messages: Any, *, is_own: bool) -> None:
        self.id, self.progress = run_id, controller.WatchRunResponse()
        self._suite, self._interval_ms, self._messages, self._is_own = suite, interval_ms, messages, is_own

    async def __aiter__(self) -> AsyncIterator[Progress]:
        """Once: the run now, and what happened since the message before, to its last state. Leaving the loop ends a run of one's
        own. The stream of any other run is opened again when it breaks, for some 15 s without a message."""
        told = tries = 0
        while True:
            heard, failure = 0, AssayError("unavailable", f"the stream of run {self.id} ended before the run")
            try:
                async with aclosing(self._messages) as messages:
                    async for message in messages:
                        # A stream that is opened again begins with all that happened so far.
                        heard += len(message.events)
                        del message.events[: len(message.events) - max(0, heard - told)]
                        self.id, self.progress, told, tries = message.run.run_id, message, max(told, heard), 0
                        yield message
            except AssayError as error:
                failure = error
            if self.progress.run.state >= controller_pb2.RUN_STATE_COMPLETED:
                return
            if self._is_own or not self.id or tries == 18 or failure.code not in ("unavailable", "internal", "unknown"):
                raise failure
            await asyncio.sleep(min(1, 0.1 * 2**tries))
            tries += 1
            self._messages = self._suite.attach(self.id, interval_ms=self._interval_ms)._messages

    async def adjust(self, **change: Any) -> None:
        """Changes the load of the phase that runs; keywords are the fields of AdjustPhase."""
        run = self.progress.run
        phase = next((each.index for each in run.phases if each.name == run.phase), 0)
        adjust = controller.AdjustPhase(phase=phase, **change)
        await self._suite.ask(self._suite.runs.AdjustRun, controller.AdjustRunRequest(run_id=self.id, adjust=adjust))

    async def cancel(self, reason: str = "") -> None:
        """Asks for the end of the run; its progress goes on until then."""
        await self._suite.ask(self._suite.runs.CancelRun, controller.CancelRunRequest(run_id=self.id, reason=reason))

    async def summary(self, **wishes: Any) -> manager.SummarizeRecordsResponse:
        """Statistics, at any time; keywords are the fields of SummarizeRecordsRequest."""
        request = manager.SummarizeRecordsRequest(run_id=self.id, **wishes)
        async with await self._suite.channel(SERVICE_KIND_RECORDS_MANAGER) as channel:
            return await self._suite.ask(RecordsManagerServiceStub(channel).SummarizeRecords, request, timeout=300)

    async def records(self, **wishes: Any) -> AsyncIterator[tuple[record_pb2.MetricRecord, dict[str, float]]]:
        """Each request's record, and metrics by tag; keywords are fields of StreamRecordsRequest, as `filter="ttft > 200ms"`."""
        request = manager.StreamRecordsRequest(run_id=self.id, **wishes)
        async with await self._suite.channel(SERVICE_KIND_RECORDS_MANAGER) as channel:
            async for message in self._suite.read(RecordsManagerServiceStub(channel).StreamRecords, request):
                for record in message.records:
                    values = zip(message.tags, record.values, strict=False)
                    yield record, {tag: value for tag, value in values if not math.isnan(value)}
