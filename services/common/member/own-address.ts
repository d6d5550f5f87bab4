/**
 * Where others reach a process that listens on every address of its host, which is nobody's address: at the one that the host has
 * towards the controller, as the kernel would choose it for the connection of Join. Nothing is sent to find out.
 */
import { createSocket } from "node:dgram";
import { lookup } from "node:dns/promises";
import { once } from "node:events";
import { isIP } from "node:net";
import { networkInterfaces } from "node:os";
import { setTimeout as delay } from "node:timers/promises";
import { AssayError, messageOf } from "../errors.ts";
import { hostPort } from "../host-port.ts";

export interface OwnHostOptions {
  /** Listened on. */
  readonly host: string;
  /** `host:port`; undefined: this process serves the controller itself. */
  readonly controller: string | undefined;
  /** Ends the wait for the controller's name and for a way to it, which may be there later than this process. */
  readonly signal: AbortSignal;
}

/** For an address that leads nowhere: of documentation (RFC 5737, RFC 3849), which the default route is for as for any other. */
const elsewhere = { 4: "192.0.2.1", 6: "2001:db8::1" } as const;
/** Not used: a socket of datagrams that is connected has a route and an address, and sends nothing. */
const anyPort = 9;
const retryMs = 250;

/** Whether this stands for every address of a host, in whichever spelling. */
export function isWildcard(host: string): boolean {
  const shown = host.includes(":") && !host.startsWith("[") ? `[${host}]` : host;
  const { hostname } = URL.canParse(`http://${shown}`) ? new URL(`http://${shown}`) : { hostname: "" };
  return hostname === "0.0.0.0" || hostname === "[::]" || hostname === "[::ffff:0:0]";
}

/** `host:port` of what others are to be given: as it was written, or with the port that is listened on where it has none. */
export function advertisedAddress(advertise: string, port: number): string {
  return isIP(advertise) !== 6 && /:\d+$/.test(advertise) ? advertise : hostPort(hostOf(advertise), port);
}

/** The same for a process that this one starts, whose port is another. */
export function advertisedHost(advertise: string | null): string | null {
  return advertise === null ? null : hostOf(advertise);
}

/** Of `host:port` or of a host alone, without brackets. */
export function hostOf(address: string): string {
  const [, bracketed, plain] = /^(?:\[(.*)\]|([^:]*))(?::\d+)?$/.exec(address) ?? [];
  return bracketed ?? plain ?? address;
}

/**
 * The host by which others reach this process: the one that is listened on, unless that is a wildcard. Rejects with `invalid_argument`
 * where the controller is of another family than what is listened on, and with `unavailable` where nothing leads to it until the signal
 * aborts.
 */
export async function ownHost({ host, controller, signal }: OwnHostOptions): Promise<string> {
  if (!isWildcard(host)) return host;
  // Whoever listens on all of IPv6 listens on all of IPv4, too.
  const families = isIP(host) === 6 ? ([4, 6] as const) : ([4] as const);
  return controller === undefined ? outwardAddress(families) : addressTowards(controller, { host, families, signal });
}

interface Listening extends Pick<OwnHostOptions, "host" | "signal"> {
  readonly families: readonly (4 | 6)[];
}

async function addressTowards(controller: string, { host, families, signal }: Listening): Promise<string> {
  const name = hostOf(controller);
  const refusal = `--host ${host}: others would be given no address of this host that leads to the controller at ${controller}`;
  const hint = "--advertise says one";
  if (isIP(name) === 6 && !families.includes(6)) throw new AssayError("invalid_argument", `${refusal}; ${hint}`);
  for (;;) {
    try {
      const { address } = await lookup(name, { family: families.length > 1 ? 0 : 4 });
      return await localAddress(address);
    } catch (error) {
      if (signal.aborted) throw new AssayError("unavailable", `${refusal}: ${messageOf(error)}; ${hint}`, { cause: error });
      await delay(retryMs, undefined, { signal }).catch(() => {});
    }
  }
}

/** By the default route, else any that other hosts may know; a host without has its own loopback alone. */
async function outwardAddress(families: readonly (4 | 6)[]): Promise<string> {
  for (const family of families) {
    const found = await localAddress(elsewhere[family]).catch(() => undefined);
    if (found !== undefined) return found;
  }
  const others = Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .filter(({ internal, family, scopeid = 0 }) => !internal && scopeid === 0 && families.includes(family === "IPv6" ? 6 : 4));
  return others[0]?.address ?? "127.0.0.1";
}

/** This host's end of a connection to an address. */
async function localAddress(remote: string): Promise<string> {
  const socket = createSocket(isIP(remote) === 6 ? "udp6" : "udp4");
  try {
    socket.connect(anyPort, remote);
    await once(socket, "connect");
    return socket.address().address;
  } finally {
    socket.close();
  }
}
