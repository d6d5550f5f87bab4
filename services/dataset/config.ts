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
  root: {
    doc: "Folder below which datasets and tokenizers that clients name by path may be read; unset: none may.",
    default: null,
    format: "string",
    check: (root: string | null) => (root === "" ? "the path of a folder" : undefined),
    env: "ASSAY_DATASET_ROOT",
    arg: "dataset-root",
  },
  maxFileBytes: {
    doc: "Bytes of a dataset file at most: what is loaded is kept in memory.",
    default: 2 ** 31,
    format: "nat",
    env: "ASSAY_MAX_DATASET_BYTES",
    arg: "max-dataset-bytes",
  },
});
