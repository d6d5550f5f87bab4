/** Figures of each host that the load of a phase came from, from rows one at a time. Pure. */
import type { RecordMetric } from "../../../metrics/metric.ts";
import { requestLatency } from "../../../metrics/request-latency.ts";
import { Column } from "./column.ts";
import { type HostEvidence, medianRange } from "./host-rules.ts";
import type { MemberClock } from "./rows.ts";
import type { MetricStatistics, TargetSummary } from "./run-summary.ts";
import { type Spans, spansOf } from "./send-log.ts";
import { TargetFigures } from "./target-figures.ts";

/** A load host, as its members told of it. */
export interface KnownHost {
  readonly name: string;
  readonly cores: number;
  /** The least certain of its members'; undefined: not measured. */
  readonly clock: MemberClock | undefined;
}

/** One of the load hosts over one phase. */
export interface HostSummary
  extends Pick<TargetSummary, "succeeded" | "errored" | "cancelled" | "throughputShare" | "requestThroughput">,
    KnownHost {
  /** Workers that sent a request. */
  readonly workers: number;
  /** Of its succeeded requests; those that have a value. */
  readonly metrics: readonly MetricStatistics[];
  /** Undefined: no request had a due time. */
  readonly lateness: Spans | undefined;
  /** Of its busiest worker, as `ClientUsage` has it. */
  readonly loopUtilisationMax: number | undefined;
}

/** As `TargetFigures`, whose order of calls it has, by the place of a host among those that are known. */
export class HostFigures {
  readonly #hosts: readonly KnownHost[];
  readonly #figures: TargetFigures;
  readonly #workers: readonly Set<string>[];
  readonly #lateness: readonly Column[];
  readonly #medians: (HostEvidence["latency"] | undefined)[];
  #latencies: readonly Column[];

  constructor(hosts: readonly KnownHost[]) {
    this.#hosts = hosts;
    this.#figures = new TargetFigures(hosts.map(({ name }) => name));
    this.#workers = hosts.map(() => new Set());
    this.#lateness = hosts.map(() => new Column());
    this.#latencies = hosts.map(() => new Column());
    this.#medians = hosts.map(() => undefined);
  }

  /** `latenessNs`: NaN without a due time. */
  count(host: number, workerId: string, outcome: "succeeded" | "errored" | "cancelled", latenessNs: number): void {
    this.#figures.count(host, outcome);
    this.#workers[host]?.add(workerId);
    if (!Number.isNaN(latenessNs)) this.#lateness[host]?.push(latenessNs);
  }

  add(host: number, value: number, tag: string): void {
    this.#figures.add(host, value);
    if (tag === requestLatency.tag) this.#latencies[host]?.push(value);
  }

  endMetric(metric: RecordMetric): void {
    this.#figures.endMetric(metric);
    if (metric.tag !== requestLatency.tag) return;
    for (const [host, column] of this.#latencies.entries()) this.#medians[host] = medianRange(column.values());
    this.#latencies = [];
  }

  /** Hosts that sent a request, by name, and what the rules of slow hosts look at. `loopUtilisationOf`: by name. */
  summaries(
    requestThroughput: number | undefined,
    loopUtilisationOf: (name: string) => number | undefined,
  ): { readonly hosts: HostSummary[]; readonly evidence: HostEvidence[] } {
    const told = this.#figures.summaries(requestThroughput).map(({ index: at, label: _label, ...figures }) => {
      const known = this.#hosts[at] ?? { name: "", cores: 0, clock: undefined };
      const lateness = spansOf(this.#lateness[at]?.values() ?? new Float64Array());
      const loopUtilisationMax = loopUtilisationOf(known.name);
      const host = { ...known, ...figures, workers: this.#workers[at]?.size ?? 0, lateness, loopUtilisationMax };
      return { host, evidence: { name: known.name, latency: this.#medians[at], lateness, loopUtilisationMax } };
    });
    const there = told.filter(({ host }) => host.workers > 0);
    return { hosts: there.map(({ host }) => host), evidence: there.map(({ evidence }) => evidence) };
  }
}
