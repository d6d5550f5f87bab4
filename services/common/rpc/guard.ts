/**
 * Keeps other web sites' pages away from a server on HTTP/1.1: DNS rebinding (foreign Host) and cross-site requests (foreign
 * Origin). HTTP/2 needs none of it: browsers speak no cleartext HTTP/2, and TLS names a certificate.
 */

/** The headers of a request that are looked at. */
export interface GuardedRequest {
  readonly method: string | undefined;
  readonly isEncrypted: boolean;
  readonly host: string | undefined;
  readonly origin: string | undefined;
  readonly fetchSite: string | undefined;
  readonly fetchMode: string | undefined;
}

/** Why a request is refused; undefined = it may pass. `hosts` are the lower-case values of Host that name this server. */
export function refusalOf(request: GuardedRequest, hosts: ReadonlySet<string>): string | undefined {
  const host = request.host?.toLowerCase() ?? "";
  if (!hosts.has(host)) return `host "${host}" is not this server`;
  const origin = request.origin?.toLowerCase();
  const own = `${request.isEncrypted ? "https" : "http"}://${host}`;
  if (origin !== undefined && origin !== own) return `origin "${origin}" is another site`;
  const site = request.fetchSite ?? "none";
  if (site === "none" || site === "same-origin") return undefined;
  // Following a link from another site to a page shows the page to the user and nothing to that site.
  if (request.method === "GET" && request.fetchMode === "navigate") return undefined;
  return `sent from another site (${site})`;
}

/**
 * The values of Host that name a server: loopback names and `names`, each with the port, and without it where it is the scheme's
 * own. A name may carry a port of its own, as behind a port mapping.
 */
export function hostsOf(names: readonly string[], port: number, isEncrypted: boolean): Set<string> {
  const hosts = new Set<string>();
  for (const name of ["localhost", "127.0.0.1", "[::1]", ...names]) {
    const lower = name.toLowerCase();
    const bracketed = lower.includes("::") && !lower.startsWith("[") ? `[${lower}]` : lower;
    if (/:\d+$/.test(bracketed) && !bracketed.endsWith("]")) {
      hosts.add(bracketed);
      continue;
    }
    hosts.add(`${bracketed}:${port}`);
    if (port === (isEncrypted ? 443 : 80)) hosts.add(bracketed);
  }
  return hosts;
}
