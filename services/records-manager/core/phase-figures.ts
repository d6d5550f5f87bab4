/** Everything about one phase that is told by its rows one at a time, except the distributions of its metrics. */
import type { RunFacts, Stalls } from "../../../metrics/metric.ts";
import { Column } from "./column.ts";
import { type Arrivals, INVALID_LATENESS_NS, type LatenessEvidence, SUSPECT_LATENESS_NS } from "./phase-rules.ts";
import { type SendFigures, SendLog, type SendLogOptions, type Spans, spansOf } from "./send-log.ts";
import type { Statistics } from "./statistics.ts";

/** What is read of every row. Times on the suite's clock, except `lastContentNs` and `endNs`: after `sentNs`. */
export interface FigureRow {
  readonly isCancelled: boolean;
  readonly errorCode: string | null;
  readonly errorPhase: string | null;
  readonly errorMessage: string | null;
  /** HTTP status; 0: none came. */
  readonly status: number;
  /** Target by its index in the spec. */
  readonly target: number;
  readonly dueNs: number | null;
  readonly issuedNs: number;
  readonly receivedNs: number;
  readonly sentNs: number;
  readonly connectNs: number | null;
  readonly workerId: string;
  readonly turn: number;
  readonly lastContentNs: number | null;
  readonly endNs: number;
  readonly coalescedChunks: number;
  readonly finishReason: string | null;
  readonly hasUsageMismatch: boolean;
  readonly isStreamIgnored: boolean;
  /** As records have it; null: not known. */
  readonly tokenSource: string | null;
  readonly requestedTokens: number | null;
  readonly outputTokens: number | null;
  /** How far the server's usage is from what was counted beside it, in percent, by kinds of tokens; all null: nothing was counted. */
  readonly usageDiffs: readonly (number | null)[];
  /** Null: not checked. */
  readonly isCorrect: boolean | null;
  /** Its check could not be made. */
  readonly isUnchecked: boolean;
}

/** Above this a server's count and our own contradict each other, in percent: AIPerf's bound. */
const MAX_USAGE_DIFF_PERCENT = 10;
/** Output may be off by the less of these two: AIPerf's bounds. */
const MAX_LENGTH_SHARE_OFF = 0.05;
const MAX_TOKENS_OFF = 50;

/** Failed and cancelled requests of one code. */
export interface ErrorGroup {
  readonly code: string;
  readonly phase: string;
  /** HTTP status of the first of them; 0: none came. */
  readonly status: number;
  readonly count: number;
  /** Message of the first of them. */
  readonly example: string;
  /** Target that the first of them was sent to, by its index in the spec. */
  readonly target: number;
}

/** Failed and cancelled requests that say the same of themselves. */
export interface ErrorDetail extends Omit<ErrorGroup, "example" | "target"> {
  readonly isCancelled: boolean;
  readonly message: string;
}

/** Succeeded requests whose answer ended for the same reason. */
export interface FinishReason {
  readonly reason: string;
  readonly count: number;
}

/** Different reasons that are kept apart; the protocols have a handful. */
const MAX_REASONS = 50;

/** Different messages that are kept apart; of what comes beyond only code and status are. */
const MAX_MESSAGES = 100;

/** How the APIs say that an answer ended at the length that was asked for: OpenAI's, Anthropic's, the Responses API's. */
const lengthReasons: ReadonlySet<string | null> = new Set(["length", "max_tokens", "max_output_tokens"]);

/** What the moments of all requests of a phase say together. */
export interface MomentFigures {
  /** Sent − due of every request with a due time; where there is a ceiling, from when its slot was free. */
  readonly lateness: Spans | undefined;
  readonly sends: SendFigures;
}

/** What the metrics of a phase need beside its rows. */
export interface RunFactsGiven {
  readonly wallOffsetNs: number;
  /** Round trip of the network, ms; undefined: nobody asked for it, or it is not known. */
  readonly networkRttMs: number | undefined;
  readonly isReplay: boolean;
  readonly stalls: Stalls | undefined;
  readonly concurrency: number | undefined;
  readonly gpuEnergy: RunFacts["gpuEnergy"];
  /** Of record metrics. */
  readonly statistics: (tag: string) => Statistics | undefined;
}

export class PhaseFigures {
  succeeded = 0;
  errored = 0;
  cancelled = 0;
  coalescedChunks = 0;
  /** Succeeded requests whose answer has a peculiarity (`AnswerCounts`). */
  lengthLimited = 0;
  usageMismatch = 0;
  streamIgnored = 0;
  /** Succeeded requests whose tokens the target did not count: we did, or nobody. */
  countedHere = 0;
  uncounted = 0;
  /** Succeeded requests that met every objective for a request; undefined: there are none to meet. */
  good: number | undefined;
  goodOutputTokens: number | undefined;
  /** Succeeded requests by what the check of their answers said; undefined: none was checked. */
  correct: number | undefined;
  incorrect: number | undefined;
  /** Those whose check could not be made. */
  unchecked = 0;
  /** Succeeded requests whose output is off what was asked for, and whose usage is off what was counted; undefined: no such thing was there. */
  lengthMismatches: number | undefined;
  usageDiscrepancies: number | undefined;
  /** First send and last end of any request; undefined while there is none. */
  firstNs: number | undefined;
  lastNs: number | undefined;
  readonly #options: SendLogOptions;
  /** Until `moments` is asked for. */
  #gathered: { readonly sends: SendLog; readonly lateness: Column } | undefined;
  #moments: MomentFigures | undefined;
  readonly #latenessCounts = { count: 0, overSuspect: 0, overInvalid: 0 };
  readonly #finishReasons = new Map<string, number>();
  readonly #errors = new Map<string, { -readonly [K in keyof Omit<ErrorGroup, "code">]: ErrorGroup[K] }>();
  readonly #details = new Map<string, ErrorDetail & { count: number }>();
  // Of succeeded requests alone, as AIPerf counts the duration of a benchmark.
  #firstSentNs = Number.POSITIVE_INFINITY;
  #lastContentNs = Number.NEGATIVE_INFINITY;
  readonly #due = { firstNs: Number.POSITIVE_INFINITY, lastNs: Number.NEGATIVE_INFINITY };
  readonly #sent = { firstNs: Number.POSITIVE_INFINITY, lastNs: Number.NEGATIVE_INFINITY };

  constructor(options: SendLogOptions) {
    this.#options = options;
    this.#gathered = {
      sends: new SendLog(options),
      lateness: new Column(options.fillsSlots ? undefined : options.expectedRequests),
    };
  }

  get completed(): number {
    return this.succeeded + this.errored + this.cancelled;
  }

  /** Not after `moments`. */
  add(row: FigureRow): void {
    this.firstNs = Math.min(this.firstNs ?? row.sentNs, row.sentNs);
    this.lastNs = Math.max(this.lastNs ?? 0, row.sentNs + row.endNs);
    this.#addArrival(row);
    this.#gathered?.sends.add(row);
    if (row.errorCode !== null || row.isCancelled) this.#addFailure(row);
    else this.#addSuccess(row);
  }

  /** Counts a request that succeeded and met every objective; null: its tokens are not known. */
  addGood(outputTokens: number | null): void {
    this.good = (this.good ?? 0) + 1;
    if (outputTokens !== null) this.goodOutputTokens = (this.goodOutputTokens ?? 0) + outputTokens;
  }

  /** How answers ended, in the targets' words, most frequent first; empty: the target did not say. */
  finishReasons(): FinishReason[] {
    return [...this.#finishReasons].map(([reason, count]) => ({ reason, count })).sort((one, other) => other.count - one.count);
  }

  /** Most frequent first. */
  errors(): ErrorGroup[] {
    return [...this.#errors].map(([code, group]) => ({ code, ...group })).sort((a, b) => b.count - a.count);
  }

  /** By code, status and message, most frequent first. Of more than 100 different messages the rest goes by code and status. */
  errorDetails(): ErrorDetail[] {
    return [...this.#details.values()].sort((a, b) => b.count - a.count);
  }

  errorCount(code: string): number {
    return this.#errors.get(code)?.count ?? 0;
  }

  /** At the first call the moments themselves, most of what a phase takes of memory, are let go of: no row may follow. */
  moments(): MomentFigures {
    this.#moments ??= this.#summed();
    this.#gathered = undefined;
    return this.#moments;
  }

  /** What the lateness says to the verdict on the client. */
  latenessEvidence({ count, p99Ns }: Spans): LatenessEvidence {
    const { overSuspect, overInvalid } = this.#latenessCounts;
    return { count, p99Ns, overSuspect, overInvalid };
  }

  /** Undefined where nothing had a due time, or a ceiling may rightly have held requests back. */
  arrivals(): Arrivals | undefined {
    const { count } = this.#latenessCounts;
    if (count === 0 || this.#options.hasCeiling) return undefined;
    return { count, scheduledNs: this.#due.lastNs - this.#due.firstNs, sentNs: this.#sent.lastNs - this.#sent.firstNs };
  }

  /** What the metrics of the phase are made of. */
  runFacts(given: RunFactsGiven): RunFacts {
    const { statistics } = given;
    const hasSuccess = this.succeeded > 0;
    return {
      requestCount: this.succeeded,
      errorRequestCount: this.errored + this.cancelled,
      goodRequestCount: this.good,
      goodOutputTokens: this.goodOutputTokens,
      firstSentNs: hasSuccess ? this.#firstSentNs : undefined,
      lastContentNs: hasSuccess ? this.#lastContentNs : undefined,
      usageDiscrepancies: this.usageDiscrepancies,
      lengthMismatches: this.lengthMismatches,
      correctRequestCount: this.correct,
      incorrectRequestCount: this.incorrect,
      errorCount: (code) => this.errorCount(code),
      sum: (tag) => statistics(tag)?.sum,
      ...given,
    };
  }

  #summed(): MomentFigures {
    const { sends, lateness } = this.#gathered ?? { sends: new SendLog(this.#options), lateness: new Column() };
    return { lateness: spansOf(lateness.values()), sends: sends.figures() };
  }

  #addArrival({ dueNs, issuedNs, sentNs }: FigureRow): void {
    if (dueNs === null) return;
    const latenessNs = sentNs - (this.#options.hasCeiling ? Math.max(dueNs, issuedNs) : dueNs);
    this.#gathered?.lateness.push(latenessNs);
    this.#latenessCounts.count++;
    if (latenessNs > SUSPECT_LATENESS_NS) this.#latenessCounts.overSuspect++;
    if (latenessNs > INVALID_LATENESS_NS) this.#latenessCounts.overInvalid++;
    widen(this.#due, dueNs);
    widen(this.#sent, sentNs);
  }

  #addFailure(row: FigureRow): void {
    if (row.isCancelled) this.cancelled++;
    else this.errored++;
    const code = row.errorCode ?? "cancelled";
    const group = this.#errors.get(code);
    if (group !== undefined) {
      group.count++;
    } else {
      const { status, target, errorPhase, errorMessage } = row;
      this.#errors.set(code, { phase: errorPhase ?? "", status, count: 1, example: errorMessage ?? "", target });
    }
    this.#addDetail(code, row);
  }

  #addDetail(code: string, { isCancelled, status, errorPhase, errorMessage }: FigureRow): void {
    const key = JSON.stringify([code, isCancelled, status]);
    const message = errorMessage ?? "";
    const ownKey = `${key}${message}`;
    const isKept = this.#details.has(ownKey) || this.#details.size < MAX_MESSAGES;
    const usedKey = isKept ? ownKey : key;
    const detail = this.#details.get(usedKey);
    if (detail !== undefined) detail.count++;
    else {
      const shown = isKept ? message : "other messages";
      this.#details.set(usedKey, { code, phase: errorPhase ?? "", status, count: 1, isCancelled, message: shown });
    }
  }

  #addSuccess(row: FigureRow): void {
    this.succeeded++;
    this.coalescedChunks += row.coalescedChunks;
    const reason = row.finishReason ?? "";
    const isKept = this.#finishReasons.has(reason) || this.#finishReasons.size < MAX_REASONS;
    const kept = isKept ? reason : "other";
    this.#finishReasons.set(kept, (this.#finishReasons.get(kept) ?? 0) + 1);
    if (lengthReasons.has(row.finishReason)) this.lengthLimited++;
    if (row.hasUsageMismatch) this.usageMismatch++;
    if (row.tokenSource === "counted") this.countedHere++;
    else if (row.tokenSource === "none") this.uncounted++;
    if (row.isStreamIgnored) this.streamIgnored++;
    this.#addCounts(row);
    this.#addCheck(row);
    this.#firstSentNs = Math.min(this.#firstSentNs, row.sentNs);
    this.#lastContentNs = Math.max(this.#lastContentNs, row.sentNs + (row.lastContentNs ?? row.endNs));
  }

  #addCheck({ isCorrect, isUnchecked }: FigureRow): void {
    if (isUnchecked) this.unchecked++;
    if (isCorrect === null) return;
    this.correct = (this.correct ?? 0) + (isCorrect ? 1 : 0);
    this.incorrect = (this.incorrect ?? 0) + (isCorrect ? 0 : 1);
  }

  #addCounts({ requestedTokens, outputTokens, usageDiffs }: FigureRow): void {
    if (requestedTokens !== null && requestedTokens > 0 && outputTokens !== null) {
      const most = Math.min(MAX_LENGTH_SHARE_OFF * requestedTokens, MAX_TOKENS_OFF);
      this.lengthMismatches = (this.lengthMismatches ?? 0) + (Math.abs(outputTokens - requestedTokens) > most ? 1 : 0);
    }
    let hasDiff = false;
    let isOff = false;
    for (const diff of usageDiffs) {
      if (diff === null) continue;
      hasDiff = true;
      isOff ||= diff > MAX_USAGE_DIFF_PERCENT;
    }
    if (hasDiff) this.usageDiscrepancies = (this.usageDiscrepancies ?? 0) + (isOff ? 1 : 0);
  }
}

function widen(span: { firstNs: number; lastNs: number }, ns: number): void {
  if (ns < span.firstNs) span.firstNs = ns;
  if (ns > span.lastNs) span.lastNs = ns;
}
