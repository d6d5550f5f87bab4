/** What members say of a run beside its requests, as the rows that it becomes. Times become whole ns, since the tables are strict. */
import type { EventRow, MemberRow, WorkerUsage } from "../core/rows.ts";
import { SERVED_TIMES, type ServedModel } from "../core/served.ts";

/** How rows of one table are put in. */
export interface ObservedTable<Row> {
  readonly insert: string;
  /** In the order of its parameters. */
  readonly valuesOf: (row: Row) => unknown[];
}

export const workerUsageTable: ObservedTable<WorkerUsage> = {
  insert: `INSERT INTO worker_usage VALUES (?${", ?".repeat(16)})`,
  valuesOf: (row) => [
    row.workerId,
    Math.round(row.ns),
    row.loopUtilisation,
    row.loopDelayP99Ns,
    row.loopDelayMaxNs,
    row.gcNs,
    row.gcCount,
    row.gcMaxNs,
    row.cpuRatio,
    row.rssBytes,
    row.openFds,
    row.maxFds,
    row.inFlight,
    row.outboxBytes,
    row.connections,
    row.openedConnections,
    row.replacedConnections,
  ],
};

/** The last word on a model counts. */
export const servedTable: ObservedTable<ServedModel> = {
  insert: `INSERT OR REPLACE INTO served_models VALUES (?${", ?".repeat(6 + 2 * SERVED_TIMES.length)})`,
  valuesOf: ({ phase, server, model, version, inferences, executions, times, batches }) => [
    phase,
    server,
    model,
    version,
    inferences,
    executions,
    ...SERVED_TIMES.flatMap((name) => [times[name].count, Math.round(times[name].ns)]),
    JSON.stringify(batches.map(({ size, executions, computeInferNs }) => [size, executions, Math.round(computeInferNs)])),
  ],
};

/** Of a clock the last offset and drift count, and the largest uncertainty. */
export const memberTable: ObservedTable<MemberRow> = {
  insert: `INSERT INTO members VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (member_id) DO UPDATE SET
    host = excluded.host, services = excluded.services, pid = excluded.pid, cores = excluded.cores, labels = excluded.labels,
    version = excluded.version, clock_offset_ns = coalesce(excluded.clock_offset_ns, clock_offset_ns),
    clock_uncertainty_ns = max(coalesce(excluded.clock_uncertainty_ns, clock_uncertainty_ns), coalesce(clock_uncertainty_ns, excluded.clock_uncertainty_ns)),
    clock_drift_ppm = coalesce(excluded.clock_drift_ppm, clock_drift_ppm)`,
  valuesOf: ({ memberId, host, services, pid, cores, labels, version, clock }) => [
    memberId,
    host,
    services.join(","),
    pid,
    cores,
    JSON.stringify(labels),
    version,
    clock?.offsetNs ?? null,
    clock?.uncertaintyNs ?? null,
    clock?.driftPpm ?? null,
  ],
};

/** Names by the conversations' indices. What is known of one already stays. */
export const conversationTable: ObservedTable<readonly [conversation: number, name: string]> = {
  insert: "INSERT INTO conversations VALUES (?, ?) ON CONFLICT DO NOTHING",
  valuesOf: (row) => [...row],
};

export const eventTable: ObservedTable<EventRow> = {
  insert: "INSERT INTO events VALUES (?, ?, ?, ?, ?)",
  valuesOf: ({ ns, service, kind, message, detail }) => [Math.round(ns), service, kind, message, detail ?? null],
};
