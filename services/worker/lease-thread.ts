/**
 * The program of the thread that guards a worker's lease (`lease-keeper.ts`). It looks at the loop's life sign and asks timing for the
 * loop. The call is written by hand over HTTP/2: loading gRPC would cost each worker more than all the rest of this.
 */
import { type ClientHttp2Session, connect, type IncomingHttpHeaders } from "node:http2";
import { parentPort, workerData } from "node:worker_threads";
import { monotonicNs } from "../common/clock.ts";
import { LeaseCell } from "./core/lease-cell.ts";
import type { KeeperStart, KeeperTerm } from "./lease-keeper.ts";

const lookMs = 250;
const answerWithinMs = 1000;
const path = "/assay.timing.v1.TimingService/ExtendLease";

const { memory, channel } = workerData as KeeperStart;
const cell = new LeaseCell(memory);
let told: KeeperTerm | undefined;
let session: ClientHttp2Session | undefined;
let isAsking = false;

const look = setInterval(() => {
  const nowNs = monotonicNs();
  if (told === undefined || isAsking || !cell.wantsExtension(told.term, nowNs)) return;
  const { term, leaseNs } = told;
  isAsking = true;
  ask(told.request, (isExtended) => {
    isAsking = false;
    // From before it was asked: an answer that took its time extends nothing beyond that.
    if (isExtended) cell.grant(term, nowNs + leaseNs);
  });
}, lookMs);

parentPort?.on("message", (message: KeeperTerm | undefined) => {
  told = message;
  if (message !== undefined) return;
  clearInterval(look);
  session?.destroy();
  parentPort?.close();
});

/** `done` is called once. */
function ask(request: Uint8Array, done: (isExtended: boolean) => void): void {
  session ??= openSession();
  let status: string | undefined;
  const read = (headers: IncomingHttpHeaders): void => {
    status ??= headers["grpc-status"]?.toString();
  };
  const call = session.request({
    ":method": "POST",
    ":path": path,
    "content-type": "application/grpc",
    te: "trailers",
    ...(channel.token === undefined ? {} : { authorization: `Bearer ${channel.token}` }),
  });
  call.on("response", read).on("trailers", read).resume();
  call.on("close", () => done(status === "0"));
  // Its close says that it was in vain.
  call.on("error", () => {});
  call.setTimeout(answerWithinMs, () => call.close());
  call.end(framed(request));
}

function openSession(): ClientHttp2Session {
  const { address, tls } = channel;
  const opened = connect(`${tls === undefined ? "http" : "https"}://${address}`, {
    ...(tls?.ca === undefined ? {} : { ca: tls.ca }),
    ...(tls?.cert === undefined ? {} : { cert: tls.cert }),
    ...(tls?.key === undefined ? {} : { key: tls.key }),
    ...(tls?.serverName === undefined ? {} : { servername: tls.serverName }),
  });
  const forget = (): void => {
    if (session === opened) session = undefined;
  };
  // The next look opens another one.
  opened.on("error", forget).on("goaway", forget).on("close", forget);
  return opened;
}

/** A gRPC message: not compressed, its length, its bytes. */
function framed(message: Uint8Array): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}
