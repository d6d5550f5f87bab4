/** RPCs of the dataset service. */
import type { DatasetSpec } from "../../gen/assay/common/v1/run_spec_pb.js";
import type { DatasetInfo } from "../../gen/assay/dataset/v1/dataset_pb.js";
import { DatasetService } from "../../gen/assay/dataset/v1/dataset_service_pb.js";
import { AssayError } from "../common/errors.ts";
import { type Implementation, implement } from "../common/rpc/handler.ts";
import { protocolVersion } from "../common/version.ts";
import { type Dataset, lookUpTurn } from "./core/turns.ts";

export interface PreparedDataset {
  readonly info: DatasetInfo;
  readonly dataset: Dataset;
}

export interface DatasetServiceDeps {
  find(datasetId: string): PreparedDataset | undefined;
  prepare(spec: DatasetSpec | undefined, randomSeed: bigint, runId: string): PreparedDataset;
  /** Throws `failed_precondition` while a run uses it. */
  remove(datasetId: string): void;
}

/** Bytes of turns in one message, about. */
const messageBytes = 256 * 1024;

export function createDatasetService({ find, prepare, remove }: DatasetServiceDeps): Implementation {
  const get = (datasetId: string): PreparedDataset => {
    const found = find(datasetId);
    if (found === undefined) throw new AssayError("not_found", `there is no dataset ${datasetId}`);
    return found;
  };
  return implement(DatasetService, {
    role: "operator",
    roles: { getDataset: "viewer", fetchTurns: "member" },
    handlers: {
      async *prepareDataset({ dataset, randomSeed, runId }) {
        const { info } = prepare(dataset, randomSeed, runId);
        yield { done: info.conversations, total: info.conversations, dataset: info };
      },
      uploadDataset: async () => {
        throw new AssayError("unimplemented", "datasets cannot be uploaded in this version");
      },
      getDataset: ({ datasetId }) => ({ dataset: get(datasetId).info }),
      deleteDataset: ({ datasetId }) => {
        get(datasetId);
        remove(datasetId);
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
            stream.onDrain(() => stream.resume());
            stream.onMessage(({ message }) => {
              if (message.case !== "turns")
                throw new AssayError("invalid_argument", `a second ${message.case ?? "empty message"} may not come`);
              let turns: ReturnType<typeof fetchTurn>[] = [];
              let bytes = 0;
              let hasRoom = true;
              for (const ref of message.value.refs) {
                const fetched = fetchTurn(found.dataset, Number(ref.conversation), ref.turn);
                turns.push(fetched);
                bytes += fetched.turn?.messages.reduce((sum, { content }) => sum + content.length, 0) ?? 0;
                if (bytes < messageBytes) continue;
                hasRoom = stream.send({ turns });
                turns = [];
                bytes = 0;
              }
              if (turns.length > 0) hasRoom = stream.send({ turns });
              if (!hasRoom) stream.pause();
            });
          });
        },
      },
    },
  });
}

function fetchTurn(dataset: Dataset, conversation: number, turn: number) {
  const ref = { conversation: BigInt(conversation), turn };
  const found = lookUpTurn(dataset, conversation, turn);
  if ("missing" in found) return { ref, missing: found.missing };
  const { messages, maxOutputTokens, inputTokens, delayMs } = found.turn;
  return {
    ref,
    turn: {
      ...ref,
      messages: messages.map(({ role, content }) => ({ role, content })),
      maxOutputTokens: maxOutputTokens ?? 0,
      inputTokens: inputTokens ?? 0,
      delayMs,
    },
  };
}
