/**
 * The turns that a worker is going to send, asked for as their credits arrive, so that a credit rarely waits for its turn when
 * it fires. One FetchTurns stream, dialled again when it breaks; what was asked and not answered is asked again.
 *
 * Memory is bounded twice. What was used is kept up to `keptBytes`, least recently used out first. What is fetched ahead, come or
 * on its way, takes up to `aheadBytes`: of what is on its way the size is reckoned from what came so far, and whatever finds no
 * room is asked for when turns before it are used. A turn whose request is due now is asked for whatever else there is.
 */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { Turn } from "../../gen/assay/dataset/v1/dataset_pb.js";
import type {
  FetchTurnsRequestSchema,
  FetchTurnsResponse,
  TurnRefSchema,
} from "../../gen/assay/dataset/v1/dataset_service_pb.js";
import type { AssayError } from "../common/errors.ts";
import type { MessageStream } from "../common/rpc/handler.ts";

export type TurnStream = MessageStream<FetchTurnsResponse, MessageInitShape<typeof FetchTurnsRequestSchema>>;

/** Called once with the turn, or with why there is none. */
export type TurnListener = (turn: Turn | undefined, missing: string) => void;

export interface TurnSourceOptions {
  /** Opens a stream whose hello has been sent already. */
  dial(): TurnStream;
  /** Bytes of used turns that are kept. */
  readonly keptBytes: number;
  /** Bytes of turns ahead of their use, about. */
  readonly aheadBytes: number;
  onBroken(error: AssayError): void;
}

interface Wanted {
  readonly conversation: number;
  readonly turn: number;
  /** It has been asked for on the stream that stands. */
  isAsked: boolean;
  listeners: TurnListener[];
}

interface Held {
  readonly turn: Turn;
  readonly sizeBytes: number;
}

const firstBackoffMs = 50;
const lastBackoffMs = 500;
/** What a turn is taken for before one has come, and the weight of each that comes in what the next is taken for. */
const firstGuessBytes = 64 * 1024;
const guessWeight = 0.1;

export class TurnSource {
  private readonly options: TurnSourceOptions;
  /** Used before, in the order of their last use. */
  private readonly kept: HeldTurns;
  /** Come and not used yet, in the order in which they came. */
  private readonly ahead = new HeldTurns(Number.POSITIVE_INFINITY);
  private readonly wanted = new Map<string, Wanted>();
  /** Those of the wanted that are not asked for, in order, from `nextUnasked` on; some may have been asked for meanwhile. */
  private unasked: Wanted[] = [];
  private nextUnasked = 0;
  /** Those of them that somebody waits for. */
  private urgent: Wanted[] = [];
  private asked = 0;
  private guessBytes = firstGuessBytes;
  private isFlushing = false;
  private isClosed = false;
  private stream: TurnStream | undefined;
  private redial: NodeJS.Timeout | undefined;
  private backoffMs = firstBackoffMs;

  constructor(options: TurnSourceOptions) {
    this.options = options;
    this.kept = new HeldTurns(options.keptBytes);
    this.dial();
  }

  /** Bytes that are held here, about. */
  get heldBytes(): number {
    return this.kept.sizeBytes + this.ahead.sizeBytes;
  }

  /** Asks for a turn that will be needed soon, as soon as there is room for it. */
  prefetch(conversation: number, turn: number): void {
    const key = keyOf(conversation, turn);
    if (!this.kept.has(key) && !this.ahead.has(key) && !this.wanted.has(key)) this.want(key, conversation, turn);
  }

  /** Gives a turn: at once if it is here, else when it comes. */
  take(conversation: number, turn: number, listener: TurnListener): void {
    const key = keyOf(conversation, turn);
    const held = this.ahead.remove(key) ?? this.kept.remove(key);
    if (held !== undefined) {
      this.kept.add(key, held);
      this.flushSoon();
      listener(held.turn, "");
      return;
    }
    const wanted = this.wanted.get(key) ?? this.want(key, conversation, turn);
    wanted.listeners.push(listener);
    // Turns are used about in the order in which they came: one that came before this one and fills the room was for a credit that is gone.
    const stale = this.hasRoom() ? undefined : this.ahead.removeOldest();
    if (stale !== undefined) this.kept.add(...stale);
    if (!wanted.isAsked) this.urgent.push(wanted);
    this.flushSoon();
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
    this.ahead.clear();
  }

  private want(key: string, conversation: number, turn: number): Wanted {
    const wanted: Wanted = { conversation, turn, isAsked: false, listeners: [] };
    this.wanted.set(key, wanted);
    this.unasked.push(wanted);
    this.flushSoon();
    return wanted;
  }

  private flushSoon(): void {
    if (this.isFlushing || (this.nextUnasked === this.unasked.length && this.urgent.length === 0)) return;
    this.isFlushing = true;
    queueMicrotask(() => this.flush());
  }

  private hasRoom(): boolean {
    const aheadBytes = this.ahead.sizeBytes + this.asked * this.guessBytes;
    return aheadBytes === 0 || aheadBytes + this.guessBytes <= this.options.aheadBytes;
  }

  private flush(): void {
    this.isFlushing = false;
    if (this.stream === undefined || this.isClosed) return;
    const refs: MessageInitShape<typeof TurnRefSchema>[] = [];
    const ask = (wanted: Wanted): void => {
      if (wanted.isAsked) return;
      wanted.isAsked = true;
      this.asked++;
      refs.push({ conversation: BigInt(wanted.conversation), turn: wanted.turn });
    };
    for (const wanted of this.urgent) ask(wanted);
    this.urgent = [];
    while (this.nextUnasked < this.unasked.length && this.hasRoom()) ask(this.unasked[this.nextUnasked++] as Wanted);
    if (2 * this.nextUnasked > this.unasked.length) {
      this.unasked = this.unasked.slice(this.nextUnasked);
      this.nextUnasked = 0;
    }
    if (refs.length > 0) this.stream.send({ message: { case: "turns", value: { refs } } });
  }

  private dial(): void {
    if (this.isClosed) return;
    const stream = this.options.dial();
    this.stream = stream;
    this.unasked = [...this.wanted.values()];
    this.nextUnasked = 0;
    for (const wanted of this.unasked) wanted.isAsked = false;
    this.urgent = this.unasked.filter(({ listeners }) => listeners.length > 0);
    this.asked = 0;
    stream.onMessage((response) => {
      this.backoffMs = firstBackoffMs;
      for (const { ref, turn, missing } of response.turns) {
        if (ref !== undefined) this.receive(Number(ref.conversation), ref.turn, turn, missing);
      }
      this.flushSoon();
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
    if (wanted.isAsked) this.asked--;
    if (turn !== undefined) {
      const held = { turn, sizeBytes: sizeOf(turn) };
      this.guessBytes += guessWeight * (held.sizeBytes - this.guessBytes);
      if (wanted.listeners.length > 0) this.kept.add(key, held);
      else this.ahead.add(key, held);
    }
    for (const listener of wanted.listeners) listener(turn, missing);
  }
}

/** Turns by their keys, up to a bound of bytes; the one that was added last is always there. */
class HeldTurns {
  sizeBytes = 0;
  private readonly maxBytes: number;
  private readonly held = new Map<string, Held>();

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes;
  }

  has(key: string): boolean {
    return this.held.has(key);
  }

  add(key: string, held: Held): void {
    this.held.set(key, held);
    this.sizeBytes += held.sizeBytes;
    while (this.sizeBytes > this.maxBytes && this.held.size > 1) this.removeOldest();
  }

  remove(key: string): Held | undefined {
    const held = this.held.get(key);
    if (held === undefined) return undefined;
    this.held.delete(key);
    this.sizeBytes -= held.sizeBytes;
    return held;
  }

  removeOldest(): [key: string, held: Held] | undefined {
    for (const [key, held] of this.held) {
      this.remove(key);
      return [key, held];
    }
    return undefined;
  }

  clear(): void {
    this.held.clear();
    this.sizeBytes = 0;
  }
}

function keyOf(conversation: number, turn: number): string {
  return `${conversation}/${turn}`;
}

/** About: a character of most texts takes a byte. */
function sizeOf({ extraInputs, rawBody, toolsJson, messages, tensors }: Turn): number {
  const extra = extraInputs === undefined ? 0 : JSON.stringify(extraInputs).length;
  const ofMessages = messages.reduce((sum, message) => sum + messageChars(message), turnOverheadBytes);
  const ofTensors = tensors.reduce((sum, { contents }) => sum + contentsBytes(contents), 0);
  return rawBody.length + extra + toolsJson.length + ofMessages + ofTensors;
}

function contentsBytes(contents: Turn["tensors"][number]["contents"]): number {
  switch (contents.case) {
    case "raw":
      return contents.value.length;
    case "numbers":
      return 8 * contents.value.values.length;
    case "texts":
      return contents.value.values.reduce((sum, text) => sum + text.length, 0);
    default:
      return 0;
  }
}

/** Of a turn without a text: the objects of its message. */
export const turnOverheadBytes = 2048;

function messageChars({ content, parts, json }: Turn["messages"][number]): number {
  return parts.reduce((sum, part) => sum + part.content.length, content.length + json.length);
}
