/**
 * Looks at what a spec names on the dataset service's host before its run is accepted: a file with a mistake in it is a wrong spec,
 * not a run that failed. What was prepared is what the run then uses.
 */
import type { RunSpec } from "../../gen/assay/common/v1/run_spec_pb.js";
import type { DatasetInfo, PreparationProgress } from "../../gen/assay/dataset/v1/dataset_pb.js";
import { DatasetService } from "../../gen/assay/dataset/v1/dataset_service_pb.js";
import { checkKindNamed, isCompiled } from "../common/checks/expectation.ts";
import { AssayError } from "../common/errors.ts";
import type { Addresses } from "../common/member/addresses.ts";
import { createClient } from "../common/rpc/client.ts";
import { isCorpusEncoding, tokenizerSource } from "../common/tokenizer/source.ts";
import { scheduleWindows } from "./core/spec/session-load-violations.ts";

/** How long is waited, in ms. */
export interface AheadTimeouts {
  /** For the dataset service to join. */
  readonly joinMs: number;
  readonly datasetMs: number;
}

export interface AheadOptions {
  /** Ends the work. */
  readonly signal: AbortSignal;
  /** Hears how far it is. Default: nobody does. */
  readonly onProgress?: ((progress: PreparationProgress) => void) | undefined;
}

const deleteTimeoutMs = 5_000;

/** Whether a spec names anything that only looking tells of. All else is prepared when the run is configured, without a round trip. */
export function isPreparedAhead({ dataset, tokenizer }: RunSpec): boolean {
  if (dataset?.source.case === "file" || dataset?.source.case === "replay") return true;
  // Whether a regular expression or a schema can be used shows when it is compiled.
  const check = checkKindNamed(dataset?.check?.kind);
  if (check !== undefined && isCompiled(check)) return true;
  // Pictures, ffmpeg and sizes are what may be wrong, and making media takes its time.
  const { images, audio, video } = dataset?.source.case === "synthetic" ? dataset.source.value : {};
  if (images !== undefined || audio !== undefined || video !== undefined) return true;
  const source = tokenizerSource(tokenizer?.name ?? "", tokenizer?.revision);
  return source !== undefined && source.kind !== "none" && !isCorpusEncoding(source);
}

/** Rejects with the dataset service's own error, which names the field, and with `deadline_exceeded`. `runId` empty: for no run. */
export async function prepareAhead(
  { dataset, tokenizer, endpoint, phases, randomSeed = 0n }: RunSpec,
  runId: string,
  addresses: Addresses,
  timeouts: AheadTimeouts,
  { signal, onProgress }: AheadOptions,
): Promise<DatasetInfo> {
  const channel = await addresses.channelTo("dataset", AbortSignal.any([signal, AbortSignal.timeout(timeouts.joinMs)]));
  const request = {
    runId,
    randomSeed,
    ...(dataset && { dataset }),
    ...(tokenizer && { tokenizer }),
    ...(endpoint && { endpoint: { type: endpoint.type, path: endpoint.path } }),
    windows: scheduleWindows(phases),
  };
  const progress = createClient(DatasetService, channel).prepareDataset(request, { signal, timeoutMs: timeouts.datasetMs });
  let info: DatasetInfo | undefined;
  for await (const { progress: now, dataset: made } of progress) {
    if (now !== undefined) onProgress?.(now);
    info = made;
  }
  if (info === undefined) throw new AssayError("internal", "the dataset service prepared nothing");
  return info;
}

/** Forgets a dataset that belongs to no run. */
export async function forgetDataset(datasetId: string, addresses: Addresses): Promise<void> {
  const channel = await addresses.channelTo("dataset", AbortSignal.timeout(deleteTimeoutMs));
  await createClient(DatasetService, channel).deleteDataset({ datasetId }, { timeoutMs: deleteTimeoutMs });
}
