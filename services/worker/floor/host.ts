/** What this host allows a process, and what else it is doing. Without /proc, 0 for what is not known. */
import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { setTimeout as delay } from "node:timers/promises";
import type { Floor } from "../../common/floor.ts";
import { coresBusy, parseDescriptors, parsePorts, parseQuota } from "../core/host-limits.ts";

const lookMs = 400;

/** How many descriptors this process may have, and how many local ports there are. */
export function readLimits(): Pick<Floor, "descriptors" | "ports"> {
  return {
    descriptors: parseDescriptors(textOf("/proc/self/limits")),
    ports: parsePorts(textOf("/proc/sys/net/ipv4/ip_local_port_range")),
  };
}

/** Watches for a moment in which this process sleeps. */
export async function readCores(signal: AbortSignal): Promise<Floor["cores"]> {
  const before = textOf("/proc/stat");
  await delay(lookMs, undefined, { signal });
  const quota = parseQuota(textOf("/sys/fs/cgroup/cpu.max"));
  return { usable: Math.min(availableParallelism(), quota), busy: coresBusy(before, textOf("/proc/stat")) };
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
