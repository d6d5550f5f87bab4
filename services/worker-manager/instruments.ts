import { defineInstruments } from "../common/observe/counting.ts";

/** What the worker-manager counts of itself. */
export const workerManagerInstruments = defineInstruments({
  assay_worker_manager_workers: { kind: "gauge", unit: "{process}", help: "Worker processes that run" },
  assay_worker_manager_started_workers_total: {
    kind: "counter",
    unit: "{process}",
    help: "Worker processes started, restarts included",
  },
  assay_worker_manager_restarts_total: {
    kind: "counter",
    unit: "{process}",
    help: "Worker processes started in the place of one that ended",
  },
  assay_worker_manager_unexpected_exits_total: {
    kind: "counter",
    unit: "{process}",
    help: "Worker processes that ended without being asked to",
  },
});
