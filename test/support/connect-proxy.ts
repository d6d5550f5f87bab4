/** An HTTP proxy for CONNECT over real sockets, which can be told to behave badly. */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import type { KeyPair } from "./certs.ts";

export interface ConnectProxy {
  /** Without credentials. */
  readonly url: string;
  /** `127.0.0.1:port`. */
  readonly place: string;
  /** What it was asked, up to the empty line. */
  readonly heads: readonly string[];
  /** Clients that are connected. */
  readonly open: ReadonlySet<Socket>;
  stop(): Promise<void>;
}

export interface ConnectProxyOptions {
  /** It is spoken to in TLS. */
  readonly tls?: KeyPair;
  /** `user:password` that it wants. */
  readonly credentials?: string;
  /** Asked for each tunnel: whether there is none, for the target cannot be reached. */
  refuses?(): boolean;
  /** Instead of the tunnel. */
  instead?(client: Socket, head: string): void;
  /** What it says before the bytes of the target. Default: `HTTP/1.1 200 Connection established`. */
  readonly consent?: string;
  /** Holds its consent back until the target has spoken, and sends both at once. */
  readonly isTargetFirst?: boolean;
}

export async function startConnectProxy(options: ConnectProxyOptions = {}): Promise<ConnectProxy> {
  const { tls, credentials } = options;
  const heads: string[] = [];
  const open = new Set<Socket>();
  const wanted = credentials === undefined ? undefined : `Basic ${Buffer.from(credentials).toString("base64")}`;
  const accept = (client: Socket): void => {
    open.add(client);
    client.on("error", () => client.destroy()).on("close", () => open.delete(client));
    let bytes = Buffer.alloc(0);
    const listen = (more: Buffer): void => {
      bytes = Buffer.concat([bytes, more]);
      const end = bytes.indexOf("\r\n\r\n");
      if (end < 0) return;
      client.off("data", listen);
      const head = bytes.toString("latin1", 0, end);
      heads.push(head);
      if (options.instead !== undefined) options.instead(client, head);
      else if (wanted !== undefined && /^proxy-authorization: (.*)$/im.exec(head)?.[1] !== wanted)
        refuse(client, 407, "who are you?");
      else if (options.refuses?.() === true) refuse(client, 502, "nobody there");
      else tunnel(client, head, options);
    };
    client.on("data", listen);
  };
  const server: Server = tls === undefined ? createServer(accept) : createTlsServer(tls, accept);
  server.on("tlsClientError", () => {});
  await once(server.listen(0, "127.0.0.1"), "listening");
  const place = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url: `${tls === undefined ? "http" : "https"}://${place}`,
    place,
    heads,
    open,
    stop: () =>
      new Promise((resolve) => {
        for (const client of open) client.destroy();
        server.close(() => resolve());
      }),
  };
}

/** A refusal with words, after which the connection stays open. */
export function refuse(client: Socket, status: number, words: string): void {
  client.write(`HTTP/1.1 ${status} No\r\ncontent-length: ${Buffer.byteLength(words)}\r\n\r\n${words}`);
}

function tunnel(client: Socket, head: string, { consent, isTargetFirst = false }: ConnectProxyOptions): void {
  const [, host = "", port = ""] = /^CONNECT \[?([^\] ]+?)\]?:(\d+) HTTP\/1\.1\r\n/.exec(head) ?? [];
  if (host === "") {
    refuse(client, 405, "only CONNECT");
    return;
  }
  const yes = consent ?? "HTTP/1.1 200 Connection established\r\n\r\n";
  const target = connect({ host, port: Number(port), noDelay: true });
  const join = (): void => {
    client.pipe(target);
    target.pipe(client);
  };
  target.on("error", () => (target.connecting ? refuse(client, 502, "nobody there") : client.destroy()));
  target.on("close", () => client.destroy());
  client.on("close", () => target.destroy());
  if (isTargetFirst) {
    target.once("data", (first: Buffer) => {
      client.write(Buffer.concat([Buffer.from(yes), first]));
      join();
    });
  } else {
    target.once("connect", () => {
      client.write(yes);
      join();
    });
  }
}
