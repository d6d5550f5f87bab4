"""Raises the rate of a run while it goes on, to 80 requests per second, then ends it: python adjust.py URL."""

import sys

from assay_client import connect

spec = {
    "models": ["mock"],
    "target": {"urls": [{"url": sys.argv[1]}]},
    "endpoint": {"type": "chat", "streaming": True},
    "dataset": {"synthetic": {"inputTokens": {"mean": 32}, "outputTokens": {"mean": 4}}},
    "phases": [
        {"name": "profiling", "kind": "PHASE_KIND_PROFILING", "rate": {"ratePerSec": 10}, "stop": {"durationSec": 60}},
    ],
}

with connect() as suite:
    run = suite.run(spec, interval_ms=200)
    rates = [20, 40, 80]
    is_ending = False
    for progress in run:
        for event in progress.events:
            if event.kind == "load_changed":
                print(event.message)
        # One step at a time, from the first request on.
        sent = sum(phase.sent for phase in progress.run.phases)
        if sent > 0 and rates:
            run.adjust(rate_per_sec=rates.pop(0))
        elif sent >= 50 and not is_ending:
            run.cancel("that was enough")
            is_ending = True
    (profiling,) = run.summary(phase="profiling").phases
    print(f"{run.id}: {profiling.identity.succeeded} requests, at last 80 per second")
