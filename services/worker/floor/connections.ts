/** Connections to a server: how many can be opened a second, and how many stand at once. */
import { connect, type Socket } from "node:net";
import { monotonicNs } from "../../common/clock.ts";
import { AssayError } from "../../common/errors.ts";

export interface ConnectionsOptions {
  readonly url: string;
  /** How many to have at once. */
  readonly wanted: number;
  readonly seconds: number;
  readonly signal: AbortSignal;
}

/** Being opened at the same time. */
const lanes = 16;
const connectMs = 2000;

/** Rejects when the signal aborts, or not a single connection can be opened. */
export async function measureConnections(
  options: ConnectionsOptions,
): Promise<{ readonly perSec: number; readonly atOnce: number }> {
  const { seconds, wanted } = options;
  const startNs = monotonicNs();
  const endNs = startNs + seconds * 1e9;
  let opened = 0;
  await inLanes(async () => {
    if (monotonicNs() >= endNs) return false;
    const socket = await open(options);
    socket?.destroy();
    if (socket !== undefined) opened++;
    return socket !== undefined;
  });
  const perSec = opened / ((monotonicNs() - startNs) / 1e9);
  const standing: Socket[] = [];
  let tried = 0;
  try {
    await inLanes(async () => {
      if (tried >= wanted) return false;
      tried++;
      const socket = await open(options);
      if (socket !== undefined) standing.push(socket);
      return socket !== undefined;
    });
    if (standing.length === 0) throw new AssayError("unavailable", "no connection to the built-in server can be opened");
    return { perSec, atOnce: standing.length };
  } finally {
    for (const socket of standing) socket.destroy();
  }
}

/** Each lane calls `step` again until it says no. */
async function inLanes(step: () => Promise<boolean>): Promise<void> {
  await Promise.all(
    Array.from({ length: lanes }, async () => {
      while (await step());
    }),
  );
}

/** Undefined: it was refused, or a limit is reached. Rejects when the signal aborts. */
function open({ url, signal }: ConnectionsOptions): Promise<Socket | undefined> {
  signal.throwIfAborted();
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  const { promise, resolve } = Promise.withResolvers<Socket | undefined>();
  socket.once("connect", () => resolve(socket));
  socket.on("error", () => resolve(undefined));
  socket.setTimeout(connectMs, () => {
    if (!socket.connecting) return;
    socket.destroy();
    resolve(undefined);
  });
  return promise;
}
