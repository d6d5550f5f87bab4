/**
 * Chat answers in progress. A streamed answer writes one content chunk per visit of the schedule (all that are due
 * together with `coalesce`); a whole one waits until its last token would have been due, then goes out at once.
 */
import { randomStream } from "../services/common/random.ts";
import {
  type AnswerIdentity,
  type ChatRequest,
  completionBody,
  copyEvent,
  type EventTemplate,
  firstWordOf,
  patchStamp,
  type StreamTemplates,
  streamEnd,
  streamTemplates,
  usageEvent,
} from "./chat.ts";
import type { Connection, OpenAnswer } from "./connection.ts";
import type { MockOptions } from "./options.ts";
import { ChunkTimes, type Due, Schedule } from "./streams.ts";

/** Counts since start. `requests = completed + aborted + openStreams`. */
export interface AnswerStats {
  /** Chat requests accepted, streamed or not. */
  requests: number;
  completed: number;
  /** Ended by the client, or by the server's stop, before the answer was whole. */
  aborted: number;
  /** Answers in progress; one that is not streamed counts while its delay runs. */
  openStreams: number;
  maxOpenStreams: number;
  /** Content chunks written. */
  chunksWritten: number;
  /** Socket writes that carried content chunks; equal to `chunksWritten` unless `coalesce` merged some. */
  chunkWrites: number;
}

export interface AnswersDeps {
  readonly options: MockOptions;
  /** CLOCK_MONOTONIC in ns. */
  readonly now: () => number;
  /** Unix time in seconds. */
  readonly createdSec: () => number;
}

const streamHeaders = "cache-control: no-cache\r\ntransfer-encoding: chunked\r\n";
const jsonType = "application/json";
const maxCachedModels = 64;
const maxCoalescedBytes = 16 * 1024;

/** Takes accepted chat requests and answers them on their connections, all on one schedule. */
export class Answers {
  readonly options: MockOptions;
  readonly stats: AnswerStats = {
    requests: 0,
    completed: 0,
    aborted: 0,
    openStreams: 0,
    maxOpenStreams: 0,
    chunksWritten: 0,
    chunkWrites: 0,
  };
  readonly schedule: Schedule<OpenChat>;
  readonly writer: EventWriter;
  readonly #deps: AnswersDeps;
  readonly #templates = new Map<string, StreamTemplates>();
  #busyNs = 0;
  #settledNs: number;

  constructor(deps: AnswersDeps) {
    this.options = deps.options;
    this.#deps = deps;
    this.#settledNs = deps.now();
    this.writer = new EventWriter(deps.now);
    this.schedule = new Schedule({ now: deps.now, precise: deps.options.precise, visit: (chat, nowNs) => chat.visit(nowNs) });
  }

  begin(request: ChatRequest, connection: Connection): void {
    const nowNs = this.#deps.now();
    const { stats, options } = this;
    const identity = { ordinal: stats.requests++, createdSec: this.#deps.createdSec(), receivedNs: nowNs };
    this.settle(nowNs);
    stats.openStreams++;
    stats.maxOpenStreams = Math.max(stats.maxOpenStreams, stats.openStreams);
    const isInstant = options.ttftMs === 0 && (options.itlMs === 0 || request.tokens === 1);
    if (!request.isStreaming && isInstant) this.sendWhole(request, identity, connection, nowNs);
    else if (request.isStreaming) new StreamedChat(this, request, identity, connection, this.#timesFrom(nowNs, identity));
    else new WholeChat(this, request, identity, connection, this.#timesFrom(nowNs, identity));
  }

  sendWhole(request: ChatRequest, identity: AnswerIdentity, connection: Connection, nowNs: number): void {
    this.ended("completed", nowNs);
    const sentNs = this.options.stamps ? this.#deps.now() : undefined;
    connection.answer(200, jsonType, completionBody(request, identity, sentNs));
  }

  ended(how: "completed" | "aborted", nowNs: number): void {
    this.settle(nowNs);
    this.stats.openStreams--;
    this.stats[how]++;
  }

  /** The integral of open answers over time, in answer-nanoseconds, up to `nowNs`. */
  settle(nowNs: number): number {
    this.#busyNs += this.stats.openStreams * (nowNs - this.#settledNs);
    this.#settledNs = nowNs;
    return this.#busyNs;
  }

  now(): number {
    return this.#deps.now();
  }

  templatesOf(model: string): StreamTemplates {
    const known = this.#templates.get(model);
    if (known !== undefined) return known;
    const oldest = this.#templates.keys().next();
    if (this.#templates.size >= maxCachedModels && !oldest.done) this.#templates.delete(oldest.value);
    const templates = streamTemplates(model, this.options.stamps);
    this.#templates.set(model, templates);
    return templates;
  }

  // A generator of its own per answer: its jitter depends on the seed and its number, not on who else is served.
  #timesFrom(startNs: number, { ordinal }: AnswerIdentity): ChunkTimes {
    const { ttftMs, itlMs, jitter, seed } = this.options;
    const random = jitter === 0 ? () => 0 : randomStream(seed, "mock", ordinal).next;
    return new ChunkTimes({ startNs, ttftNs: ttftMs * 1e6, itlNs: itlMs * 1e6, jitter, random });
  }
}

/** An answer that waits for its due time. */
interface OpenChat extends Due {
  visit(nowNs: number): void;
}

class StreamedChat implements OpenChat, OpenAnswer {
  dueNs: number;
  heapIndex = -1;
  readonly #answers: Answers;
  readonly #request: ChatRequest;
  readonly #identity: AnswerIdentity;
  readonly #connection: Connection;
  readonly #times: ChunkTimes;
  readonly #templates: StreamTemplates;
  #head: string;
  #word: number;
  #sent = 0;
  #isGone = false;

  constructor(answers: Answers, request: ChatRequest, identity: AnswerIdentity, connection: Connection, times: ChunkTimes) {
    this.#answers = answers;
    this.#request = request;
    this.#identity = identity;
    this.#connection = connection;
    this.#times = times;
    this.#templates = answers.templatesOf(request.model);
    this.#word = firstWordOf(request);
    this.#head = connection.head(200, "text/event-stream; charset=utf-8", streamHeaders);
    connection.open(this);
    this.dueNs = times.next();
    if (answers.options.ttftMs > 0) {
      // The head goes out at once, as servers do that start to answer before the first token is there.
      connection.write(this.#head);
      this.#head = "";
    }
    answers.schedule.add(this);
  }

  visit(nowNs: number): void {
    if (this.#isGone) return;
    if (this.#connection.unsentBytes > 0) {
      this.#connection.waitForFlush();
      return;
    }
    const { writer, stats, options, schedule } = this.#answers;
    writer.text(this.#head);
    this.#head = "";
    const sentBefore = this.#sent;
    do this.#addChunk();
    while (options.coalesce && !this.#isWhole && this.dueNs <= nowNs && writer.size < maxCoalescedBytes);
    if (this.#isWhole) this.#addTail();
    stats.chunksWritten += this.#sent - sentBefore;
    stats.chunkWrites++;
    writer.send(this.#connection);
    if (!this.#isWhole) {
      schedule.add(this);
      return;
    }
    this.#answers.ended("completed", nowNs);
    this.#connection.finish();
  }

  flushed(): void {
    this.#answers.schedule.add(this);
  }

  aborted(): void {
    this.#isGone = true;
    this.#answers.schedule.remove(this);
    this.#answers.ended("aborted", this.#answers.now());
  }

  get #isWhole(): boolean {
    return this.#sent === this.#request.tokens;
  }

  #addChunk(): void {
    const { writer } = this.#answers;
    const { role, words } = this.#templates;
    if (this.#sent === 0) writer.event(role, this.#identity);
    const event = words[this.#word];
    if (event !== undefined) writer.event(event, this.#identity);
    this.#word = this.#word + 1 === words.length ? 0 : this.#word + 1;
    this.#sent++;
    if (!this.#isWhole) this.dueNs = this.#times.next();
  }

  #addTail(): void {
    const { writer, options } = this.#answers;
    const { finish, modelJson } = this.#templates;
    writer.event(finish[this.#request.finishReason], this.#identity);
    if (this.#request.hasUsage) {
      writer.event(usageEvent(modelJson, options.stamps, this.#request, this.#identity.receivedNs), this.#identity);
    }
    writer.bytes(streamEnd);
  }
}

class WholeChat implements OpenChat, OpenAnswer {
  readonly dueNs: number;
  heapIndex = -1;
  readonly #answers: Answers;
  readonly #request: ChatRequest;
  readonly #identity: AnswerIdentity;
  readonly #connection: Connection;
  #isGone = false;

  constructor(answers: Answers, request: ChatRequest, identity: AnswerIdentity, connection: Connection, times: ChunkTimes) {
    this.#answers = answers;
    this.#request = request;
    this.#identity = identity;
    this.#connection = connection;
    this.dueNs = times.next() + (request.tokens - 1) * answers.options.itlMs * 1e6;
    connection.open(this);
    answers.schedule.add(this);
  }

  visit(nowNs: number): void {
    if (!this.#isGone) this.#answers.sendWhole(this.#request, this.#identity, this.#connection, nowNs);
  }

  flushed(): void {}

  aborted(): void {
    this.#isGone = true;
    this.#answers.schedule.remove(this);
    this.#answers.ended("aborted", this.#answers.now());
  }
}

/**
 * Assembles the events of one write in a buffer that all answers share, and stamps them right before the write.
 * The buffer is used again only if the kernel took all of it; otherwise the socket keeps it and a new one is made.
 */
class EventWriter {
  readonly #now: () => number;
  #buffer = Buffer.allocUnsafeSlow(4096);
  #size = 0;
  #stampsAt: number[] = [];

  constructor(now: () => number) {
    this.#now = now;
  }

  get size(): number {
    return this.#size;
  }

  text(ascii: string): void {
    if (ascii.length === 0) return;
    this.#makeRoom(ascii.length);
    this.#size += this.#buffer.write(ascii, this.#size, "latin1");
  }

  bytes(bytes: Buffer): void {
    this.#makeRoom(bytes.length);
    this.#buffer.set(bytes, this.#size);
    this.#size += bytes.length;
  }

  event(template: EventTemplate, identity: AnswerIdentity): void {
    this.#makeRoom(template.bytes.length);
    copyEvent(template, identity, this.#buffer, this.#size);
    if (template.stampAt >= 0) this.#stampsAt.push(this.#size + template.stampAt);
    this.#size += template.bytes.length;
  }

  send(connection: Connection): void {
    if (this.#stampsAt.length > 0) {
      const sentNs = this.#now();
      for (const at of this.#stampsAt) patchStamp(this.#buffer, at, sentNs);
      this.#stampsAt.length = 0;
    }
    connection.write(this.#buffer.subarray(0, this.#size));
    this.#size = 0;
    if (connection.unsentBytes > 0) this.#buffer = Buffer.allocUnsafeSlow(4096);
  }

  #makeRoom(bytes: number): void {
    if (this.#size + bytes <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(2 * this.#buffer.length, this.#size + bytes));
    larger.set(this.#buffer.subarray(0, this.#size));
    this.#buffer = larger;
  }
}
