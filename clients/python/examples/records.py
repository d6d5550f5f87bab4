"""Streams the records of a run into pandas: python records.py RUN [FILTER]."""

import sys

import pandas as pd

from assay_client import connect

run_id, *filters = sys.argv[1:]

with connect() as suite:
    rows = suite.attach(run_id).records(phase="profiling", filter=" ".join(filters))
    frame = pd.DataFrame({"credit_id": record.credit_id, "status": record.status, **metrics} for record, metrics in rows)

print(frame.set_index("credit_id")[["time_to_first_token", "request_latency"]].describe().to_json(double_precision=15))
