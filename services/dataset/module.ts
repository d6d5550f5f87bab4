/** The dataset service as a module of its process: the datasets that are prepared here. */
import { create } from "@bufbuild/protobuf";
import type { DatasetSpec } from "../../gen/assay/common/v1/run_spec_pb.js";
import { Sampling } from "../../gen/assay/common/v1/run_spec_pb.js";
import { DatasetHandleSchema } from "../../gen/assay/controller/v1/controller_service_pb.js";
import { type DatasetInfo, DatasetInfoSchema } from "../../gen/assay/dataset/v1/dataset_pb.js";
import { AssayError } from "../common/errors.ts";
import type { CommandOutcome, ServiceModule } from "../common/module.ts";
import { familiesOf } from "../common/observe/counting.ts";
import { syntheticDataset } from "./core/synthesis.ts";
import { type Dataset, summarizeDataset } from "./core/turns.ts";
import { loadProse } from "./corpus/load.ts";
import { datasetInstruments } from "./instruments.ts";
import { createDatasetService, type PreparedDataset } from "./service.ts";

const done = { case: undefined } as const;
const defaultInputTokens = 550;
const defaultEntries = 100;

export interface DatasetDeps {
  /** Prepared datasets that belong to no run and are kept; the oldest go first. */
  readonly keptDatasets: number;
}

export function createDatasetModule({ keptDatasets }: DatasetDeps): ServiceModule {
  const prepared = new Map<string, PreparedDataset & { runId: string }>();
  const counts = { served: 0, missing: 0, streams: 0 };
  let made = 0;

  const prepare = (spec: DatasetSpec | undefined, randomSeed: bigint, runId: string): PreparedDataset => {
    const dataset = datasetOf(spec, Number(randomSeed));
    const datasetId = `dataset-${++made}`;
    const entry = { dataset, info: infoOf(dataset, datasetId), runId };
    prepared.set(datasetId, entry);
    const idle = [...prepared].filter(([, { runId: owner }]) => owner === "");
    for (const [id] of idle.slice(0, Math.max(0, idle.length - keptDatasets))) prepared.delete(id);
    return entry;
  };

  const configure = (runId: string, spec: DatasetSpec | undefined, randomSeed: bigint): CommandOutcome => {
    const { info } = prepare(spec, randomSeed, runId);
    return {
      case: "dataset",
      value: create(DatasetHandleSchema, {
        datasetId: info.datasetId,
        conversations: info.conversations,
        turnsEach: info.turnsEach,
        turnCounts: info.turnCounts,
        sampling: spec?.sampling ?? Sampling.SEQUENTIAL,
        samplingSeed: randomSeed,
      }),
    };
  };

  const release = (runId: string): void => {
    for (const [id, entry] of prepared) if (entry.runId === runId) prepared.delete(id);
  };

  return {
    name: "dataset",
    implementations: [
      createDatasetService({
        find: (datasetId) => prepared.get(datasetId),
        prepare,
        counts,
        remove(datasetId) {
          const owner = prepared.get(datasetId)?.runId ?? "";
          if (owner !== "") throw new AssayError("failed_precondition", `run ${owner} uses dataset ${datasetId}`);
          prepared.delete(datasetId);
        },
      }),
    ],
    async onCommand({ runId, action }) {
      switch (action.case) {
        case "configure":
          return configure(runId, action.value.spec?.dataset, action.value.spec?.randomSeed ?? 0n);
        case "finish":
          release(runId);
          return done;
        default:
          return undefined;
      }
    },
    onSuiteChanged: () => prepared.clear(),
    counters: () => ({ datasets: prepared.size }),
    families: () =>
      familiesOf(datasetInstruments, {
        assay_dataset_prepared_datasets: prepared.size,
        assay_dataset_turn_streams: counts.streams,
        assay_dataset_served_turns_total: counts.served,
        assay_dataset_missing_turns_total: counts.missing,
      }),
    stop: async () => prepared.clear(),
  };
}

/** Throws `unimplemented` for a source that this version does not read. */
function datasetOf(spec: DatasetSpec | undefined, seed: number): Dataset {
  const source = spec?.source;
  if (source !== undefined && source.case !== undefined && source.case !== "synthetic") {
    throw new AssayError("unimplemented", `dataset.${source.case}: not supported by this version`);
  }
  const synthetic = source?.case === "synthetic" ? source.value : undefined;
  return syntheticDataset(loadProse(), {
    size: Number(spec?.entries ?? defaultEntries),
    seed,
    inputTokens: synthetic?.inputTokens ?? { mean: defaultInputTokens, stddev: 0 },
    outputTokens: synthetic?.outputTokens,
    turns: synthetic?.turns ?? { mean: 1, stddev: 0 },
    turnDelayMs: synthetic?.turnDelayMs ?? { mean: 0, stddev: 0 },
  });
}

function infoOf(dataset: Dataset, datasetId: string): DatasetInfo {
  const { conversations, turns, turnsEach, turnCounts, meanInputTokens, meanOutputTokens } = summarizeDataset(dataset);
  return create(DatasetInfoSchema, {
    datasetId,
    description: "synthetic prose",
    conversations: BigInt(conversations),
    turns: BigInt(turns),
    turnsEach: turnsEach ?? 0,
    turnCounts: turnsEach === undefined ? [...turnCounts] : [],
    meanInputTokens: meanInputTokens ?? 0,
    meanOutputTokens: meanOutputTokens ?? 0,
  });
}
