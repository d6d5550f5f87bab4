/** Telemetry of a run in the buckets of its timeline. Memory is bounded: values are read a few minutes of the run at a time. */
import { AssayError } from "../common/errors.ts";
import { parseSelector } from "./core/series-selector.ts";
import {
  createSlots,
  type SeriesSlots,
  type SlotColumns,
  type SlotGrid,
  type SlotKind,
  slotKindOf,
} from "./core/series-slots.ts";
import type { GapRow, SeriesPoints, SeriesRow } from "./core/telemetry-rows.ts";
import type { RunReader } from "./store/run-reader.ts";

export interface TimelineSeries {
  readonly series: SeriesRow;
  readonly kind: SlotKind;
  readonly columns: SlotColumns;
}

const MAX_SERIES = 1000;
const MAX_VALUES = 4_000_000;
/** A message that says what there is names so many. */
const MAX_NAMED = 20;
const PART_NS = 300e9;
/** How far before the first bucket the scrape may lie from which a counter's first step is counted. */
const BEFORE_NS = 60e9;

/**
 * The series that the selectors select, in their order, each once. Throws `invalid_argument` for a selector of another form, for one that
 * selects nothing, and for more series or values than the limits.
 */
export function readTimelineSeries(reader: RunReader, selectors: readonly string[], grid: SlotGrid): TimelineSeries[] {
  if (selectors.length === 0) return [];
  const chosen = selected(reader.series(), selectors);
  if (chosen.length > MAX_SERIES) {
    throw new AssayError("invalid_argument", `series: ${chosen.length} are selected, and at most ${MAX_SERIES} are told at once`);
  }
  if (chosen.length * grid.bucketCount > MAX_VALUES) {
    const what = `${chosen.length} of them over ${grid.bucketCount} buckets`;
    throw new AssayError("invalid_argument", `series: ${what} are more than ${MAX_VALUES} values: choose fewer or wider buckets`);
  }
  const gaps = Map.groupBy(reader.telemetryGaps(), sourceKey);
  const told = chosen.map((series) => {
    const kind = slotKindOf(series);
    return {
      series,
      kind,
      slots: createSlots(kind, grid),
      gaps: gaps.get(sourceKey({ kind: series.kind, name: series.source })) ?? [],
    };
  });
  const numbers = chosen.map(({ series }) => series);
  const endNs = grid.originNs + grid.bucketNs * grid.bucketCount;
  const passed = told.map(() => ({ gaps: 0 }));
  for (let fromNs = grid.originNs - BEFORE_NS; fromNs < endNs; fromNs += PART_NS) {
    // Both ends of a span are included.
    const points = reader.seriesPoints(numbers, fromNs, Math.min(endNs, fromNs + PART_NS - 1));
    told.forEach(({ series, slots, gaps: ofSource }, at) => {
      const found = points.get(series.series);
      if (found !== undefined) addPoints(slots, found, ofSource, passed[at] ?? { gaps: 0 });
    });
  }
  return told.map(({ series, kind, slots }) => ({ series, kind, columns: slots.columns() }));
}

/** In order of time with the scrapes of the source that failed, or were without it. @param passed how many failed ones lie behind, counted on */
function addPoints(slots: SeriesSlots, points: SeriesPoints, gaps: readonly GapRow[], passed: { gaps: number }): void {
  const { ns, values, absentNs } = points;
  let absences = 0;
  for (let at = 0; at < ns.length; at++) {
    const moment = ns[at] as number;
    for (; (gaps[passed.gaps]?.endNs ?? Number.POSITIVE_INFINITY) < moment; passed.gaps++) slots.gap();
    for (; (absentNs[absences] ?? Number.POSITIVE_INFINITY) < moment; absences++) slots.gap();
    slots.add(moment, values[at] as number);
  }
  // What comes next may be in the next part of the run.
  if (absences < absentNs.length) slots.gap();
}

function selected(known: readonly SeriesRow[], selectors: readonly string[]): SeriesRow[] {
  const chosen = new Set<SeriesRow>();
  for (const text of selectors) {
    const matching = known.filter(parseSelector(text));
    if (matching.length === 0) throw new AssayError("invalid_argument", `series: ${text} selects nothing: ${namesOf(known)}`);
    for (const series of matching) chosen.add(series);
  }
  return [...chosen];
}

function namesOf(known: readonly SeriesRow[]): string {
  const names = [...new Set(known.map(({ name }) => name))];
  if (names.length === 0) return "the run has no samples";
  const more = names.length > MAX_NAMED ? ` and ${names.length - MAX_NAMED} more` : "";
  return `the run has ${names.slice(0, MAX_NAMED).join(", ")}${more}`;
}

function sourceKey({ kind, name }: { readonly kind: string; readonly name: string }): string {
  return `${kind} ${name}`;
}
