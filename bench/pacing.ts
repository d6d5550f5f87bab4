/**
 * How well an open loop keeps its schedule, by when the built-in server had read each request whole:
 * `node bench/pacing.ts [seconds per rate] [seconds of the drift run]`. 100, 500, 2 000 and 5 000 requests/s, constant and Poisson, with
 * both ways of pacing. The schedule is the realised one, the due times of run.db, which the seed alone decides.
 * - error: received − due; the kernel, the server's loop and its parser are in it, the second row has the client's own part, sent − due;
 * - bare sockets: the same error where a process turns in place until each due time and then writes a ready request, which is what
 *   kernel and server take by themselves;
 * - drift: slope of the error over the run, between the medians of its first and last tenth;
 * - lost: due times without an arrival; bunched: arrivals less than a tenth of their scheduled gap after the one before, where that gap is
 *   2 ms or more (below that, timers of 1 ms send several at once by design).
 */
import { ensureBuilt, hasOption, machineLine, openRun, percentile, runAssay, sorted, startServer } from "./support/assay.ts";
import { type Figure, reportFigures } from "./support/figures.ts";
import { pacedErrors } from "./support/raw-pacing.ts";
import { stampedStreams } from "./support/stamp-errors.ts";

const seconds = Number(process.argv[2] ?? 4);
const driftSec = Number(process.argv[3] ?? 60);
const rates = [100, 500, 2000, 5000];
const driftRate = 500;
const bunchedGapNs = 2e6;
const bars: Readonly<Record<string, { readonly p50Ms: number; readonly p99Ms?: number }>> = {
  normal: { p50Ms: 0.7 },
  precise: { p50Ms: 0.1, p99Ms: 1.5 },
};

interface Arrivals {
  /** By due time. */
  readonly dueNs: Float64Array;
  readonly errorMs: Float64Array;
  readonly sentErrorMs: Float64Array;
  readonly lost: number;
}

ensureBuilt();
process.stdout.write(machineLine());
const server = await startServer(["--osl", "1", "--stamps"]);
const figures: Figure[] = [];
for (const rate of rates) figures.push(...(await bare(rate)));
for (const pacing of hasOption("--pacing") ? ["normal", "precise"] : ["normal"]) {
  for (const pattern of ["constant", "poisson"]) {
    for (const rate of rates)
      figures.push(...paced(pacing, `${pattern} ${rate}/s, ${pacing}`, await arrivals(pacing, pattern, rate, seconds)));
  }
  if (driftSec > 0) {
    const long = await arrivals(pacing, "constant", driftRate, driftSec);
    const name = `constant ${driftRate}/s over ${driftSec} s, ${pacing}`;
    figures.push({
      figure: `${name}: drift`,
      measured: Math.abs(driftPpm(long)),
      unit: "ppm",
      bar: { of: "figure", atMost: 20 },
    });
    figures.push(...wholeness(name, long));
  }
}
await server.stop();
reportFigures("pacing", figures);

/** The same of bare sockets, whose sender does nothing but turn until each due time. */
async function bare(rate: number): Promise<Figure[]> {
  const offsetsNs = Array.from({ length: rate * seconds }, (_, index) => (index * 1e9) / rate);
  const errorsMs = await pacedErrors(Number(new URL(server.url).port), offsetsNs);
  return [
    ["p50", 0.5],
    ["p99", 0.99],
  ].map(([label, share]) => ({
    figure: `constant ${rate}/s, bare sockets: error ${label}`,
    measured: percentile(errorsMs, Number(share)),
    unit: "ms",
  }));
}

async function arrivals(pacing: string, pattern: string, rate: number, forSec: number): Promise<Arrivals> {
  const load = ["--request-rate", String(rate), "--arrival-pattern", pattern, "--benchmark-duration", String(forSec)];
  const how = hasOption("--pacing") ? ["--pacing", pacing] : [];
  const request = [
    "--streaming",
    "--isl",
    "32",
    "--osl",
    "1",
    "--export-level",
    "raw",
    "--no-gpu-telemetry",
    "--random-seed",
    "11",
  ];
  const run = await runAssay(["-m", "mock-model", "-u", server.url, ...load, ...how, ...request]);
  const rows = Array.from(stampedStreams(run.folder, "profiling"), ({ dueNs, sentNs, receivedNs }) => ({
    dueNs,
    sentNs,
    receivedNs,
  }));
  rows.sort((one, other) => one.dueNs - other.dueNs);
  const db = openRun(run.folder);
  const drawn = db.prepare("SELECT drawn - unused AS n FROM phases WHERE name = 'profiling'").get() as { n: number };
  db.close();
  run.discard();
  return {
    dueNs: Float64Array.from(rows, ({ dueNs }) => dueNs),
    errorMs: Float64Array.from(rows, ({ receivedNs, dueNs }) => (receivedNs - dueNs) / 1e6),
    sentErrorMs: Float64Array.from(rows, ({ sentNs, dueNs }) => (sentNs - dueNs) / 1e6),
    lost: drawn.n - rows.length,
  };
}

function paced(pacing: string, name: string, found: Arrivals): Figure[] {
  const { p50Ms, p99Ms } = bars[pacing] ?? { p50Ms: Number.NaN };
  const errors = found.errorMs.toSorted();
  const own = percentile(found.sentErrorMs.toSorted(), 0.5);
  const achieved = (found.dueNs.length - 1) / (((found.dueNs.at(-1) ?? 0) - (found.dueNs[0] ?? 0)) / 1e9);
  return [
    {
      figure: `${name}: error p50`,
      measured: percentile(errors, 0.5),
      unit: "ms",
      beside: { what: "sent − due", value: own },
      bar: { of: "figure", atMost: p50Ms },
      note: `${found.dueNs.length} requests, ${achieved.toFixed(1)}/s scheduled`,
    },
    {
      figure: `${name}: error p99`,
      measured: percentile(errors, 0.99),
      unit: "ms",
      beside: { what: "sent − due", value: percentile(sorted(found.sentErrorMs), 0.99) },
      bar: p99Ms === undefined ? undefined : { of: "figure", atMost: p99Ms },
    },
    ...wholeness(name, found),
  ];
}

function wholeness(name: string, { dueNs, errorMs, lost }: Arrivals): Figure[] {
  let bunched = 0;
  for (let index = 1; index < dueNs.length; index++) {
    const gapNs = (dueNs[index] ?? 0) - (dueNs[index - 1] ?? 0);
    const arrivedGapNs = gapNs + ((errorMs[index] ?? 0) - (errorMs[index - 1] ?? 0)) * 1e6;
    if (gapNs >= bunchedGapNs && arrivedGapNs < gapNs / 10) bunched++;
  }
  return [
    {
      figure: `${name}: lost or bunched`,
      measured: lost + bunched,
      unit: "",
      bar: { of: "figure", atMost: 0 },
      note: `lost ${lost}`,
    },
  ];
}

/** How much faster (below 0) or slower the arrivals run than their schedule. */
function driftPpm({ dueNs, errorMs }: Arrivals): number {
  const tenth = Math.floor(dueNs.length / 10);
  const medianOf = (from: number): number => percentile(errorMs.slice(from, from + tenth).sort(), 0.5);
  const spanMs = ((dueNs.at(-1) ?? 0) - (dueNs[0] ?? 0)) / 1e6;
  return ((medianOf(dueNs.length - tenth) - medianOf(0)) / (spanMs * 0.9)) * 1e6;
}
