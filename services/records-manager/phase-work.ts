/** What is gathered of each phase while a run's rows are read. */
import { type AskedLoad, askedLoad } from "./core/asked-load.ts";
import type { Intervals } from "./core/confidence.ts";
import { GapDistribution } from "./core/gap-distribution.ts";
import { steadyStateNote, type WorkloadNote } from "./core/notes.ts";
import { PhaseFigures } from "./core/phase-figures.ts";
import { LOAD_CHANGED_EVENT } from "./core/rows.ts";
import type { Statistics } from "./core/statistics.ts";
import { phaseBins, type SteadyWindow, steadyWindow } from "./core/steady-state.ts";
import type { GpuUse } from "./core/telemetry/gpu-use.ts";
import type { Window } from "./core/telemetry/points.ts";
import type { SaidSeries } from "./core/telemetry/server-said.ts";
import type { RunReader } from "./store/run-reader.ts";
import type { PhaseRow } from "./store/run-rows.ts";

/** What is gathered of one phase, or of several that are taken together. */
export interface PhaseWork {
  readonly rows: readonly PhaseRow[];
  readonly head: PhaseRow;
  readonly figures: PhaseFigures;
  readonly statistics: Map<string, Statistics>;
  /** Percentiles that no table shows and an objective asks for: by tag, then by percentile. */
  readonly further: Map<string, ReadonlyMap<number, number>>;
  /** By tag; only where they were asked for. */
  readonly intervals: Map<string, Intervals>;
  readonly notes: WorkloadNote[];
  /** Between the chunks of succeeded streams, and the longest one of each. */
  readonly gaps: GapDistribution;
  longestGaps: GapDistribution | undefined;
  /** What the spec asked for, as long as nobody changed it. */
  readonly asked: AskedLoad;
  /** Those that were sampled while it went on. */
  gpus: readonly GpuUse[];
  /** What the pages of servers said meanwhile. */
  said: readonly SaidSeries[];
  /** Credits of the first requests whose answers are wrong, at most `MOST_WRONG`. */
  readonly wrong: number[];
}

export const MOST_WRONG = 5;

/** Room for so many requests is taken at once where a file may have them; for more it grows. */
export const MOST_EXPECTED = 1 << 24;

/** By phase index; phases that are taken together share one. */
export function worksOf(reader: RunReader, phases: readonly PhaseRow[], isMerged: boolean): Map<number, PhaseWork> {
  const { spec } = reader.run();
  const expectedRequests = Math.min(reader.rowBound(), MOST_EXPECTED);
  const changes = reader.eventTimes(LOAD_CHANGED_EVENT);
  const groups = isMerged ? [...Map.groupBy(phases, ({ kind }) => kind).values()] : phases.map((phase) => [phase]);
  return new Map(
    groups.flatMap((rows) => {
      const work = newWork(rows, { spec, changes, expectedRequests });
      return work === undefined ? [] : rows.map(({ phase }) => [phase, work] as const);
    }),
  );
}

/** From begin to end of each phase; one that goes on ends with the last of its requests. */
export function lifetimesOf({ rows, figures }: PhaseWork): Window[] {
  return rows.flatMap(({ startedNs, endedNs }) => {
    return startedNs === undefined ? [] : [{ startNs: startedNs, endNs: endedNs ?? figures.lastNs ?? startedNs }];
  });
}

interface RunGiven {
  readonly spec: string;
  /** When the load was changed by hand, suite time. */
  readonly changes: readonly number[];
  readonly expectedRequests: number;
}

function newWork(rows: readonly PhaseRow[], { spec, changes, expectedRequests }: RunGiven): PhaseWork | undefined {
  const head = rows[0];
  if (head === undefined) return undefined;
  const hasCeiling = rows.some((row) => row.hasCeiling);
  const isChanged = rows.some((row) => changes.some((ns) => isDuring(row, ns)));
  const given = askedLoad(spec, head.phase);
  // What was changed is neither one rate nor one limit; slots stay free while a phase is paused.
  const asked = isChanged
    ? { ...given, ratePerSec: undefined, concurrency: undefined, dispersion: undefined, fillsSlots: false }
    : given;
  const { fillsSlots, hasBursts } = asked;
  const figures = new PhaseFigures({ hasCeiling, fillsSlots, hasBursts, expectedRequests });
  return {
    rows,
    head,
    figures,
    statistics: new Map(),
    further: new Map(),
    intervals: new Map(),
    notes: [],
    gaps: new GapDistribution(),
    longestGaps: undefined,
    asked,
    gpus: [],
    said: [],
    wrong: [],
  };
}

function isDuring({ startedNs, endedNs = Number.POSITIVE_INFINITY }: PhaseRow, ns: number): boolean {
  return startedNs !== undefined && ns >= startedNs && ns <= endedNs;
}

/** Where each measured phase was steady, by phase index; one that is of several phases together has no such stretch. */
export function windowsOf(reader: RunReader, works: readonly PhaseWork[]): Map<number, SteadyWindow> {
  const windows = new Map<number, SteadyWindow>();
  for (const { rows, head, figures, notes } of works) {
    if (rows.length > 1 || head.kind !== "profiling") continue;
    const { completed, firstNs = 0, lastNs = 0 } = figures;
    const bins = phaseBins(completed, firstNs, lastNs, (add) => forEachRequest(reader, head.phase, add));
    const window = bins && steadyWindow(bins);
    if (window !== undefined) windows.set(head.phase, window);
    const note = steadyStateNote(bins && window !== undefined);
    if (note !== undefined) notes.push(note);
  }
  return windows;
}

/** Moments of the requests of a phase. */
function forEachRequest(reader: RunReader, phase: number, visit: (sentNs: number, endNs: number) => void): void {
  for (const { phases, columns } of reader.chunks(["sent_ns", "end_ns"])) {
    const [sentNs, endNs] = columns;
    for (let place = 0; place < phases.length; place++) {
      if (phases[place] !== phase) continue;
      const ns = sentNs?.[place] as number;
      visit(ns, ns + (endNs?.[place] as number));
    }
  }
}
