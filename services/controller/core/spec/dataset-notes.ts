/** What a user wants to hear of a dataset's reading that is nothing to worry about. Pure. */
import type { DatasetInfo } from "../../../../gen/assay/dataset/v1/dataset_pb.js";

/** One line each; undefined: the dataset is not looked at before the run. */
export function datasetNotes(info: DatasetInfo | undefined): string[] {
  const { file, format = "" } = info ?? {};
  if (file === undefined || file.formatReason === "") return [];
  return [`${file.name}: read as ${format} (${file.formatReason})`];
}

/** What the prompts of a trace share, for whoever reads the run's figures; undefined: no row names blocks. */
export function prefixNote(info: DatasetInfo | undefined): string | undefined {
  if (info === undefined || info.prefixBlocks === 0n) return undefined;
  const { prefixBlocks, prefixUniqueBlocks, prefixSharedTokens, prefixHitShare, prefixMeanReuse } = info;
  const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
  return (
    `prompts of ${prefixBlocks} blocks, ${prefixUniqueBlocks} of them different: a cache without bound would have ${percent(prefixHitShare)} ` +
    `of them (${prefixSharedTokens} tokens), ${percent(prefixMeanReuse)} of a request in the mean, where each row is sent once`
  );
}
