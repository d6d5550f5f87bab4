/** Whether the tool kept up, and where the load was steady, as lines for a terminal. Pure. */
import { PhaseKind } from "../gen/assay/common/v1/common_pb.js";
import { type MetricStatistics, Verdict } from "../gen/assay/records_manager/v1/record_pb.js";
import type { PhaseSummary, SummarizeRecordsResponse } from "../gen/assay/records_manager/v1/records_manager_service_pb.js";
import type { Evenness, SteadyState } from "../gen/assay/records_manager/v1/validity_pb.js";
import type { ReportStyle } from "./report.ts";
import { type Column, tableLines } from "./table.ts";
import { figure, harmless, whole, wrap } from "./text.ts";

/** The verdict with the figures it rests on, then its reasons, then each phase where several were measured. */
export function clientLines(summary: SummarizeRecordsResponse, { width, paint }: ReportStyle): string[] {
  const { verdict: given, client, phases } = summary;
  const measured = phases.filter(({ kind }) => kind === PhaseKind.PROFILING);
  const [only] = measured.length === 1 ? measured : [];
  const busy = client?.loopUtilizationMax;
  const figures = [
    ...(only === undefined ? [] : keptUp(only)),
    ...(busy === undefined ? [] : [`workers at most ${percent(busy)} busy`]),
  ].join(", ");
  const first = (word: string): string => `Client ${word}${figures === "" ? "" : `: ${figures}`}`;
  const reasons = (given?.reasons ?? []).map(harmless).join("; ");
  const each = measured.length > 1 ? measured.flatMap((phase) => phaseLine(phase, width)) : [];
  switch (given?.verdict) {
    case Verdict.VALID:
      return [...wrap(first("valid"), width).map(paint.green), ...each];
    case Verdict.SUSPECT:
      return [
        ...[first("suspect"), `These figures may carry the client's own limits: ${reasons}`].flatMap((line) =>
          wrap(line, width).map(paint.yellow),
        ),
        ...each,
      ];
    case Verdict.INVALID:
      return [
        ...[first("invalid"), `These figures are not to be used: ${reasons}`].flatMap((line) => wrap(line, width).map(paint.red)),
        ...each,
      ];
    default:
      return [];
  }
}

function phaseLine(phase: PhaseSummary, width: number): string[] {
  const figures = keptUp(phase).join(", ");
  return figures === "" ? [] : wrap(`${phase.name}: ${figures}`, width);
}

/** What was asked against what was sent; in a closed loop, how long slots stayed free. */
function keptUp({ sends, lateness }: PhaseSummary): string[] {
  if (sends?.turnaround !== undefined) {
    const { p50Ms, p99Ms } = sends.turnaround;
    return [`next request ${ms(p50Ms)} (p50) and ${ms(p99Ms)} (p99) after the end of another`];
  }
  const parts: string[] = [];
  if (sends?.sentPerSec !== undefined && sends.scheduledPerSec !== undefined) {
    const { askedPerSec, scheduledPerSec, sentPerSec } = sends;
    // A drawn schedule is off from its rate by chance, which is not the client's doing.
    const drawn =
      askedPerSec === undefined || rate(askedPerSec) === rate(scheduledPerSec) ? "" : ` (${rate(scheduledPerSec)} drawn)`;
    parts.push(`${rate(askedPerSec ?? scheduledPerSec)} asked${drawn}, ${rate(sentPerSec)} sent`);
  }
  if (lateness !== undefined && lateness.count > 0n) {
    parts.push(`lateness p50 ${ms(lateness.p50 ?? 0)} p99 ${ms(lateness.p99 ?? 0)}`);
  }
  return parts;
}

/** How evenly an open loop's requests were sent, beside its schedule; nothing where too few were. */
export function sendLines({ sends }: PhaseSummary, width: number): string[] {
  const parts: string[] = [];
  if (sends?.dispersion !== undefined) parts.push(`index of dispersion ${besides(sends.dispersion)}`);
  if (sends?.gapCorrelation !== undefined) parts.push(`correlation of gaps ${besides(sends.gapCorrelation)}`);
  if (sends?.bursts !== undefined) {
    const { count, largest, spreadP50Ms, spreadMaxMs } = sends.bursts;
    const spread = `p50 ${ms(spreadP50Ms)} max ${ms(spreadMaxMs)}`;
    parts.push(`${whole(count)} bursts of up to ${whole(largest)}, each sent within ${spread}`);
  }
  if (sends?.slotWaits !== undefined) {
    // How many they are is said by timing's own count, below the table.
    const { p50Ms, maxMs } = sends.slotWaits;
    parts.push(`waits for a slot p50 ${ms(p50Ms)} max ${ms(maxMs)}`);
  }
  return parts.length === 0 ? [] : wrap(`Sends: ${parts.join(" · ")}`, width);
}

function besides({ sent, scheduled, expected }: Evenness): string {
  const pattern = expected === undefined ? "" : `, pattern ${figure(expected)}`;
  return `${figure(sent)} (schedule ${figure(scheduled)}${pattern})`;
}

/** Metrics of the section about the steady window; all others are in files. */
const STEADY_TAGS = [
  "time_to_first_token",
  "inter_token_latency",
  "request_latency",
  "response_time",
  "output_token_throughput",
  "request_throughput",
];
/** A window that leaves out less has the figures of the whole phase. */
const MOST_OF_IT = 0.98;

/** The steady window beside the whole phase; nothing where none was found. */
export function steadyLines(phase: PhaseSummary, { width, paint }: ReportStyle): string[] {
  const { steadyState: steady, firstSentWallNs = 0, lastEndWallNs = 0 } = phase;
  if (steady === undefined) return [];
  const phaseSec = (lastEndWallNs - firstSentWallNs) / 1e9;
  const span = `${steady.startSec.toFixed(1)} to ${steady.endSec.toFixed(1)} of ${phaseSec.toFixed(1)} s`;
  const load = `${whole(steady.sends)} requests, ${figure(steady.inFlight)} in flight`;
  if (steady.endSec - steady.startSec >= MOST_OF_IT * phaseSec) return [`Steady state: ${span}: ${load}`];
  const rows = STEADY_TAGS.flatMap((tag) => steadyRow(tag, steady, phase));
  const columns: Column[] = [
    { header: "Metric", align: "right", minWidth: 18 },
    { header: "avg (whole phase)", align: "right", dropRank: 0 },
    { header: "p50 (whole phase)", align: "right", minWidth: 11 },
    { header: "p99 (whole phase)", align: "right", minWidth: 11 },
  ];
  return tableLines({ title: `Steady state: ${span}: ${load}`, columns, rows }, width, {
    title: paint.bold,
    header: paint.bold,
    cell: (text, column) => (column === 0 ? paint.cyan(text) : paint.green(text)),
  });
}

function steadyRow(tag: string, steady: SteadyState, phase: PhaseSummary): string[][] {
  const window = steady.metrics.find((metric) => metric.tag === tag);
  const all = phase.metrics.find((metric) => metric.tag === tag);
  if (window === undefined || all === undefined || !isTold(window, phase)) return [];
  const pair = (name: "avg" | "p50" | "p99"): string => {
    return window[name] === undefined ? "" : `${marked(window, name)} (${marked(all, name)})`;
  };
  return [[`${window.header} (${window.unit})`, pair("avg"), pair("p50"), pair("p99")]];
}

/** Without a schedule the response time is the request latency once more. */
export function isTold({ tag }: MetricStatistics, { metrics }: PhaseSummary): boolean {
  return tag !== "response_time" || metrics.some((metric) => metric.tag === "lateness");
}

/** A figure of a metric, with a mark where it is a percentile that too few values lie beyond. */
export function marked(metric: MetricStatistics, name: "avg" | "min" | "max" | "std" | "p50" | "p90" | "p99"): string {
  const text = figure(metric[name]);
  return metric.thinPercentiles.includes(name) ? `${text}*` : text;
}

function rate(perSec: number): string {
  return `${perSec >= 100 ? perSec.toFixed(1) : perSec.toFixed(2)}/s`;
}

/** Three digits, and no finer than a microsecond. */
function ms(value: number): string {
  const size = Math.abs(value);
  return `${size >= 100 ? value.toFixed(0) : size >= 10 ? value.toFixed(1) : size >= 1 ? value.toFixed(2) : value.toFixed(3)} ms`;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(0)} %`;
}
