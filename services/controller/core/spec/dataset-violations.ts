import type { Distribution, FileDataset, RunSpec } from "../../../../gen/assay/common/v1/run_spec_pb.js";
import { isAbsolutePath } from "../../../common/absolute-path.ts";
import type { Demand } from "./demand.ts";
import { checkDistribution } from "./distribution-violations.ts";
import { checkSynthetic } from "./synthetic-violations.ts";
import { checkTrace } from "./trace-violations.ts";

export function checkDataset(spec: RunSpec, demand: Demand): void {
  const dataset = spec.dataset;
  const entries = dataset?.entries ?? 1n;
  demand(entries >= 1n && entries <= maxEntries, "dataset.entries", `must be from 1 to ${maxEntries}, got ${entries}`);
  const ratio = dataset?.turnDelayRatio ?? 1;
  demand(ratio >= 0 && Number.isFinite(ratio), "dataset.turn_delay_ratio", `must be at least 0, got ${ratio}`);
  switch (dataset?.source.case) {
    case "synthetic": {
      checkSynthetic(dataset.source.value, demand);
      return;
    }
    case "file": {
      const { path, name, onBadRow, outputTokens } = dataset.source.value;
      const isPlace = isAbsolutePath(path) || /^(upload|public):./.test(path);
      demand(isPlace, "dataset.file.path", `must be an absolute path, got ${JSON.stringify(path)}`);
      demand(name.length <= maxNameLength, "dataset.file.name", `must have at most ${maxNameLength} characters`);
      const isChoice = onBadRow === "fail" || onBadRow === "skip";
      demand(isChoice, "dataset.file.on_bad_row", `must be fail or skip, got ${onBadRow}`);
      checkLength(outputTokens, "dataset.file.output_tokens", demand);
      const { mediaFolder } = dataset.source.value;
      const isFolder = mediaFolder === "" || (isAbsolutePath(mediaFolder) && isAbsolutePath(path));
      const expected = "must be an absolute path, beside a file that is named by one";
      demand(isFolder, "dataset.file.media_folder", `${expected}, got ${JSON.stringify(mediaFolder)}`);
      checkTrace(dataset.source.value, demand);
      checkBatchSizes(dataset.source.value, demand);
      return;
    }
    case "replay": {
      const { runId, path } = dataset.source.value;
      demand(runId !== "" || path !== "", "dataset.replay.run_id", "must name a run, or path must name its folder");
      demand(path === "" || isAbsolutePath(path), "dataset.replay.path", `must be an absolute path, got ${JSON.stringify(path)}`);
      return;
    }
    default:
      return;
  }
}

function checkBatchSizes(file: FileDataset, demand: Demand): void {
  for (const kind of ["text", "image", "audio", "video"] as const) {
    const size = file[`${kind}BatchSize`] ?? 1;
    demand(size <= maxBatchSize, `dataset.file.${kind}_batch_size`, `must be at most ${maxBatchSize}, got ${size}`);
  }
}

function checkLength(length: Distribution | undefined, at: string, demand: Demand): void {
  checkDistribution(length, [1, maxTokens], at, demand);
}

/** What the dataset service reads. */
const maxNameLength = 255;
const maxBatchSize = 10_000;
const maxTokens = 10_000_000;
const maxEntries = 10_000_000n;
