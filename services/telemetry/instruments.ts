import { defineInstruments } from "../common/observe/counting.ts";

/** What telemetry counts of itself. */
export const telemetryInstruments = defineInstruments({
  assay_telemetry_collections: { kind: "gauge", unit: "{run}", help: "Runs that pages are scraped for" },
  assay_telemetry_scrapes_total: {
    kind: "counter",
    unit: "{scrape}",
    help: "Scrapes that have ended, by outcome: samples or failure",
    labels: ["outcome"],
  },
  assay_telemetry_samples_total: { kind: "counter", unit: "{sample}", help: "Values scraped" },
  assay_telemetry_queued_batches: {
    kind: "gauge",
    unit: "{batch}",
    help: "Scrapes' samples that the records-manager has not committed yet",
  },
  assay_telemetry_lost_batches_total: {
    kind: "counter",
    unit: "{batch}",
    help: "Scrapes' samples that were dropped because nobody took them",
  },
});

/** Counted up by the collections of a process. */
export interface ScrapeCounts {
  scrapes: number;
  failures: number;
  samples: number;
  lostBatches: number;
}
