/** The dataset service as a module of its process: the datasets that are prepared here. */
import { create, toBinary } from "@bufbuild/protobuf";
import type { EndpointCatalog } from "../../endpoints/catalog.ts";
import { type EndpointSpec, RunSpecSchema, Sampling } from "../../gen/assay/common/v1/run_spec_pb.js";
import { type ConfigureRun, DatasetHandleSchema } from "../../gen/assay/controller/v1/controller_service_pb.js";
import { type PrepareDatasetRequest, PrepareDatasetRequestSchema } from "../../gen/assay/dataset/v1/dataset_service_pb.js";
import { AssayError } from "../common/errors.ts";
import type { CommandOutcome, ServiceModule } from "../common/module.ts";
import { familiesOf } from "../common/observe/counting.ts";
import { bodyOptionsOf } from "../common/turn-body.ts";
import { datasetInstruments } from "./instruments.ts";
import { createDatasetService, type PreparedDataset, type PrepareOptions } from "./service.ts";
import { type LoadedDataset, loadDataset, type SourceLimits } from "./sources.ts";
import { DatasetStore } from "./store/dataset-store.ts";
import type { UploadLimits } from "./store/upload-room.ts";

const done = { case: undefined } as const;

export interface DatasetDeps {
  /** Prepared datasets that belong to no run and are kept; the oldest go first. */
  readonly keptDatasets: number;
  readonly limits: SourceLimits;
  /** Endpoints that bodies are shown for. Default: the built-in ones. */
  readonly endpoints?: EndpointCatalog | undefined;
  /** Default: no upload is taken. */
  readonly uploads?: UploadLimits | undefined;
}

interface Entry extends PreparedDataset, Pick<LoadedDataset, "turnDelays" | "turnTimestamps" | "weights" | "branches" | "close"> {
  readonly runId: string;
  /** What it was made of. */
  readonly request: PrepareDatasetRequest;
}

export function createDatasetModule({ keptDatasets, uploads, limits, endpoints }: DatasetDeps): ServiceModule {
  const prepared = new Map<string, Entry>();
  const counts = { served: 0, missing: 0, streams: 0 };
  let made = 0;

  const prepare = async (request: PrepareDatasetRequest, { signal, onProgress }: PrepareOptions): Promise<Entry> => {
    const { dataset: spec, tokenizer, endpoint, randomSeed, runId, windows } = request;
    const wanted = {
      dataset: spec,
      tokenizer: tokenizer?.name ?? "",
      tokenizerRevision: tokenizer?.revision ?? "",
      isTemplated: tokenizer?.applyChatTemplate ?? false,
      endpointPath: pathOf(endpoint, endpoints),
      seed: Number(randomSeed),
      windows,
    };
    const { dataset, info, ...times } = await loadDataset(wanted, { limits, signal, onProgress });
    const datasetId = `dataset-${++made}`;
    const entry = { dataset, info: { ...info, datasetId }, ...times, runId, request };
    release(runId);
    prepared.set(datasetId, entry);
    const idle = [...prepared].filter(([, { runId: owner }]) => owner === "");
    for (const [id] of idle.slice(0, Math.max(0, idle.length - keptDatasets))) forget(id);
    return entry;
  };

  const configure = async (runId: string, { spec }: ConfigureRun, signal: AbortSignal): Promise<CommandOutcome> => {
    const { dataset, tokenizer, endpoint, randomSeed = 0n } = spec ?? {};
    const request = create(PrepareDatasetRequestSchema, {
      runId,
      randomSeed,
      ...(dataset === undefined ? {} : { dataset }),
      ...(tokenizer === undefined ? {} : { tokenizer }),
      ...(endpoint === undefined ? {} : { endpoint: { type: endpoint.type, path: endpoint.path } }),
    });
    const ahead = [...prepared.values()].find((entry) => entry.runId === runId && isSame(entry.request, request));
    const { info, weights, ...loaded } = ahead ?? (await prepare(request, { signal, onProgress: () => {} }));
    const { turnDelays, turnTimestamps, branches } = loaded;
    const { datasetId, conversations, turnsEach, turnCounts, checks } = info;
    const sampling = dataset?.sampling ?? Sampling.SEQUENTIAL;
    const given = { turnDelays, turnTimestamps, branches, weights: [...weights] };
    const handle = { datasetId, conversations, turnsEach, turnCounts, checks, ...given, sampling, samplingSeed: randomSeed };
    return { case: "dataset", value: create(DatasetHandleSchema, handle) };
  };

  const release = (runId: string): void => {
    if (runId === "") return;
    for (const [id, entry] of prepared) if (entry.runId === runId) forget(id);
  };

  const forget = (datasetId: string): void => {
    prepared.get(datasetId)?.close();
    prepared.delete(datasetId);
  };
  const forgetAll = (): void => {
    for (const id of [...prepared.keys()]) forget(id);
  };

  return {
    name: "dataset",
    implementations: [
      createDatasetService({
        find: (datasetId) => prepared.get(datasetId),
        prepare,
        store: limits.store && new DatasetStore(limits.store),
        uploads,
        limits: { root: limits.root, endpoints },
        counts,
        remove(datasetId) {
          const owner = prepared.get(datasetId)?.runId ?? "";
          if (owner !== "") throw new AssayError("failed_precondition", `run ${owner} uses dataset ${datasetId}`);
          forget(datasetId);
        },
      }),
    ],
    async onCommand({ runId, action }, signal) {
      switch (action.case) {
        case "configure":
          return configure(runId, action.value, signal);
        case "finish":
          release(runId);
          return done;
        default:
          return undefined;
      }
    },
    onSuiteChanged: forgetAll,
    counters: () => ({ datasets: prepared.size }),
    families: () =>
      familiesOf(datasetInstruments, {
        assay_dataset_prepared_datasets: prepared.size,
        assay_dataset_turn_streams: counts.streams,
        assay_dataset_served_turns_total: counts.served,
        assay_dataset_missing_turns_total: counts.missing,
      }),
    stop: async () => forgetAll(),
  };
}

/** Whether both are prepared to the same. */
function isSame(one: PrepareDatasetRequest, other: PrepareDatasetRequest): boolean {
  const bytes = (request: PrepareDatasetRequest): Uint8Array =>
    toBinary(PrepareDatasetRequestSchema, { ...request, windows: [] });
  return Buffer.compare(bytes(one), bytes(other)) === 0;
}

/** Where requests of an endpoint go. */
function pathOf(endpoint: EndpointSpec | undefined, endpoints: EndpointCatalog | undefined): string {
  if (endpoint !== undefined && endpoint.path !== "") return endpoint.path;
  return bodyOptionsOf(create(RunSpecSchema, endpoint === undefined ? {} : { endpoint }), endpoints).endpoint.path;
}
