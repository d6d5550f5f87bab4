/** A server's own log of what it has received: the ids of requests, read off the wire in front of it. */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { Transform } from "node:stream";
import type { Mock, MockStats } from "../../mock/server.ts";

export interface LoggedTarget {
  readonly url: string;
  /** Ids of requests in the order of their coming. */
  readonly received: readonly string[];
  stats(): MockStats;
  /** No answer goes on from here on, until `release`; requests come as ever. */
  hold(): void;
  release(): void;
  close(): void;
}

const idHeader = /x-request-id: ([^\r\n]+)\r\n/gi;
/** A header that is cut in two is found with so much of what came before. */
const overlap = 128;

/** Puts a log in front of the built-in server. */
export async function logged(mock: Mock): Promise<LoggedTarget> {
  const received: string[] = [];
  const open = new Set<Socket>();
  let held: PromiseWithResolvers<void> | undefined;
  const server = createServer((socket) => {
    const upstream = connect(mock.port, "127.0.0.1");
    for (const [from, to] of [
      [socket, upstream],
      [upstream, socket],
    ] as const) {
      open.add(from);
      from.on("error", () => {});
      from.setNoDelay(true);
      from.once("close", () => {
        open.delete(from);
        to.destroy();
      });
    }
    socket.pipe(upstream);
    const gate = new Transform({
      transform(bytes, _, passOn) {
        if (held === undefined) passOn(null, bytes);
        else void held.promise.then(() => passOn(null, bytes));
      },
    });
    upstream.pipe(gate).pipe(socket);
    let rest = "";
    socket.on("data", (bytes: Buffer) => {
      const text = rest + bytes.toString("latin1");
      let end = 0;
      for (const found of text.matchAll(idHeader)) {
        received.push(found[1] ?? "");
        end = found.index + found[0].length;
      }
      rest = text.slice(Math.max(end, text.length - overlap));
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    stats: () => mock.stats(),
    hold() {
      held ??= Promise.withResolvers();
    },
    release() {
      held?.resolve();
      held = undefined;
    },
    close() {
      server.close();
      for (const socket of open) socket.destroy();
    },
  };
}
