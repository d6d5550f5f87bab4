/**
 * The turns that a worker is going to send, asked for as their credits arrive, so that a credit rarely waits for its turn when
 * it fires. One FetchTurns stream, dialled again when it breaks; what was asked and not answered is asked again. What was
 * fetched is kept as the finished body, up to a bound of bytes, least recently used out first.
 */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { Turn } from "../../gen/assay/dataset/v1/dataset_pb.js";
import type { FetchTurnsRequestSchema, FetchTurnsResponse } from "../../gen/assay/dataset/v1/dataset_service_pb.js";
import type { AssayError } from "../common/errors.ts";
import type { MessageStream } from "../common/rpc/handler.ts";

export type TurnStream = MessageStream<FetchTurnsResponse, MessageInitShape<typeof FetchTurnsRequestSchema>>;

/** Called once with the turn, or with why there is none. */
export type TurnListener = (turn: Turn | undefined, missing: string) => void;

export interface TurnSourceOptions {
  /** Opens a stream whose hello has been sent already. */
  dial(): TurnStream;
  /** Bytes of turns kept. */
  readonly keptBytes: number;
  onBroken(error: AssayError): void;
}

interface Wanted {
  readonly conversation: number;
  readonly turn: number;
  listeners: TurnListener[];
}

const firstBackoffMs = 50;
const lastBackoffMs = 500;

export class TurnSource {
  private readonly options: TurnSourceOptions;
  private readonly kept = new Map<string, { readonly turn: Turn; readonly sizeBytes: number }>();
  private readonly wanted = new Map<string, Wanted>();
  private keptBytes = 0;
  private unasked: Wanted[] = [];
  private isFlushing = false;
  private isClosed = false;
  private stream: TurnStream | undefined;
  private redial: NodeJS.Timeout | undefined;
  private backoffMs = firstBackoffMs;

  constructor(options: TurnSourceOptions) {
    this.options = options;
    this.dial();
  }

  /** Asks for a turn that will be needed soon. */
  prefetch(conversation: number, turn: number): void {
    const key = keyOf(conversation, turn);
    if (!this.kept.has(key) && !this.wanted.has(key)) this.ask(key, conversation, turn);
  }

  /** Gives a turn: at once if it is here, else when it comes. */
  take(conversation: number, turn: number, listener: TurnListener): void {
    const key = keyOf(conversation, turn);
    const kept = this.kept.get(key);
    if (kept !== undefined) {
      // Moved to the end: the map's order is the order of use.
      this.kept.delete(key);
      this.kept.set(key, kept);
      listener(kept.turn, "");
      return;
    }
    const wanted = this.wanted.get(key) ?? this.ask(key, conversation, turn);
    wanted.listeners.push(listener);
  }

  /** Who still waits is told that there is none. */
  close(): void {
    this.isClosed = true;
    clearTimeout(this.redial);
    this.stream?.end();
    for (const wanted of this.wanted.values()) {
      for (const listener of wanted.listeners) listener(undefined, "the run has ended");
    }
    this.wanted.clear();
    this.kept.clear();
  }

  private ask(key: string, conversation: number, turn: number): Wanted {
    const wanted: Wanted = { conversation, turn, listeners: [] };
    this.wanted.set(key, wanted);
    this.unasked.push(wanted);
    if (!this.isFlushing) {
      this.isFlushing = true;
      queueMicrotask(() => this.flush());
    }
    return wanted;
  }

  private flush(): void {
    this.isFlushing = false;
    if (this.stream === undefined || this.unasked.length === 0) return;
    const refs = this.unasked.map(({ conversation, turn }) => ({ conversation: BigInt(conversation), turn }));
    this.unasked = [];
    this.stream.send({ message: { case: "turns", value: { refs } } });
  }

  private dial(): void {
    if (this.isClosed) return;
    const stream = this.options.dial();
    this.stream = stream;
    this.unasked = [...this.wanted.values()];
    stream.onMessage((response) => {
      this.backoffMs = firstBackoffMs;
      for (const { ref, turn, missing } of response.turns) {
        if (ref !== undefined) this.receive(Number(ref.conversation), ref.turn, turn, missing);
      }
    });
    stream.onClose((error) => {
      if (this.stream === stream) this.stream = undefined;
      if (this.isClosed) return;
      if (error !== undefined) this.options.onBroken(error);
      this.redial = setTimeout(() => this.dial(), this.backoffMs);
      this.backoffMs = Math.min(this.backoffMs * 2, lastBackoffMs);
    });
    this.flush();
  }

  private receive(conversation: number, index: number, turn: Turn | undefined, missing: string): void {
    const key = keyOf(conversation, index);
    const wanted = this.wanted.get(key);
    if (wanted === undefined) return;
    this.wanted.delete(key);
    if (turn !== undefined) this.keep(key, turn);
    for (const listener of wanted.listeners) listener(turn, missing);
  }

  private keep(key: string, turn: Turn): void {
    const sizeBytes = sizeOf(turn);
    this.kept.set(key, { turn, sizeBytes });
    this.keptBytes += sizeBytes;
    for (const [oldest, entry] of this.kept) {
      if (this.keptBytes <= this.options.keptBytes || oldest === key) return;
      this.kept.delete(oldest);
      this.keptBytes -= entry.sizeBytes;
    }
  }
}

function keyOf(conversation: number, turn: number): string {
  return `${conversation}/${turn}`;
}

function sizeOf(turn: Turn): number {
  const extra = turn.extraInputs === undefined ? 0 : JSON.stringify(turn.extraInputs).length;
  return turn.rawBody.length + extra + turn.messages.reduce((sum, message) => sum + message.content.length, 256);
}
