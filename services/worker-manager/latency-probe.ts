/** Round trips of the network: how long a host takes to accept a TCP connection, which says nothing and is closed at once. */
import { lookup } from "node:dns/promises";
import { connect } from "node:net";
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
export function createLatencyProbe({ host, port }: ProbedTarget, limitMs: number): LatencyProbe {
  let address: string | undefined;
  const attempt = async (signal: AbortSignal): Promise<Handshake> => {
    let failed: unknown;
    // Of a name that has moved the address that answered is none any more.
    const addresses =
      address === undefined ? await within(signal, lookup(host, { all: true }), `the look-up of ${host}`) : [{ address }];
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
