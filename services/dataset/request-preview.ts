/** Requests of a dataset as they will be sent, made fit to be looked at: media and what is long beyond use are cut. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { requestPathOf } from "../../endpoints/endpoint.ts";
import { decodeText, encodeJson, isJsonObject, type JsonObject, parseJson } from "../../endpoints/json-body.ts";
import type { GivenTensor } from "../../endpoints/kserve/tensor/given.ts";
import { pathOfModel } from "../../endpoints/target-url.ts";
import type { RequestPreviewSchema, Turn } from "../../gen/assay/dataset/v1/dataset_pb.js";
import { type BodyOptions, formatTurn, messagesOf, type TurnBody } from "../common/turn-body.ts";
import { readTurnTensor } from "../common/turn-tensors.ts";
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
const maxElements = 256;
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
    const isOpen = bodies.endpoint.needsModelTensors === true;
    const { body, model } = isOpen ? draftOf(turn, bodies) : formatTurn(turn, [], undefined, bodies);
    const shown = shownBody(body, isOpen ? undefined : bodies.endpoint.bodyJson?.(body));
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

/** What a dataset alone says of a request whose target has to be asked what its model takes: elements without their datatypes. */
function draftOf(turn: Turn, { modelOf }: BodyOptions): Pick<TurnBody, "body" | "model"> {
  const model = turn.model === "" ? modelOf(Number(turn.conversation)) : turn.model;
  const tensors = turn.tensors.map(readTurnTensor).map(({ name, shape, contents }) => ({
    name,
    ...(shape.length === 0 ? {} : { shape }),
    ...shownContents(contents),
  }));
  const texts = messagesOf(turn).map(({ content }) => content);
  return {
    model,
    body: encodeJson({ model_name: model, inputs: tensors.length > 0 ? tensors : texts.map((text) => ({ data: [text] })) }),
  };
}

function shownContents(contents: GivenTensor["contents"]): JsonObject {
  if (contents instanceof Uint8Array) return { b64: Buffer.from(contents).toString("base64") };
  const cut = contents.length - maxElements;
  return { data: contents.slice(0, maxElements), ...(cut > 0 ? { cut_elements: cut } : {}) };
}

/** What is no JSON is cut at its end. @param read what its endpoint shows of it, where it shows anything else than its bytes */
function shownBody(body: Uint8Array, read: JsonObject | undefined): Uint8Array {
  const value = read ?? parseJson(decodeText(body));
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
