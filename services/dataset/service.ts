/** RPCs of the dataset service. */
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { type DatasetInfo, PreparationStep } from "../../gen/assay/dataset/v1/dataset_pb.js";
import { DatasetService, type PrepareDatasetRequest } from "../../gen/assay/dataset/v1/dataset_service_pb.js";
import { AssayError } from "../common/errors.ts";
import { type Implementation, implement } from "../common/rpc/handler.ts";
import { protocolVersion } from "../common/version.ts";
import { checkTurns } from "./check-turns.ts";
import type { Dataset } from "./core/turns.ts";
import { type DescriptionLimits, describe } from "./describe.ts";
import type { OnProgress, PrepareProgress } from "./progress.ts";
import { serveTurns, type TurnCounts } from "./serve-turns.ts";
import type { DatasetStore } from "./store/dataset-store.ts";
import { takeUpload } from "./store/upload.ts";
import { type UploadLimits, UploadRoom } from "./store/upload-room.ts";

export interface PreparedDataset {
  readonly info: DatasetInfo;
  readonly dataset: Dataset;
}

export interface PrepareOptions {
  /** Ends the work. */
  readonly signal: AbortSignal;
  readonly onProgress: OnProgress;
}

export interface DatasetServiceDeps {
  find(datasetId: string): PreparedDataset | undefined;
  /** What was prepared for the same run before is forgotten. */
  prepare(request: PrepareDatasetRequest, options: PrepareOptions): Promise<PreparedDataset>;
  /** Throws `failed_precondition` while a run uses it. */
  remove(datasetId: string): void;
  /** What a description may read. Default: no file of this host. */
  readonly limits?: DescriptionLimits;
  /** Where uploads and prepared datasets are kept. Default: nowhere. */
  readonly store?: DatasetStore | undefined;
  /** Default: none is taken. */
  readonly uploads?: UploadLimits | undefined;
  /** Counted up as turns are served. Default: nobody reads it. */
  readonly counts?: TurnCounts;
}

const noUploads: UploadLimits = { maxBytes: 0, maxUploads: 0, quotaBytes: 0 };

/** Responses are bytes when they are sent. */
const codecs = { fetchTurns: { responseSerialize: (bytes: Uint8Array) => bytes } };

export function createDatasetService(deps: DatasetServiceDeps): Implementation {
  const { find, prepare, remove, store, uploads = noUploads } = deps;
  const room = store && new UploadRoom(store, uploads);
  const { limits = { root: undefined }, counts = { served: 0, missing: 0, streams: 0 } } = deps;
  const get = (datasetId: string): PreparedDataset => {
    const found = find(datasetId);
    if (found === undefined) throw new AssayError("not_found", `there is no dataset ${datasetId}`);
    return found;
  };
  return implement(DatasetService, {
    codecs,
    role: "operator",
    roles: { getDataset: "viewer", listDatasets: "viewer", fetchTurns: "member" },
    handlers: {
      async *prepareDataset(request, { signal }) {
        let told = Promise.withResolvers<void>();
        let progress: PrepareProgress | undefined;
        const onProgress = (now: PrepareProgress): void => {
          progress = now;
          told.resolve();
        };
        const prepared = prepare(request, { signal, onProgress });
        // A caller that has gone meanwhile does not hear of it.
        prepared.catch(() => {});
        for (;;) {
          const next = await Promise.race([prepared, told.promise]);
          if (next !== undefined) {
            yield { done: next.info.conversations, total: next.info.conversations, dataset: next.info };
            return;
          }
          told = Promise.withResolvers();
          if (progress !== undefined) yield { done: BigInt(progress.rows), progress: wireProgress(progress) };
        }
      },
      async uploadDataset(requests) {
        if (room === undefined) throw new AssayError("failed_precondition", "this suite keeps no datasets (--dataset-cache-dir)");
        return takeUpload(requests, room);
      },
      describeDataset: (request, { signal }) => describe(get(request.datasetId), request, { limits, signal }),
      checkTurns: (request, { signal }) => {
        const { dataset } = get(request.datasetId);
        return checkTurns(dataset, request, { endpoints: limits.endpoints, signal });
      },
      getDataset: ({ datasetId }) => ({ dataset: get(datasetId).info }),
      listDatasets: () => (store === undefined ? {} : listing(store)),
      deleteDataset: ({ datasetId }) => {
        if (find(datasetId) !== undefined || store === undefined) {
          get(datasetId);
          remove(datasetId);
        } else store.remove(datasetId);
        return {};
      },
      fetchTurns: {
        onStream(stream) {
          stream.onMessage(({ message: first }) => {
            if (first.case !== "hello") throw new AssayError("invalid_argument", "a stream of turns must begin with hello");
            const { protocolVersion: theirs, datasetId } = first.value;
            if (theirs !== protocolVersion) {
              throw new AssayError("failed_precondition", `protocol version ${theirs} of the worker, ${protocolVersion} here`);
            }
            const found = find(datasetId);
            // A restarted service has forgotten it; the worker dials again until the run ends.
            if (found === undefined) throw new AssayError("unavailable", `dataset ${datasetId} is not prepared here`);
            serveTurns(stream, found.dataset, counts);
          });
        },
      },
    },
  });
}

const wireSteps = {
  download: PreparationStep.DOWNLOAD,
  check: PreparationStep.CHECK,
  read: PreparationStep.READ,
  tokenizer: PreparationStep.TOKENIZER,
  media: PreparationStep.MEDIA,
} as const;

function wireProgress({ step, rows, doneBytes, totalBytes }: PrepareProgress) {
  return { step: wireSteps[step], rows: BigInt(rows), doneBytes: BigInt(doneBytes), totalBytes: BigInt(totalBytes) };
}

function listing(store: DatasetStore) {
  const datasets = store.list().map(({ id, lastUseMs, isInUse, ...dataset }) => ({
    description: dataset.description,
    format: dataset.format,
    datasetId: id,
    sizeBytes: BigInt(dataset.sizeBytes),
    conversations: BigInt(dataset.conversations),
    turns: BigInt(dataset.turns),
    lastUseTime: timestampFromMs(Math.round(lastUseMs)),
    isInUse,
  }));
  const sizeBytes = datasets.reduce((sum, dataset) => sum + dataset.sizeBytes, 0n);
  return { datasets, sizeBytes, maxBytes: BigInt(store.maxBytes), folder: store.folder };
}
