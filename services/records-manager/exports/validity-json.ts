/** How far figures can be trusted, for `assay` in the summary file. Names and units are those of the protos: `validity.proto`. */
import type { ClientSummary, PhaseSummary, SteadyState } from "../core/run-summary.ts";
import type { Spans } from "../core/send-log.ts";
import { metricJson } from "./file-metrics.ts";
import { Float, type JsonObject } from "./json-text.ts";

export function clientJson({ verdict, reasons, usage }: ClientSummary): JsonObject {
  return {
    verdict,
    reasons: reasons.map(({ message }) => message),
    details: reasons.map(({ code, verdict: graded, message }) => ({ code, verdict: graded, message })),
    usage: {
      workers: usage.workers,
      loop_utilization_max: float(usage.loopUtilisationMax),
      loop_delay_max_ms: msOf(usage.loopDelayMaxNs),
      blocked_share: float(usage.blockedShare),
      gc_share: float(usage.gcShare),
      gc_count: usage.gcCount,
      gc_max_ms: msOf(usage.gcMaxNs),
      fd_share_max: float(usage.fdShareMax),
      opened_connections: usage.openedConnections,
      replaced_connections: usage.replacedConnections,
    },
  };
}

export function sendsJson({ sends, asked, lateness }: PhaseSummary): JsonObject {
  const { dispersion, gapCorrelation, bursts } = sends;
  return {
    asked_per_sec: float(asked.ratePerSec),
    scheduled_per_sec: float(sends.scheduledPerSec),
    sent_per_sec: float(sends.sentPerSec),
    lateness: spansJson(lateness),
    dispersion: dispersion && {
      sent: new Float(dispersion.sent),
      scheduled: new Float(dispersion.scheduled),
      expected: float(asked.dispersion),
    },
    gap_correlation: gapCorrelation && { sent: new Float(gapCorrelation.sent), scheduled: new Float(gapCorrelation.scheduled) },
    bursts: bursts && {
      count: bursts.count,
      largest: bursts.largest,
      spread_p50_ms: msOf(bursts.spreadP50Ns),
      spread_max_ms: msOf(bursts.spreadMaxNs),
      slow_count: bursts.slowCount,
    },
    first_lateness_ms: msOf(sends.firstLatenessNs),
    slot_waits: spansJson(sends.slotWaits),
    connection_waits: spansJson(sends.connectionWaits),
    turnaround: spansJson(sends.turnaround),
  };
}

export function steadyStateJson(steady: SteadyState | undefined): JsonObject | undefined {
  if (steady === undefined) return undefined;
  return {
    start_sec: new Float(steady.startNs / 1e9),
    end_sec: new Float(steady.endNs / 1e9),
    sends: steady.sends,
    in_flight: new Float(steady.inFlight),
    metrics: Object.fromEntries([...steady.metrics, ...steady.runMetrics].map((metric) => [metric.tag, metricJson(metric)])),
  };
}

function spansJson(spans: Spans | undefined): JsonObject | undefined {
  if (spans === undefined) return undefined;
  const { count, p50Ns, p99Ns, maxNs } = spans;
  return { count, p50_ms: msOf(p50Ns), p99_ms: msOf(p99Ns), max_ms: msOf(maxNs) };
}

function float(value: number | undefined): Float | undefined {
  return value === undefined ? undefined : new Float(value);
}

function msOf(ns: number | undefined): Float | undefined {
  return float(ns === undefined ? undefined : ns / 1e6);
}
