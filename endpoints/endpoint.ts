/**
 * What a target's API looks like: how a turn becomes a request and what its answer says. Pure: bytes and objects in, values out.
 * One implementation a file, `endpoints/<family>/<name>.ts`.
 */
import type { FirstMoments, ServerTimes, SpecDecode, Usage } from "../metrics/metric.ts";
import type { RandomStream } from "../services/common/random.ts";
import type { JsonObject } from "./json-body.ts";
import type { GivenTensor } from "./kserve/tensor/given.ts";
import type { Tensor } from "./kserve/tensor/tensor.ts";
import type { RequestError } from "./outcome.ts";

/** One turn as the dataset gives it. */
export interface TurnInput {
  readonly model: string;
  /** Messages before and with this turn, oldest first. */
  readonly messages: readonly ChatMessage[];
  /** Output length to ask for; undefined: the model decides. */
  readonly maxOutputTokens: number | undefined;
  readonly isStreaming: boolean;
  /** Further top-level fields of the body, merged shallowly, last. */
  readonly extraInputs: Readonly<Record<string, unknown>>;
  /** Tools that the request offers, as in the target's API; absent: none. */
  readonly tools?: readonly unknown[];
  /** Inputs of a model of tensors that the dataset has. Absent: none. */
  readonly tensors?: readonly GivenTensor[];
  /** What is drawn for the turn, by what it is drawn for: the same for the same turn of the same run. Absent: nothing is drawn. */
  readonly random?: (label: string) => RandomStream;
}

export interface ChatMessage {
  readonly role: "system" | "user" | "assistant" | "tool";
  /** Its text; of several parts the texts, a line each. */
  readonly content: string;
  /** What it is made of, in order, where that is more than one text; absent: `content` is all. */
  readonly parts?: readonly ContentPart[];
  /** The whole message as the target gets it, as JSON text, where it says what the fields above cannot; absent: it does not. */
  readonly json?: string;
  /** Of an answer of the target's: what it calls it. Absent: it is none, or has no name. */
  readonly answerId?: string;
}

/** A piece of a message. */
export interface ContentPart {
  readonly modality: Modality;
  /** What the dataset calls it: `query` or `passages` in a ranking. */
  readonly name?: string;
  /** A text; of media a URL, `data:` among them. */
  readonly content: string;
  /** Names the medium to the target's cache. With it `content` may be empty: the target has seen it. */
  readonly uuid?: string;
}

export type Modality = "text" | "image" | "audio" | "video";

/** A response as the worker kept it: bytes with the moment each read arrived. Not interpreted. */
export interface RawResponse {
  /** HTTP status; 0: none came. */
  readonly status: number;
  /** Value of the header, empty where none came. */
  readonly contentType: string;
  /** Body, transfer encoding removed. */
  readonly payload: Uint8Array;
  /** `readEnds[i]` = payload bytes received up to and with read i, ascending. */
  readonly readEnds: Uint32Array;
  /** `readNs[i]` = stamp of read i, ns after the request was sent. Same length. */
  readonly readNs: Float64Array;
  /** A stream was asked for. */
  readonly isStreaming: boolean;
}

/**
 * What the answer says. `error` undefined means complete by the protocol's own rules and not empty; with an error the other
 * fields hold what had arrived before it.
 */
export interface ParsedResponse {
  readonly error: RequestError | undefined;
  /**
   * Stamps of chunks with content (text, reasoning, tool calls), ascending; an event that spans reads has the stamp of the read
   * that completes it. An answer in one piece has one, its last read.
   */
  readonly contentNs: Float64Array;
  /** Stamp of the first chunk with content other than reasoning. */
  readonly firstOutputNs: number | undefined;
  /** Stamps of the first events of a stream, a comment being none; absent: it was no stream. */
  readonly firsts?: FirstMoments;
  /** Content chunks that share their stamp with the chunk before (several events in one read). */
  readonly coalescedChunks: number;
  /** Text, names and arguments of tool calls included. */
  readonly outputText: string;
  readonly reasoningText: string;
  /** The last usage that was sent. */
  readonly usage: Usage | undefined;
  readonly finishReason: string | undefined;
  /** What the target says of its speculative decoding, and of the making of a video; absent: nothing. */
  readonly specDecode?: SpecDecode;
  /** What the target says of the request's moments on its own clock; absent: nothing. */
  readonly serverTimes?: ServerTimes;
  readonly videoInferenceSec?: number;
  readonly videoPeakMemoryMb?: number;
  /** What the answer says and which tools it calls, where it calls any. */
  readonly calling?: Calling;
  /** Further answers to choose from (`n`), of which all the other fields but `contentNs` and `usage` say nothing; absent: there are none. */
  readonly others?: OtherChoices;
  /** Pieces of an answer that is not text: vectors, ranked passages, images. Absent: it is text, or says nothing to count. */
  readonly outputCount?: number;
  /** The outputs of the last response that has any, where these are the answer: views of the payload. */
  readonly tensors?: readonly Tensor[];
  /** What the target calls the answer, where a later turn can build on it by that name. */
  readonly answerId?: string;
  /** A stream was asked for and one JSON document came: its only content stamp is no first token's. */
  readonly isStreamIgnored: boolean;
}

/** What there is of answers beside the first, where a request asked for several. */
export interface OtherChoices {
  /** All of them, the first one included. */
  readonly count: number;
  /** Of the others, how many said why they ended. */
  readonly ended: number;
  /** All their texts, names and arguments of tool calls included. */
  readonly outputText: string;
  readonly reasoningText: string;
}

/** An answer that calls tools, as a later turn repeats it. */
export interface Calling {
  /** Its text without the calls, which `outputText` holds too. */
  readonly text: string;
  /** At least one, in the answer's order. */
  readonly calls: readonly ToolCall[];
}

export interface ToolCall {
  /** Empty: the target gave none. */
  readonly id: string;
  readonly name: string;
  /** As the target wrote them: JSON text, if it kept to the rules. */
  readonly argumentsText: string;
}

/** What turns can be made of: one text or several, a query with passages, media; tensors are made by the endpoint, or a file's. */
export type Ingredient = "text" | "texts" | "ranking" | "tensors" | Exclude<Modality, "text">;

/** What answers are. Figures about output tokens are of `text` alone; `data`: none of the others. */
export type Product = "text" | "embeddings" | "ranking" | "images" | "video" | "audio" | "tensors" | "data";

export interface Endpoint {
  /** As users write it: `--endpoint-type chat`. */
  readonly name: string;
  /** Appended to the base URL; `{model}` in it becomes the request's model. Empty: requests go to the base URL as it is. */
  readonly path: string;
  /** Instead of `path` where a stream is asked for. Absent: `path`. */
  readonly streamPath?: string;
  readonly canStream: boolean;
  /** `grpc`: its requests are calls of gRPC, their bodies one message each, and the bytes of an answer its messages, each behind gRPC's prefix. Absent: HTTP. */
  readonly protocol?: "grpc";
  /** Of the body. Absent: `application/json`. */
  readonly contentType?: string;
  /** Sent with every request, names in lower case; headers that the user gives take their place. Absent: none. */
  readonly headers?: Readonly<Record<string, string>>;
  /** The header that carries an API key; `authorization` has `Bearer ` before it. Absent: `authorization`. */
  readonly keyHeader?: "authorization" | "x-api-key";
  /** Options that ask for anything else are refused. */
  readonly takes: readonly Ingredient[];
  /** Media without which there is no request. Absent: none. */
  readonly needs?: readonly Exclude<Modality, "text">[];
  /** Its requests do not say how long an answer may be. Default: they do, where answers are texts. */
  readonly asksNoLength?: true;
  /** Extra inputs that are refused: the turn says what is in these fields. Absent: none. */
  readonly reservedInputs?: readonly string[];
  /** Which version of a model is asked can be said. Default: false. */
  readonly hasVersions?: boolean;
  /** It is told before a run what the target's models take and give, without which it makes no request. Default: false. */
  readonly needsModelTensors?: boolean;
  readonly produces: Product;
  /** The body: JSON in UTF-8 where `contentType` says nothing else. Throws `invalid_argument` for a turn of which it can make none. */
  readonly formatBody: (turn: TurnInput) => Uint8Array;
  /** A body of `formatBody` as people read it, long tensors cut; undefined: it is none. Absent: a body is text. Never throws. */
  readonly bodyJson?: (body: Uint8Array) => JsonObject | undefined;
  /**
   * A body as a turn of a session, where the target has to be told of its sessions; else the same body. Absent: it never has.
   * @param model that the body is for
   */
  readonly ofSession?: (body: Uint8Array, model: string, place: SessionPlace) => Uint8Array;
  /**
   * What is asked next of the target for the same request, after a whole answer with a 2xx status; undefined: that answer is the one. What
   * `parse` gets is the last answer that is no download. Absent: there never is anything.
   */
  readonly next?: (answer: WholeResponse) => FollowUp | undefined;
  /** Never throws: what cannot be read is an `error`. */
  readonly parse: (response: RawResponse) => ParsedResponse;
}

/** A turn of a session. */
export interface SessionPlace {
  /** Of one session of the run alone, above 0. */
  readonly id: bigint;
  readonly isFirst: boolean;
  readonly isLast: boolean;
}

/** An answer without its moments. */
export type WholeResponse = Pick<RawResponse, "status" | "contentType" | "payload">;

/** One more request of a turn, a GET. */
export interface FollowUp {
  /** Appended to the path of the first request. */
  readonly below: string;
  /** From the end of the answer before. */
  readonly waitMs: number;
  /** Its body is counted and not kept, it has to come with a 2xx status, and its end is that of the request. Default false. */
  readonly isDownload?: boolean;
}

/** Where a request goes, below the base URL. @param own takes the place of the endpoint's; empty: it does not */
export function requestPathOf(
  { path, streamPath }: Pick<Endpoint, "path" | "streamPath">,
  isStreaming: boolean,
  own = "",
): string {
  if (own !== "") return own;
  return isStreaming ? (streamPath ?? path) : path;
}
