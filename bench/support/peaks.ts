/** The most memory that each process of a command has held. */
import { readFileSync } from "node:fs";
import { treeOf } from "./assay.ts";

const sampleMs = 100;

export interface Peaks {
  /** Largest resident set so far, in MB, by what the process is: `command`, or the services that it has; of several of the same the largest. */
  readonly mbByProcess: ReadonlyMap<string, number>;
  stop(): void;
}

/** Watches a process and all that it starts, ten times a second: the kernel keeps the peak, so that only what ends in between is missed. */
export function watchPeaks(pid: number): Peaks {
  const mbByProcess = new Map<string, number>();
  const timer = setInterval(() => {
    for (const each of treeOf(pid)) {
      const seen = peakOf(each);
      if (seen !== undefined) mbByProcess.set(seen.name, Math.max(seen.mb, mbByProcess.get(seen.name) ?? 0));
    }
  }, sampleMs);
  return { mbByProcess, stop: () => clearInterval(timer) };
}

/** Undefined: it has ended. */
function peakOf(pid: number): { readonly name: string; readonly mb: number } | undefined {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "latin1");
    const services = /--services=([^\0]+)\0/.exec(readFileSync(`/proc/${pid}/cmdline`, "latin1"))?.[1];
    return { name: services ?? "command", mb: Number(/^VmHWM:\s+(\d+)/m.exec(status)?.[1] ?? 0) / 1000 };
  } catch {
    return undefined;
  }
}
