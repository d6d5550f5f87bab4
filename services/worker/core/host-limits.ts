/** Reads the kernel's own pages. Pure. */

/** Of `/proc/self/limits`. `unlimited` is Infinity; 0: not there. */
export function parseDescriptors(limits: string): { readonly soft: number; readonly hard: number } {
  const found = /^Max open files\s+(\S+)\s+(\S+)/m.exec(limits);
  const count = (text = "0"): number => (text === "unlimited" ? Number.POSITIVE_INFINITY : Number(text));
  return { soft: count(found?.[1]), hard: count(found?.[2]) };
}

/** Of `/proc/sys/net/ipv4/ip_local_port_range`; 0 and 0: not there. */
export function parsePorts(range: string): { readonly first: number; readonly last: number } {
  const found = /^(\d+)\s+(\d+)/.exec(range);
  return { first: Number(found?.[1] ?? 0), last: Number(found?.[2] ?? 0) };
}

/** Of a control group's `cpu.max`: how many cores' time it may use; Infinity: no limit. */
export function parseQuota(cpuMax: string): number {
  const found = /^(\d+) (\d+)/.exec(cpuMax);
  return found === null ? Number.POSITIVE_INFINITY : Number(found[1]) / Number(found[2]);
}

/** How many cores were busy between two readings of `/proc/stat`; 0: not known. */
export function coresBusy(before: string, after: string): number {
  const [first, last] = [parseStat(before), parseStat(after)];
  if (first === undefined || last === undefined || last.totalTicks <= first.totalTicks) return 0;
  const share = (last.busyTicks - first.busyTicks) / (last.totalTicks - first.totalTicks);
  return share * last.cores;
}

function parseStat(
  stat: string,
): { readonly busyTicks: number; readonly totalTicks: number; readonly cores: number } | undefined {
  const found = /^cpu +(.+)$/m.exec(stat)?.[1];
  if (found === undefined) return undefined;
  // user nice system idle iowait irq softirq steal; guest time is in user already.
  const ticks = found.trim().split(/\s+/).slice(0, 8).map(Number);
  const totalTicks = ticks.reduce((sum, count) => sum + count, 0);
  const idleTicks = (ticks[3] ?? 0) + (ticks[4] ?? 0);
  return { busyTicks: totalTicks - idleTicks, totalTicks, cores: stat.match(/^cpu\d+ /gm)?.length ?? 0 };
}
