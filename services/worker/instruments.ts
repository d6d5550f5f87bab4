import { defineInstruments } from "../common/observe/counting.ts";

/** What a worker counts of itself. */
export const workerInstruments = defineInstruments({
  assay_worker_sent_requests_total: { kind: "counter", unit: "{request}", help: "Requests begun" },
  assay_worker_in_flight_requests: { kind: "gauge", unit: "{request}", help: "Requests in flight" },
  assay_worker_held_credits: { kind: "gauge", unit: "{credit}", help: "Credits held and not used yet" },
  assay_worker_lateness_seconds: {
    kind: "histogram",
    unit: "s",
    help: "How long after its due time a request with one was sent, or would have been, by kind of phase",
    labels: ["phase"],
    bounds: [0, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10],
  },
  assay_worker_open_connections: { kind: "gauge", unit: "{connection}", help: "Connections to the target that are open" },
  assay_worker_opened_connections_total: { kind: "counter", unit: "{connection}", help: "Connections to the target opened" },
  assay_worker_replaced_connections_total: {
    kind: "counter",
    unit: "{connection}",
    help: "Kept connections that the target had closed before they were used again",
  },
  assay_worker_records_total: { kind: "counter", unit: "{record}", help: "Records made" },
  assay_worker_outbox_records: { kind: "gauge", unit: "{record}", help: "Records that are not committed yet" },
  assay_worker_outbox_bytes: { kind: "gauge", unit: "By", help: "Encoded records that are not committed yet" },
  assay_worker_spilled_bytes: { kind: "gauge", unit: "By", help: "Size of the file that records were spilled to" },
  assay_worker_outbox_stalls_total: {
    kind: "counter",
    unit: "{stall}",
    help: "How often no request was sent because the outbox was full",
  },
  assay_worker_fencings_total: {
    kind: "counter",
    unit: "{fencing}",
    help: "How often timing declared this worker lost while it was alive",
  },
});
