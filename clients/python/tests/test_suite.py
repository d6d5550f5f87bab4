"""The client against a suite that runs: the one of $XDG_RUNTIME_DIR, and one at $ASSAY_TLS_ADDRESS that asks for certificates."""

import os
import signal
import subprocess
import sys
import unittest

from assay_client import AssayError, Suite, aio, connect
from assay_client.gen.assay.common.v1.common_pb2 import SERVICE_KIND_UNSPECIFIED, SERVICE_KIND_WORKER_MANAGER
from assay_client.gen.assay.controller.v1.controller_pb2 import RUN_STATE_CANCELLED, RUN_STATE_RUNNING, RunState
from assay_client.gen.assay.controller.v1.controller_service_pb2 import GetRunRequest
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
SHORT = spec_of({"concurrency": {"limit": 2}}, {"requestCount": 10})


def ended(suite: Suite, run_id: str) -> RunState.ValueType:
    """The last state of a run that ends, from its own stream or, once it has ended, from the catalog."""
    try:
        for _ in (run := suite.attach(run_id)):
            pass
        return run.progress.run.state
    except AssayError as error:
        if error.code != "failed_precondition":
            raise
    return suite.runs.GetRun(GetRunRequest(run_id=run_id)).run.state


class Threads(unittest.TestCase):
    def setUp(self) -> None:
        self.suite = connect()
        self.addCleanup(self.suite.close)

    def test_says_every_field_that_is_wrong(self) -> None:
        with self.assertRaises(AssayError) as caught:
            self.suite.run({"models": ["mock"]})
        self.assertEqual((caught.exception.code, caught.exception.reason), ("invalid_argument", "INVALID_RUN_SPEC"))
        self.assertEqual([each.field for each in caught.exception.violations], ["phases"])

    def test_refuses_a_spec_that_is_none(self) -> None:
        with self.assertRaises(AssayError) as caught:
            self.suite.run({"nonsense": 1})
        self.assertEqual(caught.exception.code, "invalid_argument")

    def test_gives_records_with_the_metrics_that_they_have(self) -> None:
        run = self.suite.run(SHORT)
        states = [progress.run.state for progress in run]
        self.assertIn(RUN_STATE_RUNNING, states)
        records = list(run.records(order_by="request_latency desc"))
        latencies = [metrics["request_latency"] for _, metrics in records]
        self.assertEqual(len(latencies), 10)
        self.assertEqual(latencies, sorted(latencies, reverse=True))
        self.assertTrue(all(record.status == 200 for record, _ in records))
        self.assertEqual(len(list(run.records(limit=3, fields={"paths": ["status"]}))), 3)

    def test_ends_the_run_when_its_loop_is_left(self) -> None:
        for progress in (run := self.suite.run(LONG, interval_ms=100)):
            if progress.run.state == RUN_STATE_RUNNING:
                break
        self.assertEqual(ended(self.suite, run.id), RUN_STATE_CANCELLED)

    def test_leaves_a_run_alone_that_is_to_be_kept(self) -> None:
        with self.suite.run(LONG, keep=True) as run:
            pass
        again = self.suite.attach(run.id, interval_ms=100)
        again.cancel("the test is over")
        for _ in again:
            pass
        self.assertEqual(again.progress.run.state, RUN_STATE_CANCELLED)

    def test_tells_what_was_refused_and_goes_on(self) -> None:
        refused: list[str] = []
        with self.suite.run(LONG, interval_ms=100) as run:
            for progress in run:
                refused += [refusal.message for refusal in progress.refusals]
                if progress.run.phases and progress.run.phases[0].sent > 0 and not progress.handled:
                    run.adjust(prefill_concurrency=0)
                if refused and not progress.run.reason:
                    break
        self.assertRegex(refused[0], "at least 1")

    def test_calls_any_service_and_says_where_none_serves_it(self) -> None:
        workers = self.suite.client(WorkerManagerServiceStub, SERVICE_KIND_WORKER_MANAGER)
        self.assertEqual(type(workers.ListWorkers(ListWorkersRequest())), ListWorkersResponse)
        with self.assertRaises(AssayError) as caught:
            self.suite.client(WorkerManagerServiceStub, SERVICE_KIND_UNSPECIFIED)
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
        self.suite = await aio.connect()
        self.addAsyncCleanup(self.suite.close)

    async def test_drives_a_run_and_reads_what_it_measured(self) -> None:
        async with await self.suite.run(SHORT) as run:
            async for _ in run:
                pass
        (profiling,) = (await run.summary()).phases
        self.assertEqual(profiling.identity.succeeded, 10)
        self.assertEqual(len([record async for record in run.records()]), 10)

    async def test_says_every_field_that_is_wrong(self) -> None:
        with self.assertRaises(AssayError) as caught:
            await self.suite.run({"models": ["mock"]})
        self.assertEqual([each.field for each in caught.exception.violations], ["phases"])

    async def test_changes_the_load_and_ends_the_run_when_it_is_closed(self) -> None:
        run: aio.Run = await self.suite.run(LONG, interval_ms=100)
        async with run:
            async for progress in run:
                if any("rate 40" in event.message for event in progress.events):
                    break
                if progress.run.phases and progress.run.phases[0].sent > 0 and not progress.handled:
                    run.adjust(rate_per_sec=40)
        with connect() as suite:
            self.assertEqual(ended(suite, run.id), RUN_STATE_CANCELLED)


class Reaching(unittest.TestCase):
    def test_is_refused_with_a_wrong_token(self) -> None:
        with self.assertRaises(AssayError) as caught:
            connect(token="nobody's")
        self.assertEqual(caught.exception.code, "unauthenticated")

    def test_sends_no_token_in_clear_to_another_host(self) -> None:
        with self.assertRaises(AssayError) as caught:
            connect("192.0.2.1:7400", token="a-secret")
        self.assertEqual(caught.exception.code, "failed_precondition")

    def test_shows_its_certificate(self) -> None:
        address, files = os.environ["ASSAY_TLS_ADDRESS"], os.environ["ASSAY_TLS_FILES"].split(":")
        ca, cert, key, token = files
        with connect(address, ca_file=ca, cert_file=cert, key_file=key, token_file=token) as suite:
            self.assertRegex(suite.version, r"^\d+\.")
        with self.assertRaises(AssayError) as caught:
            connect(address, ca_file=ca, token_file=token)
        self.assertEqual(caught.exception.code, "unavailable")

    def test_says_where_it_looked_for_a_suite(self) -> None:
        program = "from assay_client import connect; connect()"
        env = {**os.environ, "XDG_RUNTIME_DIR": "/nowhere"}
        result = subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, text=True, timeout=20)
        self.assertIn("no suite of yours runs on this host (looked in /nowhere/assay)", result.stderr)


if __name__ == "__main__":
    unittest.main()
