/** How far figures can be trusted, as messages. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { Verdict } from "../../gen/assay/records_manager/v1/record_pb.js";
import type { BucketUsageSchema } from "../../gen/assay/records_manager/v1/records_manager_service_pb.js";
import type {
  ClientUsageSchema,
  SendsSchema,
  SpansSchema,
  SteadyStateSchema,
  VerdictReasonSchema,
} from "../../gen/assay/records_manager/v1/validity_pb.js";
import type { ClientUsage } from "./core/client-usage.ts";
import type { ClientSummary, PhaseSummary, SteadyState } from "./core/run-summary.ts";
import type { Spans } from "./core/send-log.ts";
import type { BucketUsage } from "./core/usage-bucket.ts";
import { distributionOf, runValueOf } from "./metric-wire.ts";

export function verdictOf(verdict: ClientSummary["verdict"]): Verdict {
  switch (verdict) {
    case "valid":
      return Verdict.VALID;
    case "suspect":
      return Verdict.SUSPECT;
    case "invalid":
      return Verdict.INVALID;
  }
}

export function reasonsOf({ reasons }: ClientSummary): MessageInitShape<typeof VerdictReasonSchema>[] {
  return reasons.map(({ code, verdict, message }) => ({ code, verdict: verdictOf(verdict), message }));
}

export function clientUsageOf(usage: ClientUsage): MessageInitShape<typeof ClientUsageSchema> {
  return {
    workers: usage.workers,
    gcCount: BigInt(usage.gcCount),
    openedConnections: BigInt(usage.openedConnections),
    replacedConnections: BigInt(usage.replacedConnections),
    ...known("loopUtilizationMax", usage.loopUtilisationMax),
    ...known("loopDelayMaxMs", msOf(usage.loopDelayMaxNs)),
    ...known("blockedShare", usage.blockedShare),
    ...known("gcShare", usage.gcShare),
    ...known("gcMaxMs", msOf(usage.gcMaxNs)),
    ...known("fdShareMax", usage.fdShareMax),
  };
}

export function bucketUsageOf(usage: BucketUsage): MessageInitShape<typeof BucketUsageSchema> {
  return {
    workers: usage.workers,
    gcMs: usage.gcNs / 1e6,
    gcCount: BigInt(usage.gcCount),
    connections: BigInt(usage.connections),
    openFds: BigInt(usage.openFds),
    ...known("loopUtilizationMax", usage.loopUtilisationMax),
    ...known("loopDelayMaxMs", msOf(usage.loopDelayMaxNs)),
    ...known("gcMaxMs", msOf(usage.gcMaxNs)),
  };
}

export function sendsOf({ sends, asked }: PhaseSummary): MessageInitShape<typeof SendsSchema> {
  const { dispersion, gapCorrelation, bursts, slotWaits, connectionWaits, turnaround } = sends;
  return {
    ...known("askedPerSec", asked.ratePerSec),
    ...known("scheduledPerSec", sends.scheduledPerSec),
    ...known("sentPerSec", sends.sentPerSec),
    ...known("dispersion", dispersion && { ...dispersion, ...known("expected", asked.dispersion) }),
    // Gaps of arrivals by a clock are all equal, so that only those drawn by themselves have a correlation to expect.
    ...known(
      "gapCorrelation",
      gapCorrelation && { ...gapCorrelation, ...(hasDrawnGaps(asked.dispersion) ? { expected: 0 } : {}) },
    ),
    ...known(
      "bursts",
      bursts && {
        count: BigInt(bursts.count),
        largest: BigInt(bursts.largest),
        spreadP50Ms: bursts.spreadP50Ns / 1e6,
        spreadMaxMs: bursts.spreadMaxNs / 1e6,
        slowCount: BigInt(bursts.slowCount),
      },
    ),
    ...known("firstLatenessMs", msOf(sends.firstLatenessNs)),
    ...known("slotWaits", slotWaits && spansOf(slotWaits)),
    ...known("connectionWaits", connectionWaits && spansOf(connectionWaits)),
    ...known("turnaround", turnaround && spansOf(turnaround)),
  };
}

export function steadyStateOf(steady: SteadyState): MessageInitShape<typeof SteadyStateSchema> {
  return {
    startSec: steady.startNs / 1e9,
    endSec: steady.endNs / 1e9,
    sends: BigInt(steady.sends),
    inFlight: steady.inFlight,
    metrics: [...steady.metrics.map(distributionOf), ...steady.runMetrics.map(runValueOf)],
  };
}

function hasDrawnGaps(dispersion: number | undefined): boolean {
  return dispersion !== undefined && dispersion > 0;
}

function spansOf({ count, p50Ns, p99Ns, maxNs }: Spans): MessageInitShape<typeof SpansSchema> {
  return { count: BigInt(count), p50Ms: p50Ns / 1e6, p99Ms: p99Ns / 1e6, maxMs: maxNs / 1e6 };
}

function msOf(ns: number | undefined): number | undefined {
  return ns === undefined ? undefined : ns / 1e6;
}

/** The field, where it has a value. */
function known<Name extends string, Value>(name: Name, value: Value | undefined): { [key in Name]?: Value } {
  return (value === undefined ? {} : { [name]: value }) as { [key in Name]?: Value };
}
