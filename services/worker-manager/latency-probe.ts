/** Round trips of the network: how long a host takes to accept a TCP connection, which says nothing and is closed at once. */
import type { LookupAddress } from "node:dns";
import { lookup } from "node:dns/promises";
import { connect } from "node:net";
import { type AllowedTargets, allowedTargets } from "../common/allowed-targets.ts";
import { type MonotonicNs, monotonicNs } from "../common/clock.ts";
import { messageOf } from "../common/errors.ts";
import { within } from "../common/within.ts";
import type { ProbedTarget } from "./core/probed-target.ts";

export interface Handshake {
  readonly startNs: MonotonicNs;
  readonly endNs: MonotonicNs;
  /** Why there was none; undefined: its round trip is the time between the two. */
  readonly reason?: string;
}

export interface LatencyProbe {
  /** Connects once, to the address that answered last, else to each that the name has. Never rejects; ends within the limit, or at the abort. */
  probe(signal: AbortSignal): Promise<Handshake>;
}

/** @param limitMs for looking the name up and for all of its addresses together */
export function createLatencyProbe(
  { host, port }: ProbedTarget,
  limitMs: number,
  allowed: AllowedTargets = allowedTargets([]),
): LatencyProbe {
  let address: string | undefined;
  const attempt = async (signal: AbortSignal): Promise<Handshake> => {
    let failed: unknown;
    // Of a name that has moved the address that answered is none any more.
    const addresses =
      address === undefined ? await within(signal, addressesOf(host, port, allowed), `the look-up of ${host}`) : [{ address }];
    address = undefined;
    for (const found of addresses) {
      try {
        const handshake = await shakeHands(found.address, port, signal);
        address = found.address;
        return handshake;
      } catch (error) {
        failed = error;
        if (signal.aborted) break;
      }
    }
    throw failed;
  };
  return {
    async probe(signal) {
      const startNs = monotonicNs();
      const late = AbortSignal.timeout(limitMs);
      try {
        return await attempt(AbortSignal.any([signal, late]));
      } catch (error) {
        const reason = late.aborted ? `no connection within ${limitMs} ms` : messageOf(error);
        return { startNs, endNs: monotonicNs(), reason };
      }
    },
  };
}

/** Rejects for what may not be dialled. */
async function addressesOf(host: string, port: number, allowed: AllowedTargets): Promise<readonly LookupAddress[]> {
  const look = allowed.lookupFor(host, port);
  if (look === undefined) return lookup(host, { all: true });
  return new Promise((resolve, reject) => {
    look(host, { all: true }, (error, found) => (error === null ? resolve(found as LookupAddress[]) : reject(error)));
  });
}

function shakeHands(host: string, port: number, signal: AbortSignal): Promise<Handshake> {
  return new Promise((resolve, reject) => {
    const startNs = monotonicNs();
    const socket = connect({ host, port, signal });
    socket.once("connect", () => {
      resolve({ startNs, endNs: monotonicNs() });
      socket.destroy();
    });
    socket.on("error", reject);
  });
}
