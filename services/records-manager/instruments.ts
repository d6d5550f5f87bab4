import { defineInstruments, Histogram } from "../common/observe/counting.ts";

/** What the records-manager counts of itself. */
export const recordsManagerInstruments = defineInstruments({
  assay_records_manager_runs: { kind: "gauge", unit: "{run}", help: "Runs that are written here" },
  assay_records_manager_processor_streams: {
    kind: "gauge",
    unit: "{stream}",
    help: "Record-processors' streams that stand",
  },
  assay_records_manager_committed_rows_total: { kind: "counter", unit: "{row}", help: "Rows of requests committed" },
  assay_records_manager_pending_rows: { kind: "gauge", unit: "{row}", help: "Rows written and not committed yet" },
  assay_records_manager_commit_seconds: {
    kind: "histogram",
    unit: "s",
    help: "How long a commit took",
    bounds: [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5],
  },
  assay_records_manager_duplicate_records_total: {
    kind: "counter",
    unit: "{record}",
    help: "Records that came again, and were left out",
  },
  assay_records_manager_late_records_total: {
    kind: "counter",
    unit: "{record}",
    help: "Records that came after their phase was closed, and are kept apart",
  },
});

/** Counted up by the runs of a process. */
export interface RecordsCounts {
  committed: number;
  duplicates: number;
  late: number;
  /** Record-processors' streams open now. */
  streams: number;
  readonly commitSeconds: Histogram;
}

export function createRecordsCounts(): RecordsCounts {
  const { bounds } = recordsManagerInstruments.assay_records_manager_commit_seconds;
  return { committed: 0, duplicates: 0, late: 0, streams: 0, commitSeconds: new Histogram(bounds) };
}
