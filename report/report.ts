/** The results of a run as lines for a terminal. Pure. */
import { PhaseKind } from "../gen/assay/common/v1/common_pb.js";
import type { PhaseIdentity, PhaseProgress, Run } from "../gen/assay/controller/v1/controller_pb.js";
import type { ErrorGroup, MetricStatistics } from "../gen/assay/records_manager/v1/record_pb.js";
import type { PhaseSummary, SummarizeRecordsResponse } from "../gen/assay/records_manager/v1/records_manager_service_pb.js";
import { confidenceLines } from "./confidence.ts";
import { definitionLines } from "./definitions.ts";
import { floorLine } from "./floor.ts";
import { gapLines } from "./gaps.ts";
import { gpuLines } from "./gpus.ts";
import { hostLines } from "./hosts.ts";
import { metricsTitle } from "./metrics-title.ts";
import { objectiveLines } from "./objectives.ts";
import type { Paint } from "./paint.ts";
import { servedLines } from "./served.ts";
import { serverFigureLines } from "./server-figures.ts";
import { type Column, tableLines } from "./table.ts";
import { targetLines } from "./targets.ts";
import { clip, figure, harmless, whole, widthOf, wrap } from "./text.ts";
import { stepMetrics } from "./trace.ts";
import { clientLines, isTold, marked, sendLines, steadyLines } from "./validity.ts";

export interface Report {
  readonly run: Run;
  readonly summary: SummarizeRecordsResponse;
  /** Where the files are, on this host; undefined: nothing is known to be written. */
  readonly folder: string | undefined;
  /** Names of files in it. */
  readonly files: readonly string[];
}

export interface ReportStyle {
  /** Columns; less than 80 counts as 80. */
  readonly width: number;
  readonly paint: Paint;
}

/** In order: whether the client kept up, then a table and what belongs to it for each phase, then files. */
export function reportLines({ run, summary, folder, files }: Report, { width, paint }: ReportStyle): string[] {
  const style = { width: Math.max(80, width), paint };
  const blocks: string[][] = [clientLines(summary, style)];
  for (const phase of summary.phases) {
    const progress = run.phases.find(({ index }) => index === phase.index);
    if (phase.kind === PhaseKind.PROFILING) blocks.push(...measuredBlocks(phase, progress, shownOf(run, summary), style));
    else blocks.push(warmupLines(phase, progress, style));
  }
  blocks.push(definitionLines(summary.definitions, style.width, paint));
  const ending = summary.hostFloor === undefined ? [] : wrap(floorLine(summary.hostFloor), style.width).map(paint.dim);
  if (folder !== undefined) ending.push(`Files: ${folder}${files.length === 0 ? "" : `: ${files.join(", ")}`}`);
  blocks.push(ending);
  return blocks.filter((lines) => lines.length > 0).flatMap((lines, index) => (index === 0 ? lines : ["", ...lines]));
}

interface Shown {
  /** Tables name their phase. */
  readonly isNamed: boolean;
  /** The steps of the requests have a table. */
  readonly hasSteps: boolean;
  readonly title: string;
}

function shownOf({ spec }: Run, { phases }: SummarizeRecordsResponse): Shown {
  return {
    isNamed: phases.filter(({ kind }) => kind === PhaseKind.PROFILING).length > 1,
    hasSteps: spec?.output?.showTraceTiming ?? false,
    title: metricsTitle(spec?.endpoint?.type),
  };
}

function warmupLines(phase: PhaseSummary, progress: PhaseProgress | undefined, style: ReportStyle): string[] {
  const { succeeded = 0n, errored = 0n } = phase.identity ?? {};
  const first = style.paint.dim(`${phase.name}: ${whole(succeeded)} succeeded, ${whole(errored)} errored (not in the figures)`);
  return [first, ...identityLines(phase, progress, style), ...errorLines(phase, style)];
}

function measuredBlocks(
  phase: PhaseSummary,
  progress: PhaseProgress | undefined,
  { isNamed, hasSteps, title }: Shown,
  style: ReportStyle,
): string[][] {
  const titleOf = (what: string): string => `Assay | ${what}${isNamed ? `: ${phase.name}` : ""}`;
  const { width } = style;
  return [
    metricLines(
      phase.metrics.filter((metric) => metric.group === "" && isTold(metric, phase)),
      titleOf(title),
      style,
    ),
    metricLines(
      phase.metrics.filter(({ group }) => group === "spec_decode"),
      titleOf("Speculative Decoding"),
      style,
    ),
    gpuLines(phase.gpus, titleOf("GPU Telemetry"), style),
    ...(["nvidia", "amd"] as const).map((vendor) =>
      valueLines(
        phase.metrics.filter(({ group }) => group === `gpu_power_efficiency_${vendor}`),
        titleOf(`${vendor.toUpperCase()} GPU Power Efficiency`),
        style,
      ),
    ),
    [...runMetricLines(phase.metrics, width), ...gapLines(phase, width), ...sendLines(phase, width)],
    confidenceLines(phase.metrics, titleOf("95 % Confidence"), width, style.paint),
    steadyLines(phase, style),
    objectiveLines(phase.objectives, width, style.paint),
    targetLines(phase.targets, style),
    hostLines(phase.hosts, style),
    servedLines(phase.served, style),
    serverFigureLines(phase.serverFigures, style),
    noteLines(phase, style),
    finishLines(phase, style),
    wrongAnswerLines(phase, style),
    errorLines(phase, style),
    hasSteps ? metricLines(stepMetrics(phase.metrics), titleOf("HTTP Trace"), style) : [],
    identityLines(phase, progress, style),
  ];
}

/** Order as AIPerf's; what goes first where the terminal is narrow, too. */
const statistics = [
  { name: "avg", column: {} },
  { name: "min", column: { dropRank: 1 } },
  { name: "max", column: { dropRank: 2 } },
  { name: "p99", column: {} },
  { name: "p90", column: { dropRank: 3 } },
  { name: "p50", column: {} },
  { name: "std", column: { dropRank: 0 } },
] as const;

/** Headers longer than this are broken before their unit. */
const longHeader = 30;

/** The table of metrics that have a place in it; nothing where there are none. */
function metricLines(metrics: readonly MetricStatistics[], title: string, { width, paint }: ReportStyle): string[] {
  const rows = inOrder(metrics).map((metric) => [nameOf(metric), ...statistics.map(({ name }) => marked(metric, name))]);
  if (rows.length === 0) return [];
  const columns: Column[] = [
    { header: "Metric", align: "right", minWidth: 18 },
    ...statistics.map(({ name, column }) => ({ header: name, align: "right" as const, ...column })),
  ];
  return tableLines({ title, columns, rows }, width, {
    title: paint.bold,
    header: paint.bold,
    cell: (text, column) => (column === 0 ? paint.cyan(text) : text === "N/A" ? paint.dim(text) : paint.green(text)),
  });
}

/** The table of metrics that have one value each; nothing where there are none. */
function valueLines(metrics: readonly MetricStatistics[], title: string, { width, paint }: ReportStyle): string[] {
  const rows = inOrder(metrics).map((metric) => [nameOf(metric), figure(metric.avg)]);
  if (rows.length === 0) return [];
  const columns: Column[] = [
    { header: "Metric", align: "right", minWidth: 18 },
    { header: "Value", align: "right" },
  ];
  return tableLines({ title, columns, rows }, width, {
    title: paint.bold,
    header: paint.bold,
    cell: (text, column) => (column === 0 ? paint.cyan(text) : paint.green(text)),
  });
}

/** Those that have a place in a table. */
function inOrder(metrics: readonly MetricStatistics[]): MetricStatistics[] {
  return metrics
    .filter(({ consoleOrder }) => consoleOrder !== undefined)
    .sort((one, other) => (one.consoleOrder ?? 0) - (other.consoleOrder ?? 0));
}

function nameOf({ header, unit }: MetricStatistics): string {
  return `${header}${header.length > longHeader ? "\n" : " "}(${unit})`;
}

/** Figures of the whole phase that have no row in the table. Moments are for files. */
function runMetricLines(metrics: readonly MetricStatistics[], width: number): string[] {
  const parts = metrics
    .filter(({ count, consoleOrder, unit, group }) => count === 0n && consoleOrder === undefined && unit !== "ns" && group === "")
    .map(({ header, unit, avg }) => `${header}: ${Number.isInteger(avg) ? whole(avg) : figure(avg)} ${unit}`);
  const lines: string[] = [];
  for (const part of parts) {
    const last = lines.at(-1);
    if (last !== undefined && widthOf(last) + 3 + widthOf(part) <= width) lines[lines.length - 1] = `${last} · ${part}`;
    else lines.push(part);
  }
  return lines;
}

/** How answers ended, where they did not all end alike. */
function finishLines({ finishReasons }: PhaseSummary, { width }: ReportStyle): string[] {
  if (finishReasons.length < 2) return [];
  const parts = finishReasons.map(
    ({ reason, count }) => `${whole(count)} ${reason === "" ? "without a word" : harmless(reason)}`,
  );
  return wrap(`Answers ended: ${parts.join(", ")}`, width);
}

/** What is said of marked percentiles begins with their mark. */
function noteLines(phase: PhaseSummary, { width, paint }: ReportStyle): string[] {
  const ofMarks = new Set(phase.workloadNotes.filter(({ code }) => code === "few_samples").map(({ message }) => message));
  return notesOf(phase).flatMap(({ note, text }) => {
    const isOfMarks = ofMarks.has(note);
    const lines = wrap(`${isOfMarks ? "*" : "Note:"} ${harmless(text)}`, width);
    return lines.map(isOfMarks ? paint.dim : paint.yellow);
  });
}

/** Notes on the phase, then those beside figures: what concerns several is said once, with the first of them. */
function notesOf({ notes, metrics }: PhaseSummary): { readonly note: string; readonly text: string }[] {
  const headersByNote = new Map<string, string[]>();
  for (const { header, notes: own } of metrics) {
    for (const note of own) headersByNote.set(note, [...(headersByNote.get(note) ?? []), header]);
  }
  const grouped = [...headersByNote].map(([note, headers]) => {
    const more = headers.length - shownHeaders;
    const shown = headers.slice(0, shownHeaders).join(", ");
    return { note, text: `${shown}${more > 0 ? ` and ${more} more` : ""}: ${note}` };
  });
  return [...notes.map((note) => ({ note, text: note })), ...grouped];
}

const shownHeaders = 3;

function errorLines({ errors }: PhaseSummary, { width, paint }: ReportStyle): string[] {
  if (errors.length === 0) return [];
  const rows = errors.map((group) => [group.code, group.phase, whole(group.count), saidBy(group)]);
  const columns: Column[] = [
    { header: "Code", align: "left" },
    { header: "Phase", align: "left", dropRank: 0 },
    { header: "Count", align: "right" },
    { header: "Example", align: "left", minWidth: 20 },
  ];
  return tableLines({ title: "Errors", columns, rows }, width, {
    title: paint.bold,
    header: paint.bold,
    cell: (text, column) => (column === 0 ? paint.red(text) : text),
  });
}

/** What they say: an example, or where they differ the most frequent ones, a line each. */
function saidBy({ messages, endpoint, count, example, status }: ErrorGroup): string {
  const where = endpoint === "" ? "" : ` (${endpoint})`;
  if (messages.length < 2) return shortened(`${said(example, status)}${where}`);
  const lines = messages.map((one, index) =>
    shortened(`${whole(one.count)} × ${said(one.message, one.status)}${index === 0 ? where : ""}`),
  );
  const others = messages.reduce((left, one) => left - one.count, count);
  return [...lines, ...(others > 0n ? [`${whole(others)} others`] : [])].join("\n");
}

function said(message: string, status: number): string {
  return status === 0 || message.startsWith(`http status ${status}`) ? message : `${status}: ${message}`;
}

function shortened(text: string): string {
  return clip(harmless(text), 400);
}

/** The first wrong answers, and how many could not be checked. */
function wrongAnswerLines({ wrongAnswers, unchecked, metrics }: PhaseSummary, { width, paint }: ReportStyle): string[] {
  const [answers, are] = unchecked === 1n ? ["answer", "it is"] : ["answers", "they are"];
  const note = `${whole(unchecked)} ${answers} could not be checked: ${are} neither correct nor incorrect (check_reason says why)`;
  const notes = unchecked === 0n ? [] : wrap(note, width).map(paint.yellow);
  if (wrongAnswers.length === 0) return notes;
  const rows = wrongAnswers.map(({ conversation, turn, reason, answer }) => [
    `${conversation}/${turn}`,
    clip(harmless(reason), 200),
    clip(harmless(answer), 200),
  ]);
  const columns: Column[] = [
    { header: "Conversation/Turn", align: "left" },
    { header: "Why", align: "left", minWidth: 20 },
    { header: "Answer", align: "left", minWidth: 20 },
  ];
  const all = BigInt(metrics.find(({ tag }) => tag === "incorrect_request_count")?.avg ?? 0);
  const title = `Wrong Answers${all > BigInt(rows.length) ? ` (the first ${rows.length} of ${whole(all)})` : ""}`;
  const table = tableLines({ title, columns, rows }, width, {
    title: paint.bold,
    header: paint.bold,
    cell: (text, column) => (column === 1 ? paint.red(text) : text),
  });
  return [...table, ...notes];
}

/** What became of every request asked for; nothing where all were sent and recorded. */
function identityLines(phase: PhaseSummary, progress: PhaseProgress | undefined, { width, paint }: ReportStyle): string[] {
  const { identity } = phase;
  if (identity === undefined) return [];
  const asked = progress?.asked ?? 0n;
  const parts = partsOf(identity, asked);
  const { queued } = identity;
  const isWhole = parts.length === 0 && identity.missingRecord === 0n && identity.late === 0n && identity.conflicts === 0n;
  if (isWhole && queued === 0n) return [];
  const { succeeded, errored, cancelled, missingRecord } = identity;
  const sent = sentOf(identity);
  const inside = [`${whole(succeeded)} succeeded`, `${whole(errored)} errored`, `${whole(cancelled)} cancelled`];
  if (missingRecord > 0n) inside.push(`${whole(missingRecord)} without a record`);
  const total = asked > 0n ? `asked ${whole(asked)}` : `issued ${whole(parts.reduce((sum, [, count]) => sum + count, sent))}`;
  const sum = [`sent ${whole(sent)} (${inside.join(", ")})`, ...parts.map(([text, count]) => `${whole(count)} ${text}`)].join(
    " + ",
  );
  const apart = [
    ...(queued > 0n ? [`${whole(queued)} of those sent waited for a place under the ceiling`] : []),
    ...(identity.late > 0n ? [`${whole(identity.late)} records came too late to count`] : []),
    ...(identity.conflicts > 0n ? [`${whole(identity.conflicts)} records belong to no request`] : []),
  ];
  return wrap([`${phase.name}: ${total} = ${sum}`, ...apart].join("; "), width).map(paint.yellow);
}

/** What was asked for and not `sent`. By duration nothing is asked for by number, so that unsent credits are none of these. */
function partsOf(identity: PhaseIdentity, asked: bigint): Part[] {
  const { dropped, missingLost, abandoned, unaccounted } = identity;
  const ends: readonly Part[] = [
    ["lost with a worker", missingLost],
    ["dropped", dropped],
    ["unaccounted", unaccounted],
    ...(asked > 0n ? [["abandoned", abandoned] as const] : []),
  ];
  const ended = ends.reduce((sum, [, count]) => sum + count, sentOf(identity));
  return [...ends, ["not sent", asked - ended] as const].filter(([, count]) => count > 0n);
}

type Part = readonly [text: string, count: bigint];

function sentOf({ succeeded, errored, cancelled, missingRecord }: PhaseIdentity): bigint {
  return succeeded + errored + cancelled + missingRecord;
}
