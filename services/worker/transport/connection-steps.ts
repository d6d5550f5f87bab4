import type { Socket } from "node:net";
import { type MonotonicNs, monotonicNs } from "../../common/clock.ts";
import type { ConnectionWatcher } from "./transport.ts";

/** Tells the watcher how a socket that is being opened comes along. */
export function watchSteps(socket: Socket, startNs: MonotonicNs, watcher: ConnectionWatcher): void {
  watcher.onStep("start", startNs, "");
  // An address that needs no resolving says nothing; a name with several addresses says so for each.
  socket.prependOnceListener("lookup", (error: Error | null | undefined) => {
    if (error === null || error === undefined) watcher.onStep("resolved", monotonicNs(), "");
  });
  const addressOf = (): string => {
    const { remoteAddress = "", remotePort = 0 } = socket;
    // A Unix socket has none.
    if (remoteAddress === "") return "";
    return remoteAddress.includes(":") ? `[${remoteAddress}]:${remotePort}` : `${remoteAddress}:${remotePort}`;
  };
  // Before the transport's own listeners, which write the request.
  socket.prependOnceListener("connect", () => watcher.onStep("connected", monotonicNs(), addressOf()));
  socket.prependOnceListener("secureConnect", () => watcher.onStep("secured", monotonicNs(), addressOf()));
}
