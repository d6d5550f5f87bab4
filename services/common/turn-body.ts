/**
 * How a turn of a run becomes the body of its request. Workers send what this makes, and the records-manager writes it to a file:
 * the same turn of the same run gives the same bytes. Pure.
 */
import { bodyFacts, factsOfBody } from "../../endpoints/body-facts.ts";
import { builtInEndpoints, type EndpointCatalog } from "../../endpoints/catalog.ts";
import type { ChatMessage, Endpoint, TurnInput } from "../../endpoints/endpoint.ts";
import { decodeText, encodeJson, isJsonObject, type JsonObject, parseJson, textOf } from "../../endpoints/json-body.ts";
import type { RunSpec } from "../../gen/assay/common/v1/run_spec_pb.js";
import type { Turn } from "../../gen/assay/dataset/v1/dataset_pb.js";
import { chatMessageOf } from "./chat-messages.ts";
import { forcedLength, type LengthDialect, lengthDialectOf } from "./forced-length.ts";
import { createModelChoice, type ModelChoice } from "./model-choice.ts";
import { randomStream } from "./random.ts";
import { endpointOf, inputsOfBodies } from "./run-endpoint.ts";
import { answeringCalls } from "./session-history.ts";
import { readTurnTensor } from "./turn-tensors.ts";

/** What of a run shapes its bodies. */
export interface BodyOptions {
  readonly endpoint: Endpoint;
  /** For turns that name no model of their own. */
  readonly modelOf: ModelChoice;
  readonly isStreaming: boolean;
  readonly extraInputs: Readonly<Record<string, unknown>>;
  /** Input is counted in the model's chat template, and so with the roles of its messages. Default: as the text that it is. */
  readonly isTemplated?: boolean;
  /** Output lengths are forced in this spelling; undefined: they are asked for alone. */
  readonly forcedLength?: LengthDialect | undefined;
  /** Of what is drawn for turns. Default: 0. */
  readonly seed?: number;
}

export interface TurnBody {
  readonly body: Uint8Array;
  readonly model: string;
  /** Undefined: the model decides. */
  readonly requestedOutputTokens: number | undefined;
  /** It asks for a stream. */
  readonly isStreaming: boolean;
  /** The history and what the turn adds, oldest first. */
  readonly messages: readonly ChatMessage[];
}

/**
 * @param endpoints default: the built-in ones
 * @throws `invalid_argument` for an endpoint that the controller refuses
 */
export function bodyOptionsOf(
  { endpoint: given, tokenizer, models, modelSelection, modelWeights, randomSeed }: RunSpec,
  endpoints: EndpointCatalog = builtInEndpoints,
): BodyOptions {
  const seed = Number(randomSeed ?? 0n);
  const choice = { models, selection: modelSelection, weights: modelWeights, seed };
  return {
    endpoint: endpointOf(given, endpoints),
    modelOf: createModelChoice(choice),
    isStreaming: given?.streaming ?? false,
    extraInputs: inputsOfBodies(given),
    isTemplated: tokenizer?.applyChatTemplate ?? false,
    forcedLength: lengthDialectOf(given?.forceOutputLength ?? ""),
    seed,
  };
}

/**
 * Throws AssayError where a user's own endpoint fails.
 * @param history messages of the session before this turn, oldest first
 * @param maxOutputTokens instead of the turn's own
 */
export function formatTurn(
  turn: Turn,
  history: readonly ChatMessage[],
  maxOutputTokens: number | undefined,
  options: BodyOptions,
): TurnBody {
  const { endpoint, modelOf, isStreaming, extraInputs: common, forcedLength: dialect } = options;
  if (turn.rawBody.length > 0) return rawTurn(turn, maxOutputTokens, options);
  // What is not text has no length in tokens, whatever the dataset would have it be.
  const requested = endpoint.produces === "text" ? (maxOutputTokens ?? (turn.maxOutputTokens || undefined)) : undefined;
  const extraInputs: JsonObject = { ...forcedLength(dialect, requested), ...common, ...turn.extraInputs };
  const chosen = turn.model === "" ? modelOf(Number(turn.conversation)) : turn.model;
  // Extra inputs have the last word in the body, and the record says what was asked for.
  const model = textOf(extraInputs.model) ?? chosen;
  const messages = [...history, ...answeringCalls(messagesOf(turn), history)];
  const { seed = 0 } = options;
  const random = (label: string) => randomStream(seed, "tensors", Number(turn.conversation), turn.turn, label);
  const input = {
    model,
    messages,
    maxOutputTokens: requested,
    isStreaming,
    extraInputs,
    random,
    ...toolsOf(turn),
    ...tensorsOf(turn),
  };
  const { stream } = extraInputs;
  const body = endpoint.formatBody(input);
  return {
    body,
    model,
    requestedOutputTokens: endpoint.produces === "text" ? lengthAsked(body, extraInputs, requested) : undefined,
    isStreaming: typeof stream === "boolean" ? stream : isStreaming,
    messages,
  };
}

/** Where extra inputs have a word in how long an answer may be, it is the last; of two fields that say it the body's facts know which counts. */
function lengthAsked(body: Uint8Array, extraInputs: JsonObject, requested: number | undefined): number | undefined {
  const { maxOutputTokens: said } = factsOfBody(extraInputs);
  return said === undefined || requested === undefined ? (said ?? requested) : (bodyFacts(body).maxOutputTokens ?? requested);
}

/** A body that the dataset has goes out as it is, whatever the run says of length, stream and extra inputs; it is read for the record. */
function rawTurn({ rawBody, conversation }: Turn, maxOutputTokens: number | undefined, options: BodyOptions): TurnBody {
  const facts = bodyFacts(rawBody);
  return {
    body: maxOutputTokens === undefined ? rawBody : withLength(rawBody, maxOutputTokens),
    model: facts.model ?? options.modelOf(Number(conversation)),
    requestedOutputTokens: maxOutputTokens ?? facts.maxOutputTokens,
    isStreaming: facts.isStreaming ?? options.isStreaming,
    messages: facts.texts.map((content) => ({ role: "user", content })),
  };
}

/** With another output length in the field that has one. What is no JSON stays as it is. */
function withLength(rawBody: Uint8Array, maxOutputTokens: number): Uint8Array {
  const body = parseJson(decodeText(rawBody));
  if (!isJsonObject(body)) return rawBody;
  const field = ["max_completion_tokens", "max_output_tokens"].find((name) => name in body) ?? "max_tokens";
  return encodeJson({ ...body, [field]: maxOutputTokens });
}

/** Where the text is no array, there are no tools. */
function toolsOf({ toolsJson }: Turn): Pick<TurnInput, "tools"> {
  const tools = toolsJson === "" ? undefined : parseJson(toolsJson);
  return Array.isArray(tools) ? { tools } : {};
}

function tensorsOf({ tensors }: Turn): Pick<TurnInput, "tensors"> {
  return tensors.length === 0 ? {} : { tensors: tensors.map(readTurnTensor) };
}

/** The messages that a turn adds. */
export function messagesOf(turn: Turn): ChatMessage[] {
  return turn.messages.map(chatMessageOf);
}
