/** Reads the figures of each load host from a run's rows. */
import { forEachOf } from "./chunk-values.ts";
import { UsageMeter } from "./core/client-usage.ts";
import { HostFigures, type HostSummary, type KnownHost } from "./core/host-figures.ts";
import { slowHostNotes } from "./core/host-rules.ts";
import type { WorkloadNote } from "./core/notes.ts";
import type { MemberRow } from "./core/rows.ts";
import { targetMetrics } from "./core/target-figures.ts";
import type { PhaseWork } from "./phase-work.ts";
import type { RunReader } from "./store/run-reader.ts";

/** What is told of the hosts of a phase. */
export interface HostsOfPhase {
  /** `requestThroughput`: of the whole phase. */
  summaries(requestThroughput: number | undefined): {
    readonly hosts: readonly HostSummary[];
    readonly notes: readonly WorkloadNote[];
  };
}

/**
 * By what the phases belong to; empty where the load came from one host that has the suite's own clock: nothing is to be told apart. One pass
 * over the rows for each metric.
 */
export function readHostFigures(reader: RunReader, works: ReadonlyMap<number, PhaseWork>): Map<PhaseWork, HostsOfPhase> {
  const members = reader.members().filter(({ services }) => services.includes("worker"));
  const hosts = hostsOf(members);
  if (hosts.length < 2 && (hosts[0]?.clock?.uncertaintyNs ?? 0) === 0) return new Map();
  const places = new Map(members.map(({ memberId, host }) => [memberId, hosts.findIndex(({ name }) => name === host)]));
  const figures = new Map([...new Set(works.values())].map((work) => [work, new HostFigures(hosts)]));
  readRows(reader, works, figures, places);
  const nameOf = new Map(members.map(({ memberId, host }) => [memberId, host]));
  return new Map(
    [...figures].map(([work, found]) => {
      const busy = loopUtilisation(reader, work, nameOf);
      return [
        work,
        {
          summaries(requestThroughput) {
            const { hosts: told, evidence } = found.summaries(requestThroughput, (name) => busy.get(name));
            return { hosts: told, notes: work.head.kind === "profiling" ? slowHostNotes(evidence) : [] };
          },
        },
      ];
    }),
  );
}

/** By name; each with the least certain clock of its workers. */
function hostsOf(members: readonly MemberRow[]): KnownHost[] {
  return [...Map.groupBy(members, ({ host }) => host)].map(([name, own]) => {
    const clocks = own.map(({ clock }) => clock).filter((clock) => clock !== undefined);
    const [clock] = clocks.toSorted((one, other) => other.uncertaintyNs - one.uncertaintyNs);
    return { name, cores: Math.max(...own.map(({ cores }) => cores)), clock };
  });
}

function readRows(
  reader: RunReader,
  works: ReadonlyMap<number, PhaseWork>,
  figures: ReadonlyMap<PhaseWork, HostFigures>,
  places: ReadonlyMap<string, number>,
): void {
  const byPhase = new Map([...works].flatMap(([phase, work]) => (figures.has(work) ? [[phase, { work, phase }] as const] : [])));
  const ceilings = new Set(
    [...works.values()].flatMap(({ rows }) => rows.filter(({ hasCeiling }) => hasCeiling).map(({ phase }) => phase)),
  );
  const metrics = targetMetrics.filter(({ tag }) => reader.metricTags.includes(tag));
  for (const [index, metric] of metrics.entries()) {
    const moments = index === 0 ? ["due_ns", "issued_ns", "sent_ns"] : [];
    for (const chunk of reader.chunks(["is_cancelled", "error_code", "worker_id", metric.tag, ...moments])) {
      const [isCancelled, errorCodes, workers, values, dueNs, issuedNs, sentNs] = chunk.columns;
      const ids = chunk.texts[2] ?? [];
      const hosts = ids.map((id) => places.get(id));
      forEachOf(chunk, byPhase, (place, { work, phase }) => {
        const tally = figures.get(work);
        const worker = workers?.[place] as number;
        const host = hosts[worker];
        if (tally === undefined || host === undefined) return;
        const outcome = isCancelled?.[place] === 1 ? "cancelled" : Number.isNaN(errorCodes?.[place]) ? "succeeded" : "errored";
        if (index === 0) {
          const due = dueNs?.[place] as number;
          // Under a ceiling a request is due when there is a place for it.
          const from = ceilings.has(phase) ? Math.max(due, issuedNs?.[place] as number) : due;
          tally.count(host, ids[worker] ?? "", outcome, (sentNs?.[place] as number) - from);
        }
        const value = values?.[place] as number;
        if (outcome === "succeeded" && !Number.isNaN(value)) tally.add(host, value, metric.tag);
      });
    }
    for (const tally of figures.values()) tally.endMetric(metric);
  }
}

/** By host, of its busiest worker while the phase sent and received. */
function loopUtilisation(
  reader: RunReader,
  { figures: { firstNs, lastNs } }: PhaseWork,
  nameOf: ReadonlyMap<string, string>,
): Map<string, number | undefined> {
  const meters = new Map<string, UsageMeter>();
  if (firstNs === undefined || lastNs === undefined) return new Map();
  reader.forEachUsage((reading) => {
    const name = nameOf.get(reading.workerId);
    if (name === undefined) return;
    const meter = meters.get(name) ?? new UsageMeter([{ startNs: firstNs, endNs: lastNs }]);
    meters.set(name, meter);
    meter.add(reading);
  });
  return new Map([...meters].map(([name, meter]) => [name, meter.usage().loopUtilisationMax]));
}
