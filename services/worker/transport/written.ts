import type { Writable } from "node:stream";
import { type MonotonicNs, monotonicNs } from "../../common/clock.ts";

const nothing = Buffer.alloc(0);

/** Calls `then` once everything that was written on a socket before is with the kernel: now, nearly always. Never where the socket dies before. */
export function whenWritten(socket: Writable, then: (atNs: MonotonicNs) => void): void {
  if (socket.writableLength === 0) {
    then(monotonicNs());
    return;
  }
  // Only a write has its end told, so that one of no bytes goes behind the others.
  socket.write(nothing, (error) => {
    if (error === null || error === undefined) then(monotonicNs());
  });
}
