/** Reads what was in flight over each phase, requests in the order in which they were sent: two passes over the rows. */
import { inputSequenceLength } from "../../metrics/input-sequence-length.ts";
import { outputSequenceLength } from "../../metrics/output-sequence-length.ts";
import { timeToFirstToken } from "../../metrics/time-to-first-token.ts";
import { SweepLine, type SweptRequest } from "./core/sweep-line.ts";
import type { PhaseWork } from "./phase-work.ts";
import type { RowChunk } from "./store/chunk-reader.ts";
import type { RunReader } from "./store/run-reader.ts";

/** Adds the statistics to those of each work. */
export function readSweep(reader: RunReader, works: ReadonlyMap<number, PhaseWork>): void {
  const lines = new Map([...new Set(works.values())].map((work) => [work, new SweepLine()]));
  const byPhase = new Map([...works].map(([phase, work]) => [phase, lines.get(work)]));
  forEachBySend(reader, (request) => byPhase.get(request.phase)?.add(request));
  for (const [work, line] of lines) {
    for (const [tag, statistics] of line.finish()) work.statistics.set(tag, statistics);
  }
}

interface SentRequest extends SweptRequest {
  readonly phase: number;
}

const COLUMNS = ["sent_ns", "end_ns", timeToFirstToken.tag, inputSequenceLength.tag, outputSequenceLength.tag];

/**
 * Ids are given in about the order of sends: a request waits until nothing behind it can have been sent earlier. Memory is that of a
 * chunk and of what is out of order.
 */
function forEachBySend(reader: RunReader, visit: (request: SentRequest) => void): void {
  const earliest = earliestBehind(reader);
  let waiting: SentRequest[] = [];
  let index = 0;
  for (const chunk of reader.chunks(COLUMNS)) {
    addRequests(waiting, chunk);
    waiting.sort((one, other) => one.startNs - other.startNs);
    const untilNs = earliest[++index] ?? Number.POSITIVE_INFINITY;
    let sent = 0;
    for (; sent < waiting.length; sent++) {
      const request = waiting[sent] as SentRequest;
      if (request.startNs > untilNs) break;
      visit(request);
    }
    waiting = waiting.slice(sent);
  }
  waiting.forEach(visit);
}

/** For each chunk the earliest send in it and in all behind it. */
function earliestBehind(reader: RunReader): number[] {
  const earliest: number[] = [];
  for (const { columns } of reader.chunks(["sent_ns"])) {
    let least = Number.POSITIVE_INFINITY;
    const sentNs = columns[0] ?? new Float64Array();
    for (let place = 0; place < sentNs.length; place++) if ((sentNs[place] as number) < least) least = sentNs[place] as number;
    earliest.push(least);
  }
  for (let index = earliest.length - 2; index >= 0; index--) {
    earliest[index] = Math.min(earliest[index] as number, earliest[index + 1] as number);
  }
  return earliest;
}

function addRequests(waiting: SentRequest[], { phases, columns }: RowChunk): void {
  const [sentNs, endNs, ttftMs, inputTokens, outputTokens] = columns;
  for (let place = 0; place < phases.length; place++) {
    const phase = phases[place] as number;
    if (Number.isNaN(phase)) continue;
    const startNs = sentNs?.[place] as number;
    const firstMs = numberAt(ttftMs, place);
    waiting.push({
      phase,
      startNs,
      firstTokenNs: firstMs === undefined ? undefined : startNs + firstMs * 1e6,
      endNs: startNs + (endNs?.[place] as number),
      inputTokens: numberAt(inputTokens, place),
      outputTokens: numberAt(outputTokens, place),
    });
  }
}

function numberAt(column: Float64Array | undefined, place: number): number | undefined {
  const value = column?.[place];
  return value === undefined || Number.isNaN(value) ? undefined : value;
}
