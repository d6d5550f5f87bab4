/** Measures this machine's floor with one worker's path against the built-in server, in about 20 s. */
import { hostname } from "node:os";
import { monotonicNs } from "../../common/clock.ts";
import type { Floor } from "../../common/floor.ts";
import { version } from "../../common/version.ts";
import { spreadOf } from "../core/spread.ts";
import { type StampedAnswer, stampErrors } from "../core/stamp-errors.ts";
import { measureClock, measureTimers, watchWallClock } from "./clock.ts";
import { closedLoop } from "./closed-loop.ts";
import { measureConnections } from "./connections.ts";
import { readCores, readLimits } from "./host.ts";
import { measurePacing } from "./pacing.ts";

/** Built-in servers in processes of their own. */
export interface FloorServers {
  /** Answers at once. */
  readonly quickUrl: string;
  /** Paces its chunks, as `pacedArguments` say, and stamps them. */
  readonly pacedUrl: string;
}

export interface MeasureOptions {
  /** Starts them; asked for when the host has been looked at. */
  readonly servers: () => Promise<FloorServers>;
  /** Share of the usual time that each part takes: figures of less than all of it are for tests. Default 1. */
  readonly share?: number;
  /** Says what is measured next. */
  readonly onStep: (what: string) => void;
  readonly signal: AbortSignal;
}

const ratePerSec = 500;
const streams = 50;
const answerTokens = 60;
const tokenMs = 10;
/** Options of the server that stamps. */
export const pacedArguments: readonly string[] = ["--ttft", "20", "--itl", String(tokenMs), "--jitter", "0.2", "--stamps"];
const concurrency = 64;
const wantedConnections = 2000;
/** Descriptors that a process has open for other things. */
const spareDescriptors = 100;

/** Rejects with what cannot be measured; with the signal's reason when it aborts. */
export async function measureFloor({ servers, share = 1, onStep, signal }: MeasureOptions): Promise<Floor> {
  const startNs = monotonicNs();
  onStep("the machine");
  const cores = await readCores(signal);
  const limits = readLimits();
  const wallDrift = watchWallClock();
  const clock = measureClock();
  const timers = await measureTimers(0.5 * share, signal);
  const { quickUrl, pacedUrl } = await servers();
  const quick = { url: quickUrl, concurrency, signal };
  onStep("requests per second");
  const requestsPerSec = await closedLoop({
    ...quick,
    ...{ isStreaming: false, outputTokens: 1, warmUpSec: 1.5 * share, seconds: 2 * share },
  });
  onStep("chunks per second");
  let chunks = 0;
  const answersPerSec = await closedLoop({
    ...quick,
    ...{ isStreaming: true, outputTokens: 50, warmUpSec: share, seconds: 2 * share },
    onRecord: ({ payload }) => {
      if (chunks === 0) chunks = Buffer.from(payload).toString("latin1").split("\n\n").length - 1;
    },
  });
  const paced = { url: quickUrl, ratePerSec, seconds: 3 * share, signal };
  onStep("pacing");
  const normal = await measurePacing({ ...paced, isPrecise: false });
  onStep("precise pacing");
  const precise = await measurePacing({ ...paced, isPrecise: true });
  onStep("stamps");
  const stamps = await measureStamps(pacedUrl, share, signal);
  onStep("connections");
  const room = limits.descriptors.soft === 0 ? Number.POSITIVE_INFINITY : limits.descriptors.soft - spareDescriptors;
  const tried = Math.max(1, Math.min(wantedConnections, room));
  const connections = await measureConnections({ url: pacedUrl, wanted: tried, seconds: share, signal });
  return {
    host: hostname(),
    measuredWallNs: Date.now() * 1e6,
    tookSec: (monotonicNs() - startNs) / 1e9,
    nodeVersion: process.version,
    assayVersion: version,
    pacing: { ratePerSec, normal, precise },
    stamps,
    requestsPerSec,
    chunksPerSec: answersPerSec * chunks,
    connections: { ...connections, tried },
    ...limits,
    clock: { ...clock, wallDriftPpm: wallDrift() },
    timers,
    cores,
  };
}

/** At about 5 000 chunks a second, those of the first second not counted. */
async function measureStamps(url: string, share: number, signal: AbortSignal): Promise<Floor["stamps"]> {
  const answers: StampedAnswer[] = [];
  const seconds = 3 * share;
  await closedLoop({
    ...{
      url,
      concurrency: streams,
      isStreaming: true,
      outputTokens: Math.ceil(answerTokens * share),
      warmUpSec: share,
      seconds,
      signal,
    },
    onRecord: ({ sentNs, stamps, payload }) => {
      answers.push({ sentNs, stamps: stamps.slice(), payload: Buffer.from(payload) });
    },
  });
  const errors = Float64Array.from(answers.flatMap(stampErrors));
  return { ...spreadOf(errors), chunksPerSec: errors.length / seconds };
}
