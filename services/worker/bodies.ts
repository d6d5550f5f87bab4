/** Turns made into request bodies: formatted by the endpoint and serialised once, then kept, bounded by bytes. */
import { toBinary } from "@bufbuild/protobuf";
import type { ChatMessage, Endpoint, SessionPlace } from "../../endpoints/endpoint.ts";
import type { RequestError } from "../../endpoints/outcome.ts";
import { requestError } from "../../endpoints/target-error.ts";
import { ExpectationSchema, type Turn } from "../../gen/assay/dataset/v1/dataset_pb.js";
import { AssayError, messageOf } from "../common/errors.ts";
import { mediaFacts } from "../common/media-facts.ts";
import { type BodyOptions, formatTurn } from "../common/turn-body.ts";

/** What a request needs of its turn. */
export interface RequestBody {
  readonly body: Buffer;
  readonly model: string;
  /** Of the messages whose length the dataset knows; undefined: of none. */
  readonly inputTokens: number | undefined;
  /** Of all other messages, as JSON with their roles where they are counted in a template; undefined: there are none. */
  readonly inputText: string | undefined;
  /** Images in it, and the length of its audio as far as that is known; absent: none. */
  readonly images?: number | undefined;
  readonly audioSeconds?: number | undefined;
  /** What the answer is held against, an `Expectation` of the dataset's as bytes; absent: nothing of its own. */
  readonly expectation?: Uint8Array | undefined;
  readonly requestedOutputTokens: number | undefined;
  /** It asks for a stream. */
  readonly isStreaming: boolean;
  /** The turn's own, over the run's: lower-case name, value, name, value; absent: none. */
  readonly headers?: readonly string[];
  /** That the dataset puts the turn into; absent: none. */
  readonly rowGroup?: string;
}

export interface BodyMakerOptions extends BodyOptions {
  readonly keptBytes: number;
}

/** What `make` gives; where the endpoint cannot make a body of the turn, or a user's own one fails, the error of the request's record. */
export function tryMaking(make: () => RequestBody): { readonly body: RequestBody } | { readonly error: RequestError } {
  try {
    return { body: make() };
  } catch (error) {
    const isTurn = error instanceof AssayError && error.code === "invalid_argument";
    return { error: requestError(isTurn ? "unsendable" : "endpoint_module", "send", messageOf(error)) };
  }
}

/** As a turn of a session: a target that has to be told of its sessions gets a body of each one's own. */
export function inSession(made: RequestBody, { ofSession }: Pick<Endpoint, "ofSession">, place: SessionPlace): RequestBody {
  const whole = ofSession?.(made.body, made.model, place) ?? made.body;
  return whole === made.body ? made : { ...made, body: Buffer.from(whole.buffer, whole.byteOffset, whole.byteLength) };
}

export class BodyMaker {
  private readonly options: BodyMakerOptions;
  private readonly kept = new Map<string, RequestBody>();
  private keptBytes = 0;

  constructor(options: BodyMakerOptions) {
    this.options = options;
  }

  /**
   * Throws AssayError where a user's own endpoint fails.
   * @param history messages of the session before this turn, oldest first; bodies with a history are the session's own and not kept
   * @param maxOutputTokens instead of the turn's own
   * @param historyTokens what the dataset counted of the history; its answers are not among that
   */
  make(turn: Turn, history: readonly ChatMessage[], maxOutputTokens: number | undefined, historyTokens = 0): RequestBody {
    if (history.length > 0) return this.makeAlone(turn, history, maxOutputTokens, historyTokens);
    // A bigint is much slower to write out than a number.
    const key = `${Number(turn.conversation)}/${turn.turn}/${maxOutputTokens ?? ""}`;
    const known = this.kept.get(key);
    if (known !== undefined) return known;
    const made = this.makeAlone(turn, history, maxOutputTokens, 0);
    this.kept.set(key, made);
    this.keptBytes += sizeOf(made);
    for (const [oldest, entry] of this.kept) {
      if (this.keptBytes <= this.options.keptBytes || oldest === key) break;
      this.kept.delete(oldest);
      this.keptBytes -= sizeOf(entry);
    }
    return made;
  }

  tryMake(...given: Parameters<BodyMaker["make"]>): ReturnType<typeof tryMaking> {
    return tryMaking(() => this.make(...given));
  }

  /** As `make`, for a turn that is a session's own: its body is not kept. */
  makeAlone(turn: Turn, history: readonly ChatMessage[], override: number | undefined, historyTokens: number): RequestBody {
    const { body, model, requestedOutputTokens, isStreaming, messages } = formatTurn(turn, history, override, this.options);
    const { isTemplated = false } = this.options;
    const isCounted = turn.inputTokens > 0 && !isTemplated;
    const uncounted = isCounted ? history.filter(({ role }) => role === "assistant") : messages;
    return {
      body: Buffer.from(body.buffer, body.byteOffset, body.byteLength),
      model,
      inputTokens: isCounted ? turn.inputTokens + historyTokens : undefined,
      inputText: uncounted.length === 0 ? undefined : isTemplated ? templatedText(uncounted) : plainText(uncounted),
      requestedOutputTokens,
      isStreaming,
      ...mediaFacts(messages),
      ...headersOf(turn),
      ...(turn.rowGroup === "" ? {} : { rowGroup: turn.rowGroup }),
      ...expectationOf(turn),
    };
  }
}

function headersOf({ headers }: Turn): Pick<RequestBody, "headers"> {
  const all = Object.entries(headers);
  return all.length === 0 ? {} : { headers: all.flatMap(([name, value]) => [name.toLowerCase(), value]) };
}

/** Of a body without bytes: its objects, its buffer and its key. */
export const bodyOverheadBytes = 1024;

/** About. */
function sizeOf({ body, expectation }: RequestBody): number {
  return bodyOverheadBytes + body.length + (expectation?.length ?? 0);
}

/** It goes with the record, never into the body. */
function expectationOf({ expectation }: Turn): Pick<RequestBody, "expectation"> {
  return expectation === undefined ? {} : { expectation: toBinary(ExpectationSchema, expectation) };
}

function plainText(messages: readonly ChatMessage[]): string {
  return messages.map(({ content }) => content).join("\n");
}

function templatedText(messages: readonly ChatMessage[]): string {
  return JSON.stringify(messages.map(({ role, content }) => ({ role, content })));
}
