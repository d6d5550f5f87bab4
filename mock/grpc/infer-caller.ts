/** Who gets the responses to one inference request: a unary call, or one request of a stream. */
import type { OpenAnswer } from "../http/connection.ts";
import { type InferResponse, responseFrame, streamFrame } from "./response-frame.ts";
import type { Rpc } from "./rpc.ts";
import { type GrpcStatus, ok } from "./status.ts";

export interface InferCaller {
  readonly isStream: boolean;
  readonly rpc: Rpc;
  /** Keeps the request open; `answer` is told once when the client is gone. A later one takes the place of an earlier one. */
  open(answer: OpenAnswer): void;
  /** A response; after the last one the request is over. */
  respond(response: InferResponse, isLast: boolean): void;
  /** The request has failed, and is over. `model`: the one that said so, none where it has not come to one. */
  fail(why: GrpcStatus, model: string | undefined): void;
  /** The request is over without another message. */
  close(): void;
  /** Resets the whole call; the request is over. */
  reset(): void;
}

export class UnaryCaller implements InferCaller {
  readonly isStream = false;
  readonly rpc: Rpc;
  #answer: OpenAnswer | undefined;

  constructor(rpc: Rpc) {
    this.rpc = rpc;
  }

  open(answer: OpenAnswer): void {
    this.#answer = answer;
  }

  respond(response: InferResponse): void {
    this.#answer = undefined;
    this.rpc.end(ok, responseFrame(response));
  }

  fail(why: GrpcStatus): void {
    this.#answer = undefined;
    this.rpc.end(why);
  }

  close(): void {
    this.#answer = undefined;
    this.rpc.end(ok);
  }

  reset(): void {
    this.#answer = undefined;
    this.rpc.reset();
  }

  /** The call is closed, by whichever side. */
  gone(): void {
    const answer = this.#answer;
    this.#answer = undefined;
    answer?.aborted();
  }
}

/** One request of a stream; the stream has any number of them under way. */
export class StreamCaller implements InferCaller {
  readonly isStream = true;
  readonly rpc: Rpc;
  readonly #id: string;
  readonly #isStrict: boolean;
  readonly #over: (caller: StreamCaller) => void;
  #answer: OpenAnswer | undefined;

  /** `isStrict`: what a model says is wrong ends the whole call. `over` is told when the request is. */
  constructor(rpc: Rpc, id: string, isStrict: boolean, over: (caller: StreamCaller) => void) {
    this.rpc = rpc;
    this.#id = id;
    this.#isStrict = isStrict;
    this.#over = over;
  }

  open(answer: OpenAnswer): void {
    this.#answer = answer;
  }

  respond(response: InferResponse, isLast: boolean): void {
    this.rpc.write(streamFrame("", response));
    if (isLast) this.close();
  }

  fail(why: GrpcStatus, model: string | undefined): void {
    if (model !== undefined && this.#isStrict) {
      this.#answer = undefined;
      this.rpc.end(why);
      return;
    }
    const isFinal = model === undefined ? undefined : true;
    const response = { model: model ?? "", version: "", id: this.#id, isFinal, stamps: undefined, outputs: [] };
    this.rpc.write(streamFrame(why.message, response));
    this.close();
  }

  close(): void {
    this.#answer = undefined;
    this.#over(this);
  }

  reset(): void {
    this.#answer = undefined;
    this.rpc.reset();
  }

  /** The call is closed, by whichever side. */
  gone(): void {
    const answer = this.#answer;
    this.#answer = undefined;
    answer?.aborted();
  }
}
