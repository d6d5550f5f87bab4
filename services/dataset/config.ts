/** What the dataset service may be configured with. */
import { defineConfig } from "../common/config-schema.ts";
import { defaultPublicUrl } from "./core/public-sets.ts";

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
    doc: "Bytes of a dataset's files at most, uncompressed.",
    default: 2 ** 31,
    format: "nat",
    env: "ASSAY_MAX_DATASET_BYTES",
    arg: "max-dataset-bytes",
  },
  cacheDir: {
    doc: "Folder where prepared datasets, uploads and public datasets are kept; unset: assay/datasets in XDG_CACHE_HOME or ~/.cache; empty: nowhere.",
    default: null,
    format: "string",
    env: "ASSAY_DATASET_CACHE_DIR",
    arg: "dataset-cache-dir",
  },
  cacheBytes: {
    doc: "Bytes of that folder at most: what was not used for longest goes first, what is in use stays.",
    default: 20 * 2 ** 30,
    format: "nat",
    env: "ASSAY_DATASET_CACHE_BYTES",
    arg: "dataset-cache-bytes",
  },
  publicDir: {
    doc: "Folder where the files of public datasets are looked for before they are downloaded; unset: none.",
    default: null,
    format: "string",
    env: "ASSAY_DATASET_DIR",
    arg: "dataset-dir",
  },
  publicUrl: {
    doc: "Where public datasets are downloaded from; empty: nothing is. HF_HUB_OFFLINE=1 is the same as empty; HF_TOKEN is sent there.",
    default: defaultPublicUrl,
    format: "string",
    check: (url: string) => (url === "" || /^https?:\/\/[^/]/.test(url) ? undefined : "an http or https URL"),
    env: "ASSAY_PUBLIC_DATASET_URL",
    arg: "public-dataset-url",
  },
  maxUploadBytes: {
    doc: "Bytes of a file at most that a client uploads.",
    default: 2 ** 31,
    format: "nat",
    env: "ASSAY_MAX_UPLOAD_BYTES",
    arg: "max-upload-bytes",
  },
  maxUploads: {
    doc: "Uploads at once.",
    default: 4,
    format: "nat",
    env: "ASSAY_MAX_UPLOADS",
    arg: "max-uploads",
  },
  uploadQuotaBytes: {
    doc: "Bytes at most of all files that clients upload, those that come and those that are kept: what nobody uses makes room, the one that was not used for longest first.",
    default: 8 * 2 ** 30,
    format: "nat",
    env: "ASSAY_UPLOAD_QUOTA_BYTES",
    arg: "upload-quota-bytes",
  },
});
