/** Turns made into request bodies: formatted by the endpoint and serialised once, then kept, bounded by bytes. */
import type { ChatMessage } from "../../endpoints/endpoint.ts";
import type { Turn } from "../../gen/assay/dataset/v1/dataset_pb.js";
import { type BodyOptions, formatTurn } from "../common/turn-body.ts";

/** What a request needs of its turn. */
export interface RequestBody {
  readonly body: Buffer;
  readonly model: string;
  readonly inputTokens: number | undefined;
  /** Only where the dataset has no count. */
  readonly inputText: string | undefined;
  readonly requestedOutputTokens: number | undefined;
}

export interface BodyMakerOptions extends BodyOptions {
  readonly keptBytes: number;
}

export class BodyMaker {
  private readonly options: BodyMakerOptions;
  private readonly kept = new Map<string, RequestBody>();
  private keptBytes = 0;

  constructor(options: BodyMakerOptions) {
    this.options = options;
  }

  /**
   * @param history messages of the session before this turn, oldest first; bodies with a history are the session's own and not kept
   * @param maxOutputTokens instead of the turn's own
   */
  make(turn: Turn, history: readonly ChatMessage[], maxOutputTokens: number | undefined): RequestBody {
    if (history.length > 0) return this.format(turn, history, maxOutputTokens);
    // A bigint is much slower to write out than a number.
    const key = `${Number(turn.conversation)}/${turn.turn}/${maxOutputTokens ?? ""}`;
    const known = this.kept.get(key);
    if (known !== undefined) return known;
    const made = this.format(turn, history, maxOutputTokens);
    this.kept.set(key, made);
    this.keptBytes += made.body.length;
    for (const [oldest, entry] of this.kept) {
      if (this.keptBytes <= this.options.keptBytes || oldest === key) break;
      this.kept.delete(oldest);
      this.keptBytes -= entry.body.length;
    }
    return made;
  }

  private format(turn: Turn, history: readonly ChatMessage[], override: number | undefined): RequestBody {
    const { body, model, requestedOutputTokens, messages } = formatTurn(turn, history, override, this.options);
    return {
      body: Buffer.from(body.buffer, body.byteOffset, body.byteLength),
      model,
      inputTokens: turn.inputTokens === 0 ? undefined : turn.inputTokens,
      inputText: turn.inputTokens === 0 ? messages.map((message) => message.content).join("\n") : undefined,
      requestedOutputTokens,
    };
  }
}
