import { defineInstruments } from "../common/observe/counting.ts";

/** What the dataset service counts of itself. */
export const datasetInstruments = defineInstruments({
  assay_dataset_prepared_datasets: { kind: "gauge", unit: "{dataset}", help: "Datasets that are prepared here" },
  assay_dataset_turn_streams: { kind: "gauge", unit: "{stream}", help: "Workers' streams of turns that stand" },
  assay_dataset_served_turns_total: { kind: "counter", unit: "{turn}", help: "Turns sent to workers" },
  assay_dataset_missing_turns_total: {
    kind: "counter",
    unit: "{turn}",
    help: "Turns that were asked for and that no dataset has",
  },
});
