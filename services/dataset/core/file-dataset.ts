/** A loaded file as a dataset: each row a conversation of one turn, decoded when it is asked for. Pure. */
import { fromBinary } from "@bufbuild/protobuf";
import type { ChatMessage } from "../../../endpoints/endpoint.ts";
import { TurnSchema, type Turn as WireTurn } from "../../../gen/assay/dataset/v1/dataset_pb.js";
import type { LoadedFile } from "./file-load.ts";
import { rowAt } from "./packed-rows.ts";
import { type Distribution, drawLengths } from "./synthesis.ts";
import type { Dataset, DatasetSummary } from "./turns.ts";

export interface FileDatasetOptions {
  readonly seed: number;
  /** Output length to ask for where a row names none; undefined: none. */
  readonly outputTokens: Distribution | undefined;
}

export function fileDataset({ rows }: LoadedFile, { seed, outputTokens }: FileDatasetOptions): Dataset {
  // A turn is asked for its plan, its messages and its details one after the other.
  let last: { readonly conversation: number; readonly turn: WireTurn } | undefined;
  const turnOf = (conversation: number): WireTurn => {
    if (last?.conversation !== conversation) {
      last = { conversation, turn: fromBinary(TurnSchema, rowAt(rows, conversation)) };
    }
    return last.turn;
  };
  const lengthOf = (conversation: number): number | undefined => {
    const { maxOutputTokens } = turnOf(conversation);
    if (maxOutputTokens > 0) return maxOutputTokens;
    return outputTokens && drawLengths(outputTokens, 1, seed, "output_tokens", conversation)();
  };
  return {
    size: rows.size,
    plan: (conversation) => [{ inputTokens: undefined, maxOutputTokens: lengthOf(conversation), delayMs: 0 }],
    messages: (conversation) =>
      // Only roles that a target knows were taken from the file.
      turnOf(conversation).messages.map(({ role, content }) => ({ role: role as ChatMessage["role"], content })),
    details: (conversation) => {
      const { conversationId, model, extraInputs } = turnOf(conversation);
      return {
        ...(conversationId === "" ? {} : { conversationId }),
        ...(model === "" ? {} : { model }),
        ...(extraInputs === undefined ? {} : { extraInputs }),
      };
    },
  };
}

/** From what the loading has counted; no row is decoded. */
export function summarizeFile({ rows, outputTokens: named }: LoadedFile, { outputTokens }: FileDatasetOptions): DatasetSummary {
  const drawn = outputTokens === undefined ? 0 : rows.size - named.count;
  const asked = named.count + drawn;
  return {
    conversations: rows.size,
    turns: rows.size,
    turnsEach: 1,
    turnCounts: new Uint32Array(0),
    turnDelays: new Uint8Array(0),
    meanInputTokens: undefined,
    meanOutputTokens: asked === 0 ? undefined : (named.sum + drawn * (outputTokens?.mean ?? 0)) / asked,
  };
}
