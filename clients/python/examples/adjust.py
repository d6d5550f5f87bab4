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

with connect() as suite, suite.run(spec, interval_ms=200) as run:
    rates = [20, 40, 80]
    steps = 0
    for progress in run:
        for event in progress.events:
            if event.kind == "load_changed":
                print(event.message)
        for refusal in progress.refusals:
            sys.exit(f"refused: {refusal.message}")
        phase = next((each for each in progress.run.phases if each.name == progress.run.phase), None)
        # One step at a time, from the first request on.
        if phase is None or phase.sent == 0 or progress.handled < steps:
            continue
        if steps < len(rates):
            run.adjust(rate_per_sec=rates[steps])
            steps += 1
        elif steps == len(rates) and phase.sent >= 50:
            run.cancel("that was enough")
            steps += 1
    (profiling,) = run.summary(phase="profiling").phases
    print(f"{run.id}: {profiling.identity.succeeded} requests, at last {rates[-1]} per second")
