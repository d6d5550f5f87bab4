"""The client against suites that run: the one of $ASSAY_CONTROLLER, and one at $ASSAY_TLS_ADDRESS that asks for certificates."""

import os
import signal
import socket
import subprocess
import sys
import unittest
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Thread, Timer
from unittest.mock import patch

from assay_client import AssayError, Progress, Run, Suite, aio, connect
from assay_client.gen.assay.common.v1.common_pb2 import SERVICE_KIND_UNSPECIFIED, SERVICE_KIND_WORKER_MANAGER
from assay_client.gen.assay.controller.v1.controller_pb2 import (
    RUN_STATE_CANCELLED,
    RUN_STATE_COMPLETED,
    RUN_STATE_RUNNING,
    RunState,
)
from assay_client.gen.assay.controller.v1.controller_service_pb2 import ListRunsRequest
from assay_client.gen.assay.worker_manager.v1.worker_manager_service_pb2 import ListWorkersRequest, ListWorkersResponse
from assay_client.gen.assay.worker_manager.v1.worker_manager_service_pb2_grpc import WorkerManagerServiceStub


def spec_of(load: dict[str, object], stop: dict[str, object]) -> dict[str, object]:
    return {
        "models": ["mock"],
        "target": {"urls": [{"url": os.environ["TARGET_URL"]}]},
        "endpoint": {"type": "chat", "streaming": True},
        "dataset": {"synthetic": {"inputTokens": {"mean": 16}, "outputTokens": {"mean": 2}}},
        "phases": [{"name": "profiling", "kind": "PHASE_KIND_PROFILING", "stop": stop, **load}],
    }


LONG = spec_of({"rate": {"ratePerSec": 20}}, {"durationSec": 120})
SECONDS = spec_of({"rate": {"ratePerSec": 20}}, {"durationSec": 4})
SHORT = spec_of({"concurrency": {"limit": 2}}, {"requestCount": 10})


def ended(suite: Suite, run_id: str) -> RunState.ValueType:
    """The last state of a run that ends or has ended."""
    for _ in (run := suite.attach(run_id)):
        pass
    return run.progress.run.state


class Proxy:
    """Passes connections on to the suite, except while it is away."""

    def __init__(self) -> None:
        self._is_away = False
        self._ends: list[socket.socket] = []
        self._server = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._server.getsockname()[1]}"
        Thread(target=self._accept, daemon=True).start()

    def go_away(self, seconds: float) -> None:
        self._is_away = True
        self._cut()
        Timer(seconds, self._come_back).start()

    def close(self) -> None:
        self._server.close()
        self._cut()

    def _come_back(self) -> None:
        self._is_away = False

    def _cut(self) -> None:
        for end in self._ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        self._ends.clear()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._server.accept()
                if self._is_away:
                    near.close()
                    continue
                host, port = os.environ["ASSAY_CONTROLLER"].rsplit(":", 1)
                far = socket.create_connection((host, int(port)))
                self._ends += [near, far]
                for source, sink in ((near, far), (far, near)):
                    Thread(target=self._pass_on, args=(source, sink), daemon=True).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError), source, sink:
            while data := source.recv(65_536):
                sink.sendall(data)


@contextmanager
def proxied() -> Iterator[Proxy]:
    proxy = Proxy()
    try:
        yield proxy
    finally:
        proxy.close()


class Cutting:
    """Sends a proxy away once a run goes on, and notes what the run tells."""

    def __init__(self, proxy: Proxy) -> None:
        self._proxy, self._is_cut = proxy, False
        self.events: list[bytes] = []
        self.states: list[RunState.ValueType] = []

    def take(self, progress: Progress) -> None:
        self.events += [event.SerializeToString() for event in progress.events]
        self.states.append(progress.run.state)
        if progress.run.state == RUN_STATE_RUNNING and not self._is_cut:
            self._is_cut = True
            self._proxy.go_away(1)


class Threads(unittest.TestCase):
    def setUp(self) -> None:
        self.suite = connect()
        self.addCleanup(self.suite.__exit__)

    def test_says_every_field_that_is_wrong(self) -> None:
        with self.assertRaises(AssayError) as caught:
            next(iter(self.suite.run({"models": ["mock"]})))
        self.assertEqual((caught.exception.code, caught.exception.reason), ("invalid_argument", "INVALID_RUN_SPEC"))
        self.assertEqual([each.field for each in caught.exception.violations], ["phases"])

    def test_gives_records_with_the_metrics_that_they_have(self) -> None:
        run = self.suite.run(SHORT)
        states = [progress.run.state for progress in run]
        self.assertIn(RUN_STATE_RUNNING, states)
        records = list(run.records(order_by="request_latency desc"))
        latencies = [metrics["request_latency"] for _, metrics in records]
        self.assertEqual(len(latencies), 10)
        self.assertEqual(latencies, sorted(latencies, reverse=True))
        self.assertTrue(all(record.status == 200 for record, _ in records))
        again = self.suite.attach(run.id)
        self.assertEqual(len(list(again.records(limit=3, fields={"paths": ["status"]}))), 3)
        self.assertEqual([progress.run.state for progress in again], [RUN_STATE_COMPLETED])

    def test_ends_the_run_when_its_loop_is_left(self) -> None:
        for progress in (run := self.suite.run(LONG, interval_ms=100)):
            if progress.run.state == RUN_STATE_RUNNING:
                break
        self.assertEqual(ended(self.suite, run.id), RUN_STATE_CANCELLED)

    def test_leaves_a_run_alone_that_is_to_be_kept(self) -> None:
        for _ in (run := self.suite.run(LONG, keep=True)):
            break
        again = self.suite.attach(run.id, interval_ms=100)
        for _ in again:
            again.cancel("the test is over")
            break
        self.assertEqual(ended(self.suite, run.id), RUN_STATE_CANCELLED)

    def test_says_what_of_a_load_cannot_be_changed(self) -> None:
        for progress in (run := self.suite.run(LONG, interval_ms=100)):
            if progress.run.phases and progress.run.phases[0].sent > 0:
                with self.assertRaisesRegex(AssayError, "at least 1"):
                    run.adjust(prefill_concurrency=0)
                break

    def test_opens_the_stream_of_a_run_again_that_outlives_it(self) -> None:
        with proxied() as proxy, connect(proxy.address) as suite:
            cutting = Cutting(proxy)
            for progress in (run := suite.run(SECONDS, keep=True, interval_ms=100)):
                cutting.take(progress)
        self.assertEqual(cutting.states[-1], RUN_STATE_COMPLETED)
        self.assertEqual(len(cutting.events), len(set(cutting.events)))
        self.assertEqual(ended(self.suite, run.id), RUN_STATE_COMPLETED)

    def test_ends_with_a_run_that_does_not_outlive_its_stream(self) -> None:
        with proxied() as proxy, connect(proxy.address) as suite:
            cutting, run = Cutting(proxy), suite.run(LONG, interval_ms=100)
            with self.assertRaises(AssayError) as caught:
                self.follow(run, cutting)
        self.assertEqual(caught.exception.code, "unavailable")
        self.assertEqual(ended(self.suite, run.id), RUN_STATE_CANCELLED)

    def follow(self, run: Run, cutting: Cutting) -> None:
        for progress in run:
            cutting.take(progress)

    def test_calls_any_service_and_says_where_none_serves_it(self) -> None:
        with self.suite.channel(SERVICE_KIND_WORKER_MANAGER) as channel:
            workers = self.suite.ask(WorkerManagerServiceStub(channel).ListWorkers, ListWorkersRequest())
        self.assertEqual(type(workers), ListWorkersResponse)
        with self.assertRaises(AssayError) as caught:
            self.suite.channel(SERVICE_KIND_UNSPECIFIED)
        self.assertEqual(caught.exception.code, "unavailable")

    def test_ends_the_run_at_ctrl_c(self) -> None:
        program = f"from assay_client import connect\nfor each in connect().run({LONG!r}, interval_ms=100):\n"
        child = subprocess.Popen(
            [sys.executable, "-uc", program + " print(each.run.run_id, each.run.state, flush=True)"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert child.stdout is not None
        for line in child.stdout:
            run_id, state = line.split()
            if int(state) == RUN_STATE_RUNNING:
                child.send_signal(signal.SIGINT)
                break
        _, errors = child.communicate(timeout=20)
        self.assertIn("KeyboardInterrupt", errors)
        self.assertEqual(ended(self.suite, run_id), RUN_STATE_CANCELLED)


class Asyncio(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self) -> None:
        self.suite = aio.connect()
        self.addAsyncCleanup(self.suite.__aexit__)

    async def test_drives_a_run_and_reads_what_it_measured(self) -> None:
        run = self.suite.run(SHORT)
        async for _ in run:
            pass
        (profiling,) = (await run.summary()).phases
        self.assertEqual(profiling.identity.succeeded, 10)
        self.assertEqual(len([record async for record in run.records()]), 10)

    async def test_says_every_field_that_is_wrong(self) -> None:
        with self.assertRaises(AssayError) as caught:
            await anext(aiter(self.suite.run({"models": ["mock"]})))
        self.assertEqual([each.field for each in caught.exception.violations], ["phases"])

    async def test_changes_the_load_and_ends_the_run_when_its_loop_is_left(self) -> None:
        run = self.suite.run(LONG, interval_ms=100)
        is_asked = False
        async for progress in run:
            if any("rate 40" in event.message for event in progress.events):
                break
            if progress.run.phases and progress.run.phases[0].sent > 0 and not is_asked:
                is_asked = True
                await run.adjust(rate_per_sec=40)
        again = self.suite.attach(run.id)
        async for _ in again:
            pass
        self.assertEqual(again.progress.run.state, RUN_STATE_CANCELLED)

    async def test_opens_the_stream_of_a_run_again_that_outlives_it(self) -> None:
        with proxied() as proxy:
            async with aio.connect(proxy.address) as suite:
                cutting = Cutting(proxy)
                async for progress in suite.run(SECONDS, keep=True, interval_ms=100):
                    cutting.take(progress)
        self.assertEqual(cutting.states[-1], RUN_STATE_COMPLETED)
        self.assertEqual(len(cutting.events), len(set(cutting.events)))


class Reaching(unittest.TestCase):
    def code_of(self, suite: Suite) -> str:
        """That a first call fails with; empty: it does not."""
        with suite:
            try:
                suite.ask(suite.runs.ListRuns, ListRunsRequest())
            except AssayError as error:
                return error.code
        return ""

    def test_goes_to_this_host_unless_told_otherwise(self) -> None:
        with patch.dict(os.environ, {"ASSAY_CONTROLLER": ""}), connect(token="a-secret") as suite:
            self.assertEqual((suite.address, suite.token), ("127.0.0.1:9600", "a-secret"))

    def test_is_refused_with_a_wrong_token(self) -> None:
        self.assertEqual(self.code_of(connect()), "")
        self.assertEqual(self.code_of(connect(token="nobody's")), "unauthenticated")

    def test_sends_no_token_in_clear_to_another_host(self) -> None:
        for address in ("192.0.2.1:7400", "127.example.com:7400"):
            with self.assertRaises(AssayError) as caught:
                connect(address, token="a-secret")
            self.assertEqual(caught.exception.code, "failed_precondition")
        with connect("192.0.2.1:7400", token="a-secret", allow_plaintext=True) as suite:
            self.assertNotIn("a-secret", repr(suite))

    def test_shows_its_certificate(self) -> None:
        address, files = os.environ["ASSAY_TLS_ADDRESS"], os.environ["ASSAY_TLS_FILES"].split(":")
        ca, cert, key, token = files
        self.assertEqual(self.code_of(connect(address, ca_file=ca, cert_file=cert, key_file=key, token_file=token)), "")
        self.assertEqual(self.code_of(connect(address, ca_file=ca, token_file=token)), "unavailable")


if __name__ == "__main__":
    unittest.main()
