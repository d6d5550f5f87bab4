"""Drives a run to its end and tells its figures: python drive.py URL."""

import sys

from assay_client import connect
from assay_client.gen.assay.controller.v1.controller_pb2 import RunState

spec = {
    "models": ["mock"],
    "target": {"urls": [{"url": sys.argv[1]}]},
    "endpoint": {"type": "chat", "streaming": True},
    "dataset": {"synthetic": {"inputTokens": {"mean": 128}, "outputTokens": {"mean": 32}}},
    "phases": [
        {"name": "warmup", "kind": "PHASE_KIND_WARMUP", "concurrency": {"limit": 4}, "stop": {"requestCount": 8}},
        {"name": "profiling", "kind": "PHASE_KIND_PROFILING", "concurrency": {"limit": 4}, "stop": {"requestCount": 50}},
    ],
}

with connect() as suite:
    run = suite.run(spec)
    for progress in run:
        for event in progress.events:
            print(event.message)
    print(run.id, RunState.Name(run.progress.run.state))
    for phase in run.summary().phases:
        for metric in phase.metrics:
            if metric.tag in ("time_to_first_token", "request_latency"):
                print(f"{phase.name} {metric.tag}: p50 {metric.p50!r} {metric.unit}, p99 {metric.p99!r} {metric.unit}")
