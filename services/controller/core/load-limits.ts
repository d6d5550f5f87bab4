/** Whether the hosts of the workers let a load open its connections: file descriptors and local ports. Pure. */
import { parseProxyUrl } from "../../../endpoints/proxy.ts";
import {
  ConcurrencyUnit,
  type PhaseSpec,
  type RunSpec,
  type ScheduleLoad,
  type TargetUrl,
  UrlStrategy,
} from "../../../gen/assay/common/v1/run_spec_pb.js";
import type { Member } from "../../../gen/assay/controller/v1/controller_pb.js";
import type { DatasetInfo } from "../../../gen/assay/dataset/v1/dataset_pb.js";
import type { FieldViolation } from "../../common/errors.ts";
import { workerFds } from "../../common/host-limits.ts";
import { type NamedHost, shareWorkers } from "./load-hosts.ts";

/** A host on which workers are started. */
export interface WorkerHost extends NamedHost {
  readonly cores: number;
  /** Descriptors that a process there may open; 0: not known. */
  readonly maxFds: number;
  /** Local ports for connections to one address and port; 0: not known. */
  readonly localPorts: number;
}

/** The host of a worker-manager. */
export function workerHost({ host, labels, cores, maxFds, localPorts }: Member): WorkerHost {
  return { name: host, labels, cores: Math.max(1, cores), maxFds, localPorts };
}

/** Above this part of a process's descriptors a run is told so. */
const tightFds = 0.9;
/** Above this part of the local ports Linux takes milliseconds to find a free one, all others of its parity being taken. */
const tightPorts = 0.5;

/** Fewest workers whose descriptors suffice for the load. */
export function workersForFds(spec: RunSpec, hosts: readonly WorkerHost[]): number {
  const known = hosts.map(({ maxFds }) => maxFds).filter((maxFds) => maxFds > workerFds);
  const most = Math.max(0, ...spec.phases.map((phase) => connectionsOf(phase, spec)?.count ?? 0));
  return known.length === 0 ? 1 : Math.max(1, Math.ceil(most / (Math.min(...known) - workerFds)));
}

export interface LoadLimits {
  /** The load cannot be had. */
  readonly violations: readonly FieldViolation[];
  /** It is near a limit, or may be above it. */
  readonly warnings: readonly string[];
}

/** What of a dataset tells when its conversations begin. */
export type DatasetTimes = Pick<DatasetInfo, "timedConversations" | "firstTimestampMs" | "lastTimestampMs">;

/**
 * Of the phases whose load the spec alone decides or, with `times`, of those that the dataset decides.
 * @param workers that the run will have, shared among the hosts as `shareWorkers` does
 */
export function loadLimits(spec: RunSpec, hosts: readonly WorkerHost[], workers: number, times?: DatasetTimes): LoadLimits {
  const violations: FieldViolation[] = [];
  const warnings: string[] = [];
  const shares = shareWorkers(workers, hosts, spec.workers?.workersPerHost);
  spec.phases.forEach((phase, index) => {
    const isByDataset = phase.load.case === "schedule";
    const connections = isByDataset === (times !== undefined) ? connectionsOf(phase, spec, times) : undefined;
    if (connections === undefined) return;
    const { count, isCertain, field } = connections;
    const perWorker = Math.ceil(count / workers);
    hosts.forEach((host, place) => {
      const own = shares[place] ?? 0;
      if (own === 0) return;
      for (const demand of [fdDemand(host, perWorker, { count, workers }), ...portDemands(host, perWorker * own, spec)]) {
        if (demand === undefined || demand.needed <= demand.tightShare * demand.limit) continue;
        const isRefused = demand.needed > demand.limit && isCertain && demand.isCertain;
        if (isRefused) violations.push({ field: `phases[${index}].${field}`, description: demand.words });
        else warnings.push(`phase ${phase.name}: ${demand.needed > demand.limit ? "" : "near a limit: "}${demand.words}`);
      }
    });
  });
  return { violations, warnings };
}

interface Demand {
  readonly needed: number;
  readonly limit: number;
  /** Above this part of the limit it is near. */
  readonly tightShare: number;
  readonly isCertain: boolean;
  /** What is needed, what there is, and what to do. */
  readonly words: string;
}

function fdDemand(
  { name, maxFds }: WorkerHost,
  perWorker: number,
  { count, workers }: { readonly count: number; readonly workers: number },
): Demand | undefined {
  if (maxFds === 0) return undefined;
  const needed = perWorker + workerFds;
  const enough = Math.ceil(count / Math.max(1, maxFds - workerFds));
  return {
    needed,
    limit: maxFds,
    tightShare: tightFds,
    isCertain: true,
    words:
      `${count} connections on ${workers} ${workers === 1 ? "worker" : "workers"} need ${needed} file descriptors a process, ` +
      `${name} gives ${maxFds}: take at least ${enough} workers (--workers-max), or raise the limit there (ulimit -n ${needed})`,
  };
}

/** Of each address and port that connections go to: those of the target, or the proxy's. */
function portDemands({ name, localPorts }: WorkerHost, onHost: number, { target }: RunSpec): (Demand | undefined)[] {
  if (localPorts === 0 || target === undefined) return [];
  const weightOf = ({ weight = 1 }: TargetUrl): number => (target.urlStrategy === UrlStrategy.WEIGHTED ? weight : 1);
  const total = target.urls.reduce((sum, url) => sum + weightOf(url), 0);
  const proxy = parseProxyUrl(target.proxyUrl);
  const viaProxy = target.proxyUrl === "" || proxy === undefined ? undefined : placeOf(proxy.shown);
  const places = Map.groupBy(target.urls, ({ url }) => viaProxy ?? placeOf(url));
  return [...places].map(([place, urls]) => {
    const share = urls.reduce((sum, url) => sum + weightOf(url), 0) / total;
    const needed = Math.ceil(onHost * share);
    return {
      needed,
      limit: localPorts,
      tightShare: tightPorts,
      isCertain: isAddress(place) && (viaProxy !== undefined || target.urlStrategy !== UrlStrategy.LEAST_LOADED),
      words:
        `${needed} connections from ${name} to ${place} need as many local ports, there are ${localPorts}: ` +
        `widen net.ipv4.ip_local_port_range there, ${viaProxy === undefined ? "give the target more addresses or ports (--url again), " : ""}or take more hosts`,
    };
  });
}

/** Host and port; names as they are. */
function placeOf(url: string): string {
  if (!URL.canParse(url)) return url;
  const { host, port, protocol } = new URL(url);
  return port === "" ? `${host}:${protocol === "https:" ? 443 : 80}` : host;
}

/** A name may have several addresses. */
function isAddress(place: string): boolean {
  return /^(\d+\.\d+\.\d+\.\d+|\[[0-9a-f:.]+\]|localhost):\d+$/.test(place);
}

interface Connections {
  readonly count: number;
  /** Whether so many will be open at some moment, whatever the target does. */
  readonly isCertain: boolean;
  /** Below the phase, for who asked for them. */
  readonly field: string;
}

/** Most connections at once; undefined: not known beforehand. */
function connectionsOf({ load, stop }: PhaseSpec, spec: RunSpec, times?: DatasetTimes): Connections | undefined {
  const asked = Number(stop?.requestCount ?? Number.POSITIVE_INFINITY);
  switch (load.case) {
    case "concurrency": {
      const { limit, unit } = load.value;
      const isCertain = unit === ConcurrencyUnit.REQUEST || !mayPause(spec);
      return { count: Math.min(limit, asked), isCertain, field: "concurrency.limit" };
    }
    case "rate": {
      const { concurrencyCeiling, bursts } = load.value;
      // Bursts that find slow answers add up; one of them is the least that is open at once.
      const most = concurrencyCeiling ?? bursts?.size;
      const field = concurrencyCeiling === undefined ? "rate.bursts.size" : "rate.concurrency_ceiling";
      return most === undefined ? undefined : { count: Math.min(most, asked), isCertain: false, field };
    }
    case "userCentric": {
      const { users, concurrencyCeiling = users } = load.value;
      return { count: Math.min(users, concurrencyCeiling, asked), isCertain: false, field: "user_centric.users" };
    }
    case "schedule": {
      const { concurrencyCeiling } = load.value;
      if (concurrencyCeiling !== undefined) {
        return { count: Math.min(concurrencyCeiling, asked), isCertain: false, field: "schedule.concurrency_ceiling" };
      }
      const count = times === undefined ? 0 : sessionsOfSecond(load.value, times);
      return count === 0 ? undefined : { count: Math.min(count, asked), isCertain: false, field: "schedule" };
    }
    default:
      return undefined;
  }
}

/** How many sessions of a schedule begin in a second, in the mean; all of them where it takes no longer. */
function sessionsOfSecond({ speedup = 1 }: ScheduleLoad, times: DatasetTimes): number {
  const { timedConversations, firstTimestampMs, lastTimestampMs } = times;
  const tookSec = (lastTimestampMs - firstTimestampMs) / 1e3 / speedup;
  return Math.ceil(Number(timedConversations) / Math.max(1, tookSec));
}

/** Whether sessions may hold their place without a request. */
function mayPause({ dataset }: RunSpec): boolean {
  const source = dataset?.source;
  if (source?.case !== "synthetic") return true;
  const { mean = 0, stddev = 0 } = source.value.turnDelayMs ?? {};
  return mean > 0 || stddev > 0;
}
