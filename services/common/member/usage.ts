/** What this process uses, measured over the interval since the last reading. */
import { readdirSync } from "node:fs";
import { monitorEventLoopDelay, PerformanceObserver, performance } from "node:perf_hooks";
import { readHostLimits } from "../read-host-limits.ts";

export interface ProcessUsage {
  readonly cpuSec: number;
  readonly rssBytes: number;
  /** 0 to 1. */
  readonly loopUtilization: number;
  readonly loopDelayP99Ms: number;
  readonly loopDelayMaxMs: number;
  readonly gcMs: number;
  readonly gcCount: number;
  readonly gcMaxMs: number;
  /** 0: unknown. */
  readonly openFds: number;
  /** 0: unknown. */
  readonly maxFds: number;
}

export interface UsageMeter {
  /** Values since the call before. */
  read(): ProcessUsage;
  stop(): void;
}

let spunNs = 0;

/** Tells that this process kept its event loop from sleeping for so long, to be awake at a given moment: that is no work. */
export function countSpin(ns: number): void {
  spunNs += ns;
}

const resolutionMs = 10;
/** Counting descriptors costs a directory listing: with many of them only every so many readings. */
const manyFds = 1000;
const manyFdsEvery = 10;

/** Observes collections of garbage and delays of the loop until `stop`. */
export function createUsageMeter(): UsageMeter {
  const delay = monitorEventLoopDelay({ resolution: resolutionMs });
  delay.enable();
  let gcMs = 0;
  let gcCount = 0;
  let gcMaxMs = 0;
  const collector = new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) {
      gcMs += duration;
      gcCount++;
      gcMaxMs = Math.max(gcMaxMs, duration);
    }
  });
  collector.observe({ entryTypes: ["gc"] });
  const { maxFds } = readHostLimits();
  let lastLoop = performance.eventLoopUtilization();
  let lastSpunNs = spunNs;
  let openFds = 0;
  let rssBytes = 0;
  let readings = 0;

  return {
    read() {
      const loop = performance.eventLoopUtilization();
      const since = performance.eventLoopUtilization(loop, lastLoop);
      lastLoop = loop;
      const spunMs = (spunNs - lastSpunNs) / 1e6;
      lastSpunNs = spunNs;
      if (openFds < manyFds || readings % manyFdsEvery === 0) openFds = countFds(maxFds);
      rssBytes = readRss(rssBytes);
      readings++;
      const cpu = process.cpuUsage();
      const usage: ProcessUsage = {
        cpuSec: (cpu.user + cpu.system) / 1e6,
        rssBytes,
        loopUtilization: workShare(since, spunMs),
        // The histogram holds whole periods of its own timer; what is above one period is delay.
        loopDelayP99Ms: aboveResolutionMs(delay.percentile(99)),
        loopDelayMaxMs: aboveResolutionMs(delay.max),
        gcMs,
        gcCount,
        gcMaxMs,
        openFds,
        maxFds,
      };
      delay.reset();
      gcMs = 0;
      gcCount = 0;
      gcMaxMs = 0;
      return usage;
    },
    stop() {
      delay.disable();
      collector.disconnect();
    },
  };
}

function workShare({ active, idle }: { readonly active: number; readonly idle: number }, spunMs: number): number {
  return active + idle > 0 ? Math.max(0, active - spunMs) / (active + idle) : 0;
}

function aboveResolutionMs(ns: number): number {
  return Number.isFinite(ns) ? Math.max(0, ns / 1e6 - resolutionMs) : 0;
}

/** With none left to count them by, all are taken. */
function countFds(maxFds: number): number {
  try {
    return readdirSync("/proc/self/fd").length;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EMFILE" ? maxFds : 0;
  }
}

/** Takes a descriptor to read; without one it is as it was. */
function readRss(before: number): number {
  try {
    return process.memoryUsage.rss();
  } catch {
    return before;
  }
}
