/** A port and its connections. */
import { createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { listenOn } from "../listen.ts";
import type { MockTls } from "../tls.ts";
import { Connection, type ConnectionDeps } from "./connection.ts";

export interface ListenerDeps extends ConnectionDeps {
  /** Undefined: in clear. */
  readonly tls: MockTls | undefined;
}

export class Listener {
  readonly #server: Server;
  readonly #connections = new Set<Connection>();

  constructor(deps: ListenerDeps) {
    const take = (socket: Socket): void => {
      const connection = new Connection(socket, deps);
      this.#connections.add(connection);
      socket.once("close", () => this.#connections.delete(connection));
    };
    const { tls } = deps;
    this.#server = tls === undefined ? createServer({ noDelay: true }, take) : createTlsServer({ noDelay: true, ...tls }, take);
    // A client that does not get through TLS: it knows why.
    this.#server.on("tlsClientError", () => {});
  }

  /** Connections that are open. */
  get size(): number {
    return this.#connections.size;
  }

  /** Resolves with the port; rejects with the system's error. */
  listen(port: number, host: string): Promise<number> {
    return listenOn(this.#server, port, host);
  }

  /** Closes the port and cuts the connections; resolves when all are closed. */
  async stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const connection of this.#connections) connection.destroy();
    await closed;
  }
}
