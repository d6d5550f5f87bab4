/** What every process counts of itself as a process. Read when somebody asks; only the collector's pauses are counted as they come. */
import { constants, PerformanceObserver, performance } from "node:perf_hooks";
import type { ProcessUsage } from "../member/usage.ts";
import { version } from "../version.ts";
import { defineInstruments, familiesOf, Histogram } from "./counting.ts";
import type { Family } from "./instrument.ts";

export const processInstruments = defineInstruments({
  assay_process_build_info: {
    kind: "gauge",
    unit: "{info}",
    help: "1, with the version of Assay and of Node and the services of this process as labels",
    labels: ["version", "node", "services"],
  },
  assay_process_start_time_seconds: {
    kind: "gauge",
    unit: "s",
    help: "When this process started, in seconds since the Unix epoch",
  },
  assay_process_cpu_seconds_total: {
    kind: "counter",
    unit: "s",
    help: "Processor time used, by mode: user or system",
    labels: ["mode"],
  },
  assay_process_resident_memory_bytes: { kind: "gauge", unit: "By", help: "Resident memory" },
  assay_process_heap_used_bytes: { kind: "gauge", unit: "By", help: "JavaScript heap in use" },
  assay_process_open_fds: { kind: "gauge", unit: "{fd}", help: "Open file descriptors, as of the last heartbeat" },
  assay_process_max_fds: { kind: "gauge", unit: "{fd}", help: "File descriptors that may be open; 0 where that is not known" },
  assay_process_event_loop_seconds_total: {
    kind: "counter",
    unit: "s",
    help: "Time of the event loop by state, active or idle; the utilisation is the active share of an interval",
    labels: ["state"],
  },
  assay_process_event_loop_utilization_ratio: {
    kind: "gauge",
    unit: "1",
    help: "Share of the time that the event loop was active, over the last heartbeat's interval",
  },
  assay_process_event_loop_delay_seconds: {
    kind: "histogram",
    unit: "s",
    help: "Longest delay of the event loop in each heartbeat's interval (0.5 s with a run, 2 s without)",
    bounds: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5],
  },
  assay_process_gc_seconds_total: {
    kind: "counter",
    unit: "s",
    help: "Time spent in garbage collection, by kind of collection",
    labels: ["collection"],
  },
  assay_process_gc_pauses_total: {
    kind: "counter",
    unit: "{pause}",
    help: "Garbage collections, by kind",
    labels: ["collection"],
  },
});

/** The measurements of one process. */
export interface ProcessMeter {
  /** A heartbeat has measured this. */
  add(usage: ProcessUsage): void;
  families(): Family[];
  stop(): void;
}

const collections = {
  minor: constants.NODE_PERFORMANCE_GC_MINOR,
  major: constants.NODE_PERFORMANCE_GC_MAJOR,
  incremental: constants.NODE_PERFORMANCE_GC_INCREMENTAL,
  weak_callbacks: constants.NODE_PERFORMANCE_GC_WEAKCB,
} as const;

export function createProcessMeter(services: readonly string[]): ProcessMeter {
  const delay = new Histogram(processInstruments.assay_process_event_loop_delay_seconds.bounds);
  const collected = Object.entries(collections).map(([collection, kind]) => ({ collection, kind, seconds: 0, pauses: 0 }));
  let last: ProcessUsage | undefined;
  const observer = new PerformanceObserver((list) => {
    for (const pause of list.getEntries()) {
      const entry = collected.find(({ kind }) => kind === kindOf(pause));
      if (entry === undefined) continue;
      entry.seconds += pause.duration / 1000;
      entry.pauses++;
    }
  });
  observer.observe({ entryTypes: ["gc"] });

  return {
    add(usage) {
      last = usage;
      delay.observe(usage.loopDelayMaxMs / 1000);
    },
    families() {
      const { user, system } = process.cpuUsage();
      const { rss, heapUsed } = process.memoryUsage();
      const { active, idle } = performance.eventLoopUtilization();
      return familiesOf(processInstruments, {
        assay_process_build_info: [{ labels: { version, node: process.versions.node, services: services.join(",") }, value: 1 }],
        assay_process_start_time_seconds: performance.timeOrigin / 1000,
        assay_process_cpu_seconds_total: [
          { labels: { mode: "user" }, value: user / 1e6 },
          { labels: { mode: "system" }, value: system / 1e6 },
        ],
        assay_process_resident_memory_bytes: rss,
        assay_process_heap_used_bytes: heapUsed,
        assay_process_open_fds: last?.openFds ?? 0,
        assay_process_max_fds: last?.maxFds ?? 0,
        assay_process_event_loop_seconds_total: [
          { labels: { state: "active" }, value: active / 1000 },
          { labels: { state: "idle" }, value: idle / 1000 },
        ],
        assay_process_event_loop_utilization_ratio: last?.loopUtilization ?? 0,
        assay_process_event_loop_delay_seconds: delay.distribution,
        assay_process_gc_seconds_total: collected.map(({ collection, seconds }) => ({ labels: { collection }, value: seconds })),
        assay_process_gc_pauses_total: collected.map(({ collection, pauses }) => ({ labels: { collection }, value: pauses })),
      });
    },
    stop: () => observer.disconnect(),
  };
}

function kindOf(pause: object): unknown {
  const detail: unknown = "detail" in pause ? pause.detail : undefined;
  return typeof detail === "object" && detail !== null && "kind" in detail ? detail.kind : undefined;
}
