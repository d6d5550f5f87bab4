/** Where a target's host answers to TCP: what a latency probe connects to. Pure. */
import { parseBaseUrl, socketPathOf } from "../../../endpoints/target-url.ts";

export interface ProbedTarget {
  /** `host:port`, brackets around an IPv6 address. */
  readonly name: string;
  readonly host: string;
  readonly port: number;
}

/** One for each host and port, in the order of the URLs; those on Unix sockets have none, since no network leads to them. */
export function probedTargets(urls: readonly string[]): ProbedTarget[] {
  const targets = new Map<string, ProbedTarget>();
  for (const text of urls) {
    const url = parseBaseUrl(text);
    if (url === undefined || socketPathOf(url) !== undefined) continue;
    const port = url.port === "" ? (url.protocol === "https:" ? 443 : 80) : Number(url.port);
    const name = `${url.hostname}:${port}`;
    targets.set(name, { name, host: url.hostname.replace(/^\[|\]$/g, ""), port });
  }
  return [...targets.values()];
}
