/** Requests of a dataset as they will be sent, made fit to be looked at: media and what is long beyond use are cut. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { requestPathOf } from "../../endpoints/endpoint.ts";
import { decodeText, encodeJson, isJsonObject, parseJson } from "../../endpoints/json-body.ts";
import { pathOfModel } from "../../endpoints/target-url.ts";
import type { RequestPreviewSchema } from "../../gen/assay/dataset/v1/dataset_pb.js";
import { type BodyOptions, formatTurn } from "../common/turn-body.ts";
import type { Dataset } from "./core/turns.ts";
import { wholeTurn } from "./whole-turn.ts";

export interface PreviewOptions {
  readonly bodies: BodyOptions;
  /** Instead of the endpoint's own; empty: that. */
  readonly path: string;
  readonly requests: number;
}

/** All previews together fit into a message of the suite. */
const maxBodyBytes = 256 * 1024;
const maxAllBytes = 8 << 20;
const maxOpaqueChars = 400;
const shownOpaqueChars = 48;

/** The first turns of the first conversations. */
export async function requestPreviews(
  dataset: Dataset,
  { bodies, path, requests }: PreviewOptions,
): Promise<MessageInitShape<typeof RequestPreviewSchema>[]> {
  const previews: MessageInitShape<typeof RequestPreviewSchema>[] = [];
  let bytes = 0;
  for (let conversation = 0; conversation < Math.min(requests, dataset.size) && bytes < maxAllBytes; conversation++) {
    const turn = await wholeTurn(dataset, conversation, 0);
    if (turn === undefined) continue;
    const { body, model } = formatTurn(turn, [], undefined, bodies);
    const shown = shownBody(body);
    bytes += shown.length;
    previews.push({
      conversation: BigInt(conversation),
      turn: 0,
      method: "POST",
      path: pathOfModel(requestPathOf(bodies.endpoint, bodies.isStreaming, path), model),
      headers: turn.headers,
      body: shown,
      bodyBytes: BigInt(body.length),
    });
  }
  return previews;
}

/** What is no JSON is cut at its end. */
function shownBody(body: Uint8Array): Uint8Array {
  const value = parseJson(decodeText(body));
  const cut = isJsonObject(value) ? encodeJson(Object.fromEntries(entriesOf(value))) : body;
  return cut.subarray(0, maxBodyBytes);
}

function entriesOf(value: Readonly<Record<string, unknown>>): (readonly [string, unknown])[] {
  return Object.entries(value).map(([name, inner]) => [name, withoutMedia(inner)]);
}

function withoutMedia(value: unknown): unknown {
  if (typeof value === "string") return isMedium(value) ? cutMedium(value) : value;
  if (Array.isArray(value)) return value.map(withoutMedia);
  return isJsonObject(value) ? Object.fromEntries(entriesOf(value)) : value;
}

/** A `data:` URL, or base64 by itself. */
function isMedium(text: string): boolean {
  return text.length > maxOpaqueChars && (/^data:[^,\s]{0,200},/.test(text) || /^[A-Za-z0-9+/_-]{400}/.test(text));
}

function cutMedium(text: string): string {
  return `${text.slice(0, shownOpaqueChars)}… (${text.length} characters)`;
}
