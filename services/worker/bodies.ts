/** Turns made into request bodies: formatted by the endpoint and serialised once, then kept, bounded by bytes. */
import type { ChatMessage, Endpoint } from "../../endpoints/endpoint.ts";
import { type JsonObject, textOf } from "../../endpoints/json-body.ts";
import type { Turn } from "../../gen/assay/dataset/v1/dataset_pb.js";
import type { ModelChoice } from "./core/model-choice.ts";

/** What a request needs of its turn. */
export interface RequestBody {
  readonly body: Buffer;
  readonly model: string;
  readonly inputTokens: number | undefined;
  /** Only where the dataset has no count. */
  readonly inputText: string | undefined;
  readonly requestedOutputTokens: number | undefined;
}

export interface BodyMakerOptions {
  readonly endpoint: Endpoint;
  /** For turns that name no model of their own. */
  readonly modelOf: ModelChoice;
  readonly isStreaming: boolean;
  readonly extraInputs: Readonly<Record<string, unknown>>;
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
    const { endpoint, modelOf, isStreaming } = this.options;
    const extraInputs: JsonObject = { ...this.options.extraInputs, ...turn.extraInputs };
    const chosen = turn.model === "" ? modelOf(Number(turn.conversation)) : turn.model;
    // Extra inputs have the last word in the body, and the record says what was asked for.
    const model = textOf(extraInputs.model) ?? chosen;
    const requested = override ?? (turn.maxOutputTokens === 0 ? undefined : turn.maxOutputTokens);
    const messages = [...history, ...messagesOf(turn)];
    const body =
      turn.rawBody.length > 0
        ? turn.rawBody
        : endpoint.formatBody({
            model,
            messages,
            maxOutputTokens: requested,
            isStreaming,
            extraInputs,
          });
    return {
      body: Buffer.from(body.buffer, body.byteOffset, body.byteLength),
      model,
      inputTokens: turn.inputTokens === 0 ? undefined : turn.inputTokens,
      inputText: turn.inputTokens === 0 ? messages.map((message) => message.content).join("\n") : undefined,
      requestedOutputTokens: requested,
    };
  }
}

/** The messages that a turn adds. */
export function messagesOf(turn: Turn): ChatMessage[] {
  return turn.messages.map(({ role, content }) => ({ role: isRole(role) ? role : "user", content }));
}

function isRole(role: string): role is ChatMessage["role"] {
  return role === "system" || role === "user" || role === "assistant" || role === "tool";
}
