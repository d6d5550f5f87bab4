"""Gates a CI job: python gate.py URL OBJECTIVE…, as `ttft:p99 < 500ms`. Exit code 0: all are kept, by figures of use."""

import sys

from assay_client import AssayError, connect
from assay_client.gen.assay.controller.v1.controller_pb2 import RUN_STATE_COMPLETED
from assay_client.gen.assay.records_manager.v1.record_pb2 import Verdict

url, *objectives = sys.argv[1:]
spec = {
    "models": ["mock"],
    "target": {"urls": [{"url": url}]},
    "endpoint": {"type": "chat", "streaming": True},
    "dataset": {"synthetic": {"inputTokens": {"mean": 32}, "outputTokens": {"mean": 8}}},
    "objectives": objectives,
    "phases": [
        {"name": "profiling", "kind": "PHASE_KIND_PROFILING", "concurrency": {"limit": 4}, "stop": {"requestCount": 50}},
    ],
}

try:
    with connect() as suite:
        run = suite.run(spec)
        for _ in run:
            pass
        ended, summary = run.progress.run, run.summary()
except AssayError as error:
    print(f"{error.code}: {error.message}", file=sys.stderr)
    # What makes no sense is not what failed.
    sys.exit(2 if error.violations else 1)

outcomes = [outcome for phase in summary.phases for outcome in phase.objectives]
for outcome in outcomes:
    print(f"{'kept' if outcome.is_kept else 'not kept'}: {outcome.text} ({outcome.value:g} {outcome.unit})")
for reason in summary.verdict.reasons:
    print(f"{Verdict.Name(summary.verdict.verdict)}: {reason}")
is_good = ended.state == RUN_STATE_COMPLETED and summary.verdict.verdict != Verdict.VERDICT_INVALID
sys.exit(0 if is_good and all(outcome.is_kept for outcome in outcomes) else 1)
