/** Batches of scrapes, usage and events from the wire to rows. */
import { ServiceKind } from "../../gen/assay/common/v1/common_pb.js";
import type { Member } from "../../gen/assay/controller/v1/controller_pb.js";
import type { SampleBatch, UsageSample } from "../../gen/assay/records_manager/v1/records_manager_service_pb.js";
import type { TimingProgress } from "../../gen/assay/timing/v1/timing_pb.js";
import type { PhaseHeartbeat } from "./core/accounts.ts";
import type { MemberRow, WorkerUsage } from "./core/rows.ts";
import type { Observations } from "./records-run.ts";
import type { ScrapeStream } from "./scrape-stream.ts";
import { servedFrom } from "./served-wire.ts";

/** CPU time of each member at its last sample; what is between two samples becomes a ratio. */
export type CpuMemory = Map<string, { readonly atNs: number; readonly cpuSec: number }>;

export function observationsOf(batch: SampleBatch, memory: CpuMemory, scrapes: ScrapeStream): Observations {
  const withPhase = batch.events.filter((event) => event.phase !== undefined);
  return {
    served: batch.served.map(servedFrom),
    members: batch.members.map(memberOf),
    scrapes: (tables) => {
      scrapes.declare(batch, tables);
      return scrapes.rowsOf(batch);
    },
    usage: batch.usage.filter((sample) => sample.isWorker).map((sample) => usageOf(sample, memory)),
    events: batch.events.map(({ atNs, memberId, kind, message }) => ({
      ns: atNs,
      service: memberId === "" ? "controller" : memberId,
      kind,
      message,
    })),
    heartbeats: batch.timing.filter((progress) => progress.ranges.length > 0).map(heartbeatOf),
    phaseStarts: withPhase
      .filter(({ kind }) => kind === "phase_started")
      .map(({ phase = 0, atNs }) => ({ phase, startNs: atNs })),
    phaseEnds: withPhase
      .filter(({ kind }) => kind === "returning_complete")
      .map(({ phase = 0, atNs }) => ({ phase, endNs: atNs })),
    clockUncertaintyNs: Math.max(0, ...batch.usage.map((sample) => sample.clockUncertaintyNs)),
  };
}

function memberOf({ memberId, host, services, pid, cores, labels, version, clock }: Member): MemberRow {
  return {
    memberId,
    host,
    services: services.map((service) => ServiceKind[service]?.toLowerCase().replaceAll("_", "-") ?? String(service)),
    pid,
    cores,
    labels,
    version,
    clock: clock && { offsetNs: clock.offsetNs, uncertaintyNs: clock.uncertaintyNs, driftPpm: clock.driftPpm },
  };
}

/** Timing's last word on a phase. */
export function heartbeatOf({ phase, ranges, lastDrawn, unused, dropped, lost }: TimingProgress): PhaseHeartbeat {
  return {
    phase,
    lowestId: Number(ranges[0]?.first ?? 0n),
    highestId: Number(lastDrawn),
    unused: Number(unused),
    dropped: Number(dropped),
    lost: Number(lost),
  };
}

function usageOf({ memberId, atNs, usage, counters }: UsageSample, memory: CpuMemory): WorkerUsage {
  const before = memory.get(memberId);
  const cpuSec = usage?.cpuSec ?? 0;
  memory.set(memberId, { atNs, cpuSec });
  const elapsedSec = before === undefined ? 0 : (atNs - before.atNs) / 1e9;
  return {
    workerId: memberId,
    ns: atNs,
    loopUtilisation: usage?.loopUtilization ?? Number.NaN,
    loopDelayP99Ns: (usage?.loopDelayP99Ms ?? Number.NaN) * 1e6,
    loopDelayMaxNs: (usage?.loopDelayMaxMs ?? Number.NaN) * 1e6,
    gcNs: (usage?.gcMs ?? Number.NaN) * 1e6,
    gcCount: usage?.gcCount ?? Number.NaN,
    gcMaxNs: (usage?.gcMaxMs ?? Number.NaN) * 1e6,
    cpuRatio: before === undefined || elapsedSec <= 0 ? Number.NaN : (cpuSec - before.cpuSec) / elapsedSec,
    rssBytes: Number(usage?.rssBytes ?? 0n),
    openFds: usage?.openFds ?? 0,
    maxFds: usage?.maxFds ?? 0,
    inFlight: Number(counters.in_flight ?? 0n),
    outboxBytes: Number(counters.outbox_bytes ?? 0n),
    connections: Number(counters.connections ?? 0n),
    openedConnections: Number(counters.opened_connections ?? 0n),
    replacedConnections: Number(counters.replaced_connections ?? 0n),
  };
}
