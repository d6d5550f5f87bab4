/** What processes have used, by /proc: to the nanosecond, where the ticks of their own clocks are 10 ms. */
import { readdirSync, readFileSync } from "node:fs";

/** CPU time of all threads that live, in µs. 0: it has ended. */
export function cpuUsOf(pid: number): number {
  let ns = 0;
  try {
    for (const thread of readdirSync(`/proc/${pid}/task`)) {
      ns += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8").split(" ")[0]);
    }
  } catch {
    // A thread, or the process, has ended meanwhile.
  }
  return ns / 1000;
}

/** Resident memory, in bytes. */
export function residentBytesOf(pid: number): number {
  const [, kb = "0"] = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Number(kb) * 1024;
}
