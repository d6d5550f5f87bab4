import { defineInstruments } from "../common/observe/counting.ts";

/** What timing counts of itself. */
export const timingInstruments = defineInstruments({
  assay_timing_runs: { kind: "gauge", unit: "{run}", help: "Runs that are configured here" },
  assay_timing_credit_streams: { kind: "gauge", unit: "{stream}", help: "Workers' credit streams that stand" },
  assay_timing_issued_credits_total: { kind: "counter", unit: "{credit}", help: "Credits given to workers" },
  assay_timing_returned_credits_total: {
    kind: "counter",
    unit: "{credit}",
    help: "Credits that came back, by use: sent (tried, whatever came of it) or unused",
    labels: ["use"],
  },
  assay_timing_outstanding_credits: { kind: "gauge", unit: "{credit}", help: "Credits that are out with workers" },
  assay_timing_lost_credits_total: { kind: "counter", unit: "{credit}", help: "Credits that were lost with their worker" },
  assay_timing_dropped_credits_total: {
    kind: "counter",
    unit: "{credit}",
    help: "Arrivals that were due and that nobody could send",
  },
  assay_timing_lost_workers_total: { kind: "counter", unit: "{worker}", help: "Workers declared lost" },
  assay_timing_protocol_violations_total: {
    kind: "counter",
    unit: "{violation}",
    help: "Things that a worker said and never may: anything but 0 is a bug",
  },
  assay_timing_issue_lateness_seconds: {
    kind: "histogram",
    unit: "s",
    help: "How long after its due time a credit with one was issued, by kind of phase; 0: ahead of it, as it should be",
    labels: ["phase"],
    bounds: [0, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10],
  },
});
