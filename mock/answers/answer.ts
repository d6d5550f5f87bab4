/** What every answer in progress is, and what it uses of the server. */
import type { OpenAnswer } from "../http/connection.ts";
import type { MockOptions } from "../options.ts";
import type { FinishedReason, Meter } from "../pages/meter.ts";
import type { AnswerIdentity } from "../text/event-template.ts";
import type { StreamEvents } from "../text/events.ts";
import type { AnswerRequest, TextRequest } from "../text/request.ts";
import type { Failure } from "./failures.ts";
import type { AnswerPace } from "./pace.ts";
import type { Due, Schedule } from "./schedule.ts";
import type { EventWriter } from "./writer.ts";

/** A request on its way to an answer, whatever protocol it came over. */
export interface Arrival<R extends AnswerRequest = AnswerRequest> {
  readonly request: R;
  readonly recipient: Recipient<R>;
  readonly identity: AnswerIdentity;
  readonly failure: Failure | undefined;
  readonly meter: Meter;
}

/** Who gets the answer to one request. The answers decide when; how it looks is the recipient's. */
export interface Recipient<R extends AnswerRequest> {
  /** Keeps the request until its turn has come; `waiting` is told once when the client is gone before. */
  wait(waiting: OpenAnswer): void;
  /** Keeps the request open; `answer` is told once when the client is gone. */
  open(answer: OpenAnswer): void;
  /** Begins the answer: its turn has come. `isAtOnce`: it is whole, has no delays and does not fail. */
  start(host: AnswerHost, arrival: Arrival<R>, nowNs: number, isAtOnce: boolean): void;
  /** Says a failure that leaves no answer. */
  failAtOnce(failure: Failure): void;
  /** Ends whatever carries the answer, without another byte. */
  cut(): void;
}

/** An answer that waits for its due time. */
export interface ScheduledAnswer extends Due, OpenAnswer {
  visit(nowNs: number): void;
}

/** How an answer ended. completed: whole. aborted: by the client, or the server's stop. failed: on purpose. */
export type AnswerEnd = "completed" | "aborted" | "failed";

/** Counts since start. `requests = completed + aborted + failed + openStreams + waiting`. */
export interface AnswerStats {
  /** Requests for text that were accepted, streamed or not. */
  requests: number;
  completed: number;
  /** Ended by the client, or by the server's stop, before the answer was whole. */
  aborted: number;
  /** Ended by a failure on purpose before the answer was whole, or without any. */
  failed: number;
  /** Answers in progress; one that is not streamed counts while its delay runs. */
  openStreams: number;
  maxOpenStreams: number;
  /** Streamed answers in progress of which no content has been written yet. */
  prefilling: number;
  maxPrefilling: number;
  /** Requests that wait until fewer answers are in progress. */
  waiting: number;
  /** Content chunks written. */
  chunksWritten: number;
  /** Socket writes that carried content chunks; equal to `chunksWritten` unless some went together. */
  chunkWrites: number;
  /** Failures on purpose by kind or status, those included whose answer was whole all the same. */
  readonly failures: Record<string, number>;
}

/** The server, as its answers see it. */
export interface AnswerHost {
  readonly options: MockOptions;
  readonly stats: AnswerStats;
  readonly schedule: Schedule<ScheduledAnswer>;
  readonly writer: EventWriter;
  /** CLOCK_MONOTONIC in ns. */
  now(): number;
  eventsOf(request: TextRequest): StreamEvents;
  /** Due times from `startNs`, and chunk sizes, of the answer with this number. */
  paceOf(ordinal: number, startNs: number): AnswerPace;
  /** By how much later the first byte of the answer with this number comes, if it is to be slow. */
  slownessNsOf(ordinal: number): number;
  /** Accounts for the end of an answer that had begun, once, before its last bytes are written. `heldTokens`: what it held of the KV cache. */
  ended(arrival: Arrival, end: AnswerEnd, heldTokens: number, reason: FinishedReason): void;
}
