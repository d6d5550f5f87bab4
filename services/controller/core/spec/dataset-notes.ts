/** What a user wants to hear of a dataset's reading that is nothing to worry about. Pure. */
import type { DatasetInfo } from "../../../../gen/assay/dataset/v1/dataset_pb.js";

/** One line each; undefined: the dataset is not looked at before the run. */
export function datasetNotes(info: DatasetInfo | undefined): string[] {
  const { file, format = "" } = info ?? {};
  if (file === undefined || file.formatReason === "") return [];
  return [`${file.name}: read as ${format} (${file.formatReason})`];
}
