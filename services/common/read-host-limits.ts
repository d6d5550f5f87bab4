/** Reads the limits of this host. Linux says them in files; elsewhere they are not known. */
import { readFileSync } from "node:fs";
import { type HostLimits, localPortsOf, maxFdsOf } from "./host-limits.ts";

/** Node raises its own soft limit to the hard one when it starts, and its children inherit it. */
export function readHostLimits(): HostLimits {
  return {
    maxFds: maxFdsOf(textOf("/proc/self/limits")),
    localPorts: localPortsOf(
      textOf("/proc/sys/net/ipv4/ip_local_port_range"),
      textOf("/proc/sys/net/ipv4/ip_local_reserved_ports"),
    ),
  };
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    // Not Linux, or not to be read by this user: not known.
    return "";
  }
}
