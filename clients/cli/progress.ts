/** How a run gets on, on stderr: one line drawn again and again on a terminal, elsewhere a line now and then. */
import type { PhaseSpec } from "../../gen/assay/common/v1/run_spec_pb.js";
import { type PhaseProgress, type Run, RunState } from "../../gen/assay/controller/v1/controller_pb.js";
import { clip, whole } from "../../report/text.ts";
import type { LiveLoad } from "./live-samples.ts";

export interface ProgressOptions {
  readonly write: (text: string) => void;
  /** One line is drawn again and again. */
  readonly isTty: boolean;
  readonly width: () => number;
  /** Monotonic, in ms. */
  readonly now: () => number;
}

/** Kinds of events that every run has: they say no more than its progress does. */
export const stepEvents: ReadonlySet<string> = new Set([
  "state",
  "phase_started",
  "sending_complete",
  "returning_complete",
  "records_complete",
]);

/** Elsewhere than on a terminal: between two lines of the same phase. */
const lineIntervalMs = 5000;
/** The rate is that of the last seconds. */
const rateWindowMs = 3000;

/** In ms; absent: there are none yet, or they do not apply. */
export interface LiveFigures extends LiveLoad {
  readonly ttftP50?: number | undefined;
  /** Sent − due. */
  readonly latenessP50?: number | undefined;
  readonly latenessP99?: number | undefined;
}

export class Progress {
  readonly #options: ProgressOptions;
  #samples: { readonly atMs: number; readonly sent: number }[] = [];
  #stage = "";
  #stageSinceMs = 0;
  #writtenMs = 0;
  /** How much of the phase is done, 0 to 1. */
  #share = 0;
  #live: LiveFigures = {};
  #isDrawn = false;

  constructor(options: ProgressOptions) {
    this.#options = options;
  }

  /** Shows where the run stands. */
  update(run: Run): void {
    const now = this.#options.now();
    const stage = `${RunState[run.state]} ${run.phase}`;
    const isNew = stage !== this.#stage;
    const phase = phaseThatRuns(run);
    if (isNew) {
      this.#stage = stage;
      this.#stageSinceMs = now;
    }
    this.#sample(now, phase);
    const line = this.#lineOf(run, phase, now);
    if (this.#options.isTty) {
      const width = this.#options.width() - 1;
      const hasBar = phase !== undefined && width >= leastWidthOfBar;
      // While answers still come, it stays where sending has ended.
      if (phase !== undefined && run.state === RunState.RUNNING) this.#share = shareOf(phase, now - this.#stageSinceMs);
      const bar = hasBar ? barOf(this.#share) : "";
      this.#options.write(`\r\x1b[2K${clip(`${bar}${line}`, width)}`);
      this.#isDrawn = true;
    } else if (isNew || now - this.#writtenMs >= lineIntervalMs) {
      this.#options.write(`${line}\n`);
      this.#writtenMs = now;
    }
  }

  /** The latest figures of the phase that runs; those that are absent stay as they are. */
  setLive(figures: LiveFigures): void {
    this.#live = { ...this.#live, ...figures };
  }

  /** Takes the drawn line away, so that something else can be written. */
  clear(): void {
    if (this.#isDrawn) this.#options.write("\r\x1b[2K");
    this.#isDrawn = false;
  }

  #sample(now: number, phase: PhaseProgress | undefined): void {
    const sent = Number(phase?.sent ?? 0n);
    if (phase === undefined || sent < (this.#samples.at(-1)?.sent ?? 0)) this.#samples = [];
    if (phase === undefined) return;
    this.#samples.push({ atMs: now, sent });
    // One sample older than the window stays: the rate is counted from it.
    while ((this.#samples[1]?.atMs ?? now) < now - rateWindowMs) this.#samples.shift();
  }

  #lineOf(run: Run, phase: PhaseProgress | undefined, now: number): string {
    if (phase === undefined) return stageText(run);
    const seconds = (now - this.#stageSinceMs) / 1000;
    const parts = [`${phase.name}${run.state === RunState.DRAINING ? " (draining)" : phase.isPaused ? " (paused)" : ""}`];
    parts.push(phase.asked > 0n ? `${whole(phase.sent)}/${whole(phase.asked)} requests` : `${whole(phase.sent)} requests`);
    const rate = this.#rate();
    const asked = phase.askedRatePerSec;
    if (rate !== undefined) parts.push(`${rate.toFixed(1)}${asked === undefined ? "" : ` of ${rateText(asked)}`} req/s`);
    parts.push(`${whole(inFlightOf(run))} in flight`);
    const { ttftP50, latenessP50, latenessP99, powerW, gpuPercent, waiting } = this.#live;
    if (ttftP50 !== undefined) parts.push(`TTFT p50 ${ttftP50.toFixed(1)} ms`);
    if (latenessP50 !== undefined && latenessP99 !== undefined) {
      const what = isHeldBack(run) ? "held back" : "late";
      parts.push(`${what} p50 ${latenessP50.toFixed(1)} p99 ${latenessP99.toFixed(1)} ms`);
    }
    if (waiting !== undefined) parts.push(`${whole(BigInt(Math.round(waiting)))} queued`);
    const gpu = [
      ...(powerW === undefined ? [] : [`${powerW.toFixed(0)} W`]),
      ...(gpuPercent === undefined ? [] : [`${gpuPercent.toFixed(0)} %`]),
    ];
    if (gpu.length > 0) parts.push(`GPU ${gpu.join(" ")}`);
    // Answers that come after the duration take a time of their own.
    const hasEnd = phase.durationSec > 0 && run.state !== RunState.DRAINING;
    parts.push(hasEnd ? `${seconds.toFixed(0)}/${phase.durationSec} s` : `${seconds.toFixed(0)} s`);
    return parts.join("  ");
  }

  #rate(): number | undefined {
    const first = this.#samples[0];
    const last = this.#samples.at(-1);
    if (first === undefined || last === undefined || last.atMs <= first.atMs) return undefined;
    return ((last.sent - first.sent) * 1000) / (last.atMs - first.atMs);
  }
}

const barWidth = 20;
/** Narrower terminals have room for the words alone. */
const leastWidthOfBar = 79;
/** Blocks of an eighth of a column each. */
const eighths = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"] as const;

/** How much of the phase is done, 0 to 1, by what ends it first. */
function shareOf({ asked, sent, durationSec }: PhaseProgress, sinceMs: number): number {
  const byCount = asked > 0n ? Number(sent) / Number(asked) : 0;
  const byTime = durationSec > 0 ? sinceMs / 1000 / durationSec : 0;
  return Math.min(1, Math.max(byCount, byTime));
}

function barOf(share: number): string {
  const steps = Math.floor(share * barWidth * 8);
  const filled = `${"█".repeat(Math.floor(steps / 8))}${eighths[steps % 8]}`;
  return `▕${filled.padEnd(barWidth)}▏${(share * 100).toFixed(0).padStart(3)} %  `;
}

/** The phase by its name, while credits are issued or come back. */
export function phaseThatRuns(run: Run): PhaseProgress | undefined {
  if (run.state !== RunState.RUNNING && run.state !== RunState.DRAINING) return undefined;
  return run.phases.find(({ name }) => name === run.phase);
}

/** Requests in flight: in a closed loop credits that wait at workers for a slot are outstanding, too. */
export function inFlightOf(run: Run): bigint {
  const running = phaseThatRuns(run);
  const outstanding = running?.outstanding ?? 0n;
  const load = run.spec?.phases.find(({ name }) => name === run.phase)?.load;
  const limit = load?.case === "concurrency" ? BigInt(running?.concurrency ?? load.value.limit) : outstanding;
  return outstanding < limit ? outstanding : limit;
}

/** As somebody would write it; a rate that changes has no more digits than say something. */
function rateText(perSec: number): string {
  return `${Number(perSec.toPrecision(4))}`;
}

/** Whether requests may wait for a slot, or for the first token of others: what they are late then is not the client's doing. */
function isHeldBack({ spec, phase: name }: Run): boolean {
  const phase = spec?.phases.find((candidate) => candidate.name === name);
  return phase?.prefillConcurrency !== undefined || (phase !== undefined && hasCeiling(phase.load));
}

function hasCeiling(load: PhaseSpec["load"]): boolean {
  switch (load.case) {
    case "rate":
    case "schedule":
    case "userCentric":
      return load.value.concurrencyCeiling !== undefined;
    default:
      return false;
  }
}

function stageText(run: Run): string {
  switch (run.state) {
    case RunState.CREATED:
      return "waiting for the suite";
    case RunState.CONFIGURING:
      return "making ready";
    case RunState.READY:
      return "ready";
    case RunState.PROCESSING:
      return "making the results";
    case RunState.COMPLETED:
      return "completed";
    case RunState.CANCELLED:
      return "cancelled";
    case RunState.FAILED:
      // Why is said once, at the very end.
      return "failed";
    default:
      return "running";
  }
}
