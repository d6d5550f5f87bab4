/** What a host lets its processes open, from what Linux says of it. Pure. */

export interface HostLimits {
  /** Descriptors that a process like this one may have open; 0: not known. */
  readonly maxFds: number;
  /** Local ports that there are for connections to one address and port; 0: not known. */
  readonly localPorts: number;
}

/** What a worker has open beside its connections, with room to spare. */
export const workerFds = 64;

/** From the text of `/proc/<pid>/limits`; 0 where it does not say, or says that there is no limit. */
export function maxFdsOf(limits: string): number {
  return Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1] ?? 0);
}

/** From the texts of `ip_local_port_range` (`32768 60999`) and `ip_local_reserved_ports` (`8080,9148-9150`). */
export function localPortsOf(range: string, reserved: string): number {
  const [first, last] = range.trim().split(/\s+/).map(Number);
  if (first === undefined || last === undefined || !(last >= first)) return 0;
  const taken = reserved
    .trim()
    .split(",")
    .map((part) => part.split("-").map(Number))
    .map(([from = Number.NaN, to = from]) => Math.min(to, last) - Math.max(from, first) + 1);
  return taken.reduce((left, count) => (count > 0 ? left - count : left), last - first + 1);
}
