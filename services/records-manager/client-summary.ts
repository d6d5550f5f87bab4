/** The verdict on the client of a run, from its summary and from what its workers and the suite reported. */
import { opensConnectionsAlways } from "./core/asked-load.ts";
import { type ClientUsage, UsageMeter } from "./core/client-usage.ts";
import type { PhaseEvidence } from "./core/phase-rules.ts";
import { FENCED_OVERRUN_EVENT, OUTBOX_FULL_EVENT, PROTOCOL_VIOLATION_EVENT } from "./core/rows.ts";
import type { ClientSummary, PhaseSummary } from "./core/run-summary.ts";
import { type ClientEvidence, clientVerdict } from "./core/verdict.ts";
import type { PhaseWork } from "./phase-work.ts";
import type { RunReader } from "./store/run-reader.ts";
import type { RunRow } from "./store/run-rows.ts";

/** `works` and `summaries` are of the same phases, all rows read. */
export function clientSummary(
  reader: RunReader,
  { clockUncertaintyNs, spec }: RunRow,
  works: readonly PhaseWork[],
  summaries: readonly PhaseSummary[],
): ClientSummary {
  const total = (count: (summary: PhaseSummary) => number) => summaries.reduce((sum, summary) => sum + count(summary), 0);
  // A phase that is only warmup may be late as it likes; its records must be whole all the same.
  const measured = works.filter((work) => work.head.kind === "profiling");
  const opensAlways = opensConnectionsAlways(spec);
  const usage = usageIn(reader, measured);
  const evidence: ClientEvidence = {
    usage,
    phases: measured.map((work) => phaseEvidence(work, opensAlways)),
    clockUncertaintyNs,
    drawn: total(({ counts }) => counts.drawn),
    missing: total(({ counts }) => counts.missingRecord + counts.missingLost + counts.unaccounted),
    unconnected: total(({ errorDetails }) => unconnectedOf(errorDetails)),
    late: total(({ late }) => late),
    conflicts: total(({ conflicts }) => conflicts),
    isAccountComplete: summaries.every((summary) => !summary.isClosed || summary.isAccountComplete),
    fencedOverruns: reader.eventCount(FENCED_OVERRUN_EVENT),
    protocolViolations: reader.eventCount(PROTOCOL_VIOLATION_EVENT),
    outboxStops: reader.eventCount(OUTBOX_FULL_EVENT),
  };
  return { ...clientVerdict(evidence), usage, clockUncertaintyNs };
}

/** Requests that this host had no socket for. */
function unconnectedOf(details: PhaseSummary["errorDetails"]): number {
  const own = details.filter(({ code, phase }) => code === "unsendable" && phase === "connect");
  return own.reduce((sum, { count }) => sum + count, 0);
}

function phaseEvidence({ figures }: PhaseWork, opensAlways: boolean): PhaseEvidence {
  const { lateness, sends } = figures.moments();
  return {
    lateness: lateness && figures.latenessEvidence(lateness),
    arrivals: figures.arrivals(),
    sends,
    opensAlways,
  };
}

/** From the first send of each measured phase to its last end. */
function usageIn(reader: RunReader, measured: readonly PhaseWork[]): ClientUsage {
  const windows = measured.flatMap(({ figures: { firstNs, lastNs } }) => {
    return firstNs === undefined || lastNs === undefined ? [] : [{ startNs: firstNs, endNs: lastNs }];
  });
  const meter = new UsageMeter(windows);
  reader.forEachUsage((reading) => meter.add(reading));
  return meter.usage();
}
