/** A TCP relay that keeps what passes: what a server said of each request is read from its own answer, by X-Request-ID. */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** One request and its answer, as they were on the wire. */
export interface Exchange {
  readonly requestId: string;
  /** Ordinal of the connection that carried it. */
  readonly connection: number;
  /** The JSON object of the request. */
  readonly asked: unknown;
  /** The JSON objects of the answer: one of a document, one an event of a stream. */
  readonly objects: readonly unknown[];
  /** A stream that ended with its end marker. */
  readonly isDone: boolean;
}

export interface RecordingProxy {
  readonly url: string;
  /** Everything so far, by X-Request-ID. */
  exchanges(): Map<string, Exchange>;
  stop(): Promise<void>;
}

interface Relay {
  readonly sockets: readonly [Socket, Socket];
  readonly asked: Buffer[];
  readonly answered: Buffer[];
}

/** Relays to `127.0.0.1:port`. Each side's end is passed on, after what it had sent, and by itself. */
export async function recordTo(port: number): Promise<RecordingProxy> {
  const relays: Relay[] = [];
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    const target = connect({ host: "127.0.0.1", port, allowHalfOpen: true, noDelay: true });
    const relay: Relay = { sockets: [client, target], asked: [], answered: [] };
    relays.push(relay);
    client.on("data", (bytes) => relay.asked.push(bytes)).pipe(target);
    target.on("data", (bytes) => relay.answered.push(bytes)).pipe(client);
    client.on("error", () => target.destroy());
    target.on("error", () => client.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    exchanges: () => new Map(relays.flatMap(exchangesOf).map((exchange) => [exchange.requestId, exchange])),
    async stop() {
      for (const { sockets } of relays) for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

function exchangesOf({ asked, answered }: Relay, connection: number): Exchange[] {
  const requests = requestsOf(Buffer.concat(asked));
  const answers = Buffer.concat(answered)
    .toString("utf8")
    .split(/HTTP\/1\.1 (?=\d{3} )/)
    .slice(1);
  return answers.map((answer, index) => ({
    requestId: "",
    asked: undefined,
    ...requests[index],
    connection,
    ...bodyOf(answer),
  }));
}

/** Requests as they followed each other on one connection, their lengths said by themselves. */
function requestsOf(bytes: Buffer): Pick<Exchange, "requestId" | "asked">[] {
  const requests: Pick<Exchange, "requestId" | "asked">[] = [];
  for (let at = 0; at < bytes.length; ) {
    const bodyAt = bytes.indexOf("\r\n\r\n", at) + 4;
    const head = bytes.toString("latin1", at, bodyAt);
    const header = (name: string): string => new RegExp(`^${name}: *(\\S+)\r$`, "im").exec(head)?.[1] ?? "";
    at = bodyAt + Number(header("content-length"));
    requests.push({ requestId: header("x-request-id"), asked: JSON.parse(bytes.toString("utf8", bodyAt, at)) });
  }
  return requests;
}

function bodyOf(answer: string): Pick<Exchange, "objects" | "isDone"> {
  const [head = "", ...rest] = answer.split("\r\n\r\n");
  const body = rest.join("\r\n\r\n");
  if (!/^content-type: *text\/event-stream/im.test(head)) return { objects: [JSON.parse(body)], isDone: false };
  // The server writes an event whole, so that the lines of a chunk's size stand between events.
  const data = [...body.matchAll(/^data: (.*)$/gm)].map(([, text]) => text ?? "");
  return { objects: data.filter((text) => text !== "[DONE]").map((text) => JSON.parse(text)), isDone: data.at(-1) === "[DONE]" };
}
