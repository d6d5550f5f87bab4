/**
 * The measured phases in slices of time: each request belongs to the slice in which it was sent. One pass over the rows in the order
 * of their sends; memory is that of one slice.
 */

import { listMetrics, recordMetrics, runMetrics } from "../../metrics/catalog.ts";
import { interChunkLatency } from "../../metrics/inter-chunk-latency.ts";
import { longestInterChunkLatency } from "../../metrics/longest-inter-chunk-latency.ts";
import type { RecordMetric } from "../../metrics/metric.ts";
import { askedLoad, askedStallMs } from "./core/asked-load.ts";
import { Column } from "./core/column.ts";
import { GapDistribution } from "./core/gap-distribution.ts";
import { isGood, type RequestObjective, requestObjectives } from "./core/objectives.ts";
import { PhaseFigures } from "./core/phase-figures.ts";
import type { MetricStatistics, MetricValue } from "./core/run-summary.ts";
import { gapsOf, stallsOf } from "./core/stalls.ts";
import { forEachGap } from "./core/stamps.ts";
import { type Statistics, statisticsOf } from "./core/statistics.ts";
import { addFigures, FIGURE_COLUMNS, isWrongAnswer, outputTokensOf } from "./figure-rows.ts";
import { type NetworkRtt, readNetworkRtt } from "./network-rtt.ts";
import type { RunReader } from "./store/run-reader.ts";
import { STAMPS_COLUMN } from "./store/schema.ts";

export interface TimeSlice {
  /** From the first send on, from 0; slices in which nothing was sent are left out. */
  readonly index: number;
  /** Wall time; a double of this size has no single ns. */
  readonly startWallNs: bigint;
  readonly endWallNs: bigint;
  /** False: the last one, which ends with what was sent in it. */
  readonly isComplete: boolean;
  readonly metrics: readonly MetricStatistics[];
  /** Rates are over the slice's own time. */
  readonly runMetrics: readonly MetricValue[];
}

/** The slices in order, each of `sliceNs`. */
export function* timeSlices(reader: RunReader, sliceNs: number): Generator<TimeSlice> {
  const run = reader.run();
  const phases = reader.phases().filter(({ kind }) => kind === "profiling");
  const measured = new Map(phases.map((phase) => [phase.phase, phase]));
  const objectives = requestObjectives(run.spec);
  const metrics = recordMetrics.filter(({ tag }) => reader.metricTags.includes(tag));
  const columns = [...FIGURE_COLUMNS, ...metrics.map(({ tag }) => tag), ...objectives.map(({ tag }) => tag), STAMPS_COLUMN];
  const isReplay = phases.some(({ phase }) => askedLoad(run.spec, phase).isReplay);
  const asked = { networkRtt: readNetworkRtt(reader, run.spec), stallMs: askedStallMs(run.spec) };
  const given = { wallOffsetNs: run.suiteWallOffsetNs, ...asked, isReplay, sliceNs };
  let slice: Slice | undefined;
  let originNs: number | undefined;
  for (const row of reader.bySendTime(columns)) {
    const phase = measured.get(row[1] as number);
    if (phase === undefined) continue;
    const sentNs = row[0] as number;
    originNs ??= sentNs;
    const index = Math.floor((sentNs - originNs) / sliceNs);
    if (slice?.index !== index) {
      if (slice !== undefined) yield slice.finish(true, given);
      slice = new Slice({ index, startNs: originNs + index * sliceNs, hasCeiling: phase.hasCeiling }, metrics, objectives);
    }
    slice.add(row);
  }
  if (slice !== undefined) yield slice.finish(false, given);
}

interface SlicePlace {
  readonly index: number;
  /** Suite time. */
  readonly startNs: number;
  readonly hasCeiling: boolean;
}

interface SliceFacts {
  readonly wallOffsetNs: number;
  readonly networkRtt: NetworkRtt;
  readonly stallMs: number | undefined;
  readonly isReplay: boolean;
  readonly sliceNs: number;
}

const METRICS_AT = 1 + FIGURE_COLUMNS.length;

class Slice {
  readonly #place: SlicePlace;
  readonly #metrics: readonly RecordMetric[];
  readonly #objectives: readonly RequestObjective[];
  readonly #figures: PhaseFigures;
  readonly #columns: readonly Column[];
  readonly #gaps = new GapDistribution();

  constructor(place: SlicePlace, metrics: readonly RecordMetric[], objectives: readonly RequestObjective[]) {
    this.#place = place;
    this.#metrics = metrics;
    this.#objectives = objectives;
    this.#figures = new PhaseFigures({ hasCeiling: place.hasCeiling, fillsSlots: false, hasBursts: false });
    if (objectives.length > 0) this.#figures.good = 0;
    this.#columns = metrics.map(() => new Column());
  }

  get index(): number {
    return this.#place.index;
  }

  add(row: readonly unknown[]): void {
    addFigures(this.#figures, row);
    const isFailure = row[2] === 1 || row[3] !== null;
    for (let index = 0; index < this.#metrics.length; index++) {
      const value = row[METRICS_AT + index];
      if (value === null || (isFailure && this.#metrics[index]?.isOfFailures !== true)) continue;
      this.#columns[index]?.push(value as number);
    }
    if (isFailure) return;
    const objectivesAt = METRICS_AT + this.#metrics.length;
    const isCounted = this.#objectives.length > 0 && !isWrongAnswer(row);
    if (isCounted && isGood(this.#objectives, (index) => row[objectivesAt + index])) this.#figures.addGood(outputTokensOf(row));
    const stamps = row[objectivesAt + this.#objectives.length] as Uint8Array;
    if (stamps.length > 1) forEachGap(stamps, (gapUs) => this.#gaps.add(gapUs));
  }

  finish(isComplete: boolean, { wallOffsetNs, networkRtt, stallMs, isReplay, sliceNs }: SliceFacts): TimeSlice {
    const { index, startNs } = this.#place;
    const statistics = new Map<string, Statistics>();
    const set = (tag: string, found: Statistics | undefined): void => {
      if (found !== undefined) statistics.set(tag, found);
    };
    this.#metrics.forEach(({ tag }, at) => {
      set(tag, statisticsOf(this.#columns[at]?.values() ?? new Float64Array()));
    });
    set(interChunkLatency.tag, this.#gaps.statistics());
    const longest = this.#columns[this.#metrics.indexOf(longestInterChunkLatency)]?.values() ?? new Float64Array();
    const endNs = isComplete ? startNs + sliceNs : Math.max(startNs, this.#figures.lastNs ?? startNs);
    const facts = this.#figures.runFacts({
      wallOffsetNs,
      networkRttMs: networkRtt(startNs, endNs),
      isReplay,
      concurrency: undefined,
      gpuEnergy: () => undefined,
      stalls: stallsOf(this.#gaps, gapsOf(longest), stallMs),
      statistics: (tag) => statistics.get(tag),
    });
    const own = facts.firstSentNs === undefined ? facts : { ...facts, firstSentNs: startNs, lastContentNs: endNs };
    return {
      index,
      startWallNs: wallNs(startNs, wallOffsetNs),
      endWallNs: wallNs(endNs, wallOffsetNs),
      isComplete,
      metrics: [...recordMetrics, ...listMetrics].flatMap(({ tag, header, unit }): MetricStatistics[] => {
        const found = statistics.get(tag);
        return found === undefined ? [] : [{ tag, header, unit, statistics: found }];
      }),
      runMetrics: runMetrics.flatMap((metric): MetricValue[] => {
        // First send and last answer are those of the requests, the time of the slice is for rates alone.
        const value = metric.value(metric.unit === "ns" ? facts : own);
        return value === undefined ? [] : [{ tag: metric.tag, header: metric.header, unit: metric.unit, value }];
      }),
    };
  }
}

function wallNs(ns: number, wallOffsetNs: number): bigint {
  return BigInt(Math.round(ns)) + BigInt(Math.round(wallOffsetNs));
}
