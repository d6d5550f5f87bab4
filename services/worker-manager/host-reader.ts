/** Reads what Linux says of this host. */
import { readFile } from "node:fs/promises";
import { type CpuReading, type HostValue, hostValues, readCpu } from "./core/proc.ts";

export interface HostReader {
  /** What the host shows now, the use of processors since the reading before. Empty where there is no /proc. Never rejects. */
  read(): Promise<HostValue[]>;
}

/** @param root where /proc is. Default: there */
export function createHostReader(root = "/proc"): HostReader {
  let before: CpuReading | undefined;
  const text = (path: string): Promise<string | undefined> =>
    // Other systems, and containers that hide a file, have nothing to say.
    readFile(`${root}/${path}`, "utf8").catch(() => undefined);
  return {
    async read() {
      const [stat, meminfo, netDev, fileNr] = await Promise.all(["stat", "meminfo", "net/dev", "sys/fs/file-nr"].map(text));
      const cpu = stat === undefined ? undefined : readCpu(stat);
      const values = hostValues({ stat, meminfo, netDev, fileNr }, cpu, before);
      before = cpu;
      return values;
    },
  };
}
