/**
 * `profile_export.jsonl`: one line for each request, warm-up included, as AIPerf 0.13 writes it. Moments are wall time in ns, metrics as
 * `{"value", "unit"}`, durations in ms; the gaps of a stream are a list. What does not apply is left out; `error` is there only where
 * the request failed, `trace_data` only where the run asks for traces, and `check` only where the answer was held against something.
 */
import { listMetrics, recordMetrics } from "../../../metrics/catalog.ts";
import { goodRequestCount } from "../../../metrics/good-request-count.ts";
import type { ListMetric, MetricUnit, RecordMetric } from "../../../metrics/metric.ts";
import { decodeStamps } from "../../common/chunk-stamps.ts";
import { isGood, requestObjectives } from "../core/objectives.ts";
import { READS_COLUMN } from "../store/run-reader.ts";
import type { Exporter } from "./exporter.ts";
import { floatText } from "./json-text.ts";
import {
  errorOf,
  hasFailed,
  metadataOf,
  type Place,
  phaseEnds,
  type RequestRow,
  ROW_COLUMNS,
  rowOf,
  wallText,
} from "./request-row.ts";
import { sessionId } from "./session-id.ts";
import { traceColumns, traceRowOf, traceText } from "./trace-data.ts";

export const aiperfRecords: Exporter = ({ reader, spec }, text) => {
  const traced = spec.output?.exportHttpTrace === true ? [...traceColumns, READS_COLUMN] : [];
  const ends = phaseEnds(reader.phases());
  const names = reader.conversationNames();
  const { runId, spec: stored } = reader.run();
  const objectives = requestObjectives(stored);
  const wanted = [...METRICS, ...objectives].map(({ tag }) => tag);
  const objectivesAt = METRICS_AT + METRICS.length;
  const tracesAt = METRICS_AT + wanted.length;
  for (const page of reader.pages([...ROW_COLUMNS, ...wanted, ...traced], { pageRows: PAGE_ROWS })) {
    for (const values of page) {
      const row = rowOf(values);
      const phase = ends.get(row.phase);
      if (phase === undefined) continue;
      const trace = traced.length === 0 ? "" : `,"trace_data":${traceOf(row, values.slice(tracesAt))}`;
      const meetsAll = (): boolean => row.isCorrect !== false && isGood(objectives, (index) => values[objectivesAt + index]);
      const isMet = objectives.length === 0 ? undefined : meetsAll();
      text(lineOf({ row, place: { conversationId: sessionId(row.conversation, names), runId }, phase, isMet, trace }, values));
    }
  }
};

/** A page with the stamps of long answers still fits in a few MB. */
const PAGE_ROWS = 500;

/** The credit id stands before all columns. */
const METRICS_AT = ROW_COLUMNS.length + 1;

const METRICS: readonly RecordMetric[] = recordMetrics.filter(isRecorded);
const LIST_METRICS: readonly ListMetric[] = listMetrics.filter(isRecorded);

function isRecorded({ flags = [] }: RecordMetric | ListMetric): boolean {
  return !flags.includes("internal") && !flags.includes("experimental") && !flags.includes("no_record");
}

interface LineParts {
  readonly row: RequestRow;
  readonly place: Place;
  /** The keys of its phase. */
  readonly phase: string;
  /** It met every objective for a request, and its answer is not wrong; undefined: there are no objectives. */
  readonly isMet: boolean | undefined;
  /** The key of its trace; empty: none. */
  readonly trace: string;
}

/** Written by hand, from parts that many lines share: a run may have millions of them. */
function lineOf({ row, place, phase, isMet, trace }: LineParts, values: readonly unknown[]): string {
  const error = hasFailed(row) ? `,"error":${errorOf(row)}` : "";
  return `{"metadata":${metadataOf(row, place, phase)},"metrics":${metricsOf(row, values, isMet)}${checkOf(row)}${trace}${error}}\n`;
}

/** `is_correct` is null where the check could not be made. */
function checkOf({ isCorrect, checkReason, answer }: RequestRow): string {
  if (isCorrect === null && checkReason === null) return "";
  const why = isCorrect === true ? {} : { reason: checkReason ?? "", answer: answer ?? "" };
  return `,"check":${JSON.stringify({ is_correct: isCorrect, ...why })}`;
}

/** `values`: the columns of traces alone. */
function traceOf(row: RequestRow, values: readonly unknown[]): string {
  const { sentNs, wallOffsetNs, firstByteNs, endNs, status } = row;
  const reads = values[traceColumns.length] as Uint8Array | null;
  const trace = traceRowOf(values, { reads, firstByteNs, endNs, status, hasFailed: hasFailed(row) });
  return traceText(trace, (afterSentNs) => wallText(sentNs + afterSentNs, wallOffsetNs));
}

function metricsOf(row: RequestRow, values: readonly unknown[], isMet: boolean | undefined): string {
  const isFailure = hasFailed(row);
  let text = "";
  const add = (tag: string, value: string, unit: string): void => {
    text += `${text === "" ? "" : ","}"${tag}":{"value":${value},"unit":"${unit}"}`;
  };
  for (let index = 0; index < METRICS.length; index++) {
    const { tag, unit, isOfFailures } = METRICS[index] as RecordMetric;
    const value = values[METRICS_AT + index];
    if (typeof value !== "number" || (isFailure && isOfFailures !== true)) continue;
    add(tag, COUNTED_UNITS.has(unit) ? String(value) : floatText(value), unit);
  }
  for (const { tag, unit, values: listOf } of isFailure ? [] : LIST_METRICS) {
    const list = listOf(decodeStamps(row.contentStamps));
    if (list.length > 0) add(tag, `[${Array.from(list, floatText).join(",")}]`, unit);
  }
  if (isMet !== undefined && !isFailure) add(goodRequestCount.tag, isMet ? "1" : "0", goodRequestCount.unit);
  return `{${text}}`;
}

/** Values of one request in these units are integers, and written as such. */
export const COUNTED_UNITS: ReadonlySet<string> = new Set(["tokens", "count", "requests"] satisfies MetricUnit[]);
