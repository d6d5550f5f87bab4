/**
 * `inputs.json`: the bodies of the requests, by conversation, as AIPerf writes them. Not of the whole dataset, which may be far larger
 * than the run, but of the conversations that the run drew. The dataset service owns the turns; they are fetched from it one block
 * after the other, formatted as the workers do, and written as they come, so that memory does not grow with their number.
 */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { ChatMessage } from "../../../endpoints/endpoint.ts";
import type { Turn } from "../../../gen/assay/dataset/v1/dataset_pb.js";
import type { FetchTurnsRequestSchema, FetchTurnsResponse } from "../../../gen/assay/dataset/v1/dataset_service_pb.js";
import { AssayError, messageOf } from "../../common/errors.ts";
import type { MessageStream } from "../../common/rpc/handler.ts";
import { type BodyOptions, formatTurn, messagesOf } from "../../common/turn-body.ts";
import { AtomicFile } from "./atomic-file.ts";
import { type Json, jsonText } from "./json-text.ts";
import { sessionId } from "./session-id.ts";

export type TurnStream = MessageStream<FetchTurnsResponse, MessageInitShape<typeof FetchTurnsRequestSchema>>;

export interface InputsOptions {
  readonly path: string;
  /** Ascending. */
  readonly conversations: readonly number[];
  turnsOf(conversation: number): number;
  readonly bodies: BodyOptions;
  /** Opens a stream whose hello has been sent already. */
  dial(): Promise<TurnStream>;
  /** The file ends after the conversation that reaches this size. */
  readonly maxBytes: number;
  /** How long the dataset service may be silent. */
  readonly silenceMs: number;
}

export interface InputsOutcome {
  /** Conversations that are in the file. */
  readonly written: number;
  /** Those that the dataset names, by their indices. */
  readonly names: ReadonlyMap<number, string>;
  /** Turns that no body can be made of: `null` stands in their places. Undefined: there are none. */
  readonly unsendable: UnsendableTurns | undefined;
  /** Why there is no file: the dataset service did not give the turns. Undefined: there is one. */
  readonly problem: string | undefined;
}

export interface UnsendableTurns {
  readonly count: number;
  /** The first of them, and why. */
  readonly example: string;
}

/** Writes the file whole or not at all. Throws AssayError naming the path where it cannot be written. */
export async function writeInputs(options: InputsOptions): Promise<InputsOutcome> {
  const file = new AtomicFile(options.path);
  const sessions = new SessionWriter(file, options.bodies);
  let stream: TurnStream | undefined;
  try {
    sessions.begin();
    if (options.conversations.length > 0) {
      stream = await options.dial();
      await fetchAll(stream, options, (turn, isLast) => sessions.add(turn, isLast) < options.maxBytes || !isLast);
    }
    if (sessions.turns > 0 && sessions.unsendable?.count === sessions.turns) {
      throw new AssayError("data_loss", `no body could be made: ${sessions.unsendable.example}`);
    }
    sessions.end();
    file.commit();
    return { written: sessions.written, names: sessions.names, unsendable: sessions.unsendable, problem: undefined };
  } catch (error) {
    file.discard();
    // What concerns the file names it.
    if (error instanceof AssayError && error.metadata.path === options.path) throw error;
    return { written: 0, names: sessions.names, unsendable: undefined, problem: messageOf(error) };
  } finally {
    stream?.cancel();
  }
}

/** Turns asked for at a time. */
const blockTurns = 256;

/** A turn of the dataset, or why the service has none of that name. */
interface FetchedTurn {
  readonly conversation: number;
  readonly index: number;
  readonly turn: Turn | undefined;
  readonly missing: string;
}

/** Hands every turn over in order, until `onTurn` says no. Rejects where the stream breaks or is silent too long. */
async function fetchAll(
  stream: TurnStream,
  { conversations, turnsOf, silenceMs }: InputsOptions,
  onTurn: (turn: FetchedTurn, isLast: boolean) => boolean,
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const silent = new AssayError("deadline_exceeded", `the dataset service sent no turn for ${silenceMs / 1000} s`);
  const silence = setTimeout(() => reject(silent), silenceMs);
  const refs = turnRefs(conversations, turnsOf);
  let waitingFor = 0;
  const ask = (): void => {
    const block = [...take(refs, blockTurns)];
    waitingFor = block.length;
    if (block.length === 0) resolve();
    else stream.send({ message: { case: "turns", value: { refs: block } } });
  };
  stream.onClose((error) => reject(error ?? new AssayError("unavailable", "the dataset service ended the stream of turns")));
  stream.onMessage(({ turns }) => {
    silence.refresh();
    try {
      for (const { ref, turn, missing } of turns) {
        const { turn: index = 0, conversation = 0n } = ref ?? {};
        const isLast = index + 1 === turnsOf(Number(conversation));
        if (!onTurn({ conversation: Number(conversation), index, turn, missing }, isLast)) return resolve();
      }
      waitingFor -= turns.length;
      if (waitingFor <= 0) ask();
    } catch (error) {
      reject(error);
    }
  });
  ask();
  try {
    await promise;
  } finally {
    clearTimeout(silence);
  }
}

interface Ref {
  readonly conversation: bigint;
  readonly turn: number;
}

function* turnRefs(conversations: readonly number[], turnsOf: (conversation: number) => number): Generator<Ref, undefined> {
  for (const conversation of conversations) {
    const turns = turnsOf(conversation);
    for (let turn = 0; turn < turns; turn++) yield { conversation: BigInt(conversation), turn };
  }
}

function* take(refs: Generator<Ref, undefined>, count: number): Generator<Ref> {
  for (let taken = 0; taken < count; taken++) {
    const next = refs.next();
    if (next.done === true) return;
    yield next.value;
  }
}

/** The file's text from turns in order: one session a conversation, one payload a turn, two spaces of indent. */
class SessionWriter {
  readonly names = new Map<number, string>();
  written = 0;
  turns = 0;
  unsendable: UnsendableTurns | undefined;
  readonly #file: AtomicFile;
  readonly #bodies: BodyOptions;
  #isOpen = false;
  #preface: readonly ChatMessage[] = [];

  constructor(file: AtomicFile, bodies: BodyOptions) {
    this.#file = file;
    this.#bodies = bodies;
  }

  begin(): void {
    this.#file.write('{\n  "data": [');
  }

  /** Returns the size of the file so far, about. */
  add(fetched: FetchedTurn, isLast: boolean): number {
    const { conversation, turn } = fetched;
    this.turns++;
    if (turn !== undefined && turn.conversationId !== "") this.names.set(conversation, turn.conversationId);
    const before = this.#isOpen && turn?.isSelfContained !== true ? this.#preface : [];
    if (!this.#isOpen) {
      const id = JSON.stringify(sessionId(conversation, this.names));
      const comma = this.written === 0 ? "" : ",";
      this.#file.write(`${comma}\n    {\n      "session_id": ${id},\n      "payloads": [\n        `);
      this.#preface = turn === undefined ? [] : prefaceOf(turn);
    } else this.#file.write(",\n        ");
    this.#isOpen = !isLast;
    this.#file.write(this.#payload(fetched, before));
    if (isLast) {
      this.#file.write("\n      ]\n    }");
      this.written++;
    }
    return this.#file.sizeBytes;
  }

  /** A turn that cannot be sent keeps its place: a record names its turn by it. */
  #payload({ conversation, index, turn, missing }: FetchedTurn, before: readonly ChatMessage[]): string {
    let why = missing;
    if (turn !== undefined) {
      try {
        const { endpoint } = this.#bodies;
        const { body } = formatTurn(turn, before, undefined, this.#bodies);
        return payloadText(body, endpoint.bodyJson?.(body));
      } catch (error) {
        why = messageOf(error);
      }
    }
    const { count = 0, example = `turn ${index} of ${sessionId(conversation, this.names)}: ${why}` } = this.unsendable ?? {};
    this.unsendable = { count: count + 1, example };
    return "null";
  }

  end(): void {
    this.#file.write(this.written === 0 ? "]\n}" : "\n  ]\n}");
  }
}

/** What stands in front of a conversation's first question; AIPerf shows it with each of its turns, and no other history. */
function prefaceOf(turn: Turn): readonly ChatMessage[] {
  const before = messagesOf(turn).slice(0, -1);
  return before.every(({ role }) => role === "system" || role === "user") ? before : [];
}

/** A body that is no JSON, and is not shown as one, is a text. */
function payloadText(body: Uint8Array, shown: object | undefined): string {
  if (shown !== undefined) return jsonText(shown as Json, 2, 4);
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString("utf8");
  return jsonText(parsed(text), 2, 4);
}

function parsed(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return text;
  }
}
