/** What the dataset service may be configured with. */
import { defineConfig } from "../common/config-schema.ts";

export const datasetConfig = defineConfig({
  keptDatasets: {
    doc: "Prepared datasets that belong to no run and are kept; the oldest go first.",
    default: 16,
    format: "nat",
    env: "ASSAY_KEPT_DATASETS",
    arg: "kept-datasets",
  },
});
