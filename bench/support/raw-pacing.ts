/** Bare sockets that are written to at given moments: the nearest to a schedule that requests can come on this machine with Node. */
import type { Socket } from "node:net";
import { setTimeout as sleep, setImmediate as turn } from "node:timers/promises";
import { nowNs } from "./assay.ts";
import { chatRequest, closeSocket, endOfAnswer, openSocket } from "./raw-sockets.ts";

/** Timers of an event loop may ring this much late. */
const timerSlackNs = 3e6;
/** No turn of the loop is begun later than this before a due time. */
const spinNs = 1e5;
const sockets = 64;
const answerDeadlineMs = 5_000;

/**
 * Sends a streamed request of one token at each moment (ns from the first one on, ascending), turning in place until it has come; one
 * that finds all sockets waiting goes out when an answer has come. Gives received − due of the requests that were answered, in ms,
 * ascending, by the server's stamps.
 */
export async function pacedErrors(port: number, offsetsNs: readonly number[]): Promise<Float64Array> {
  const request = chatRequest({ model: "mock-model", outputTokens: 1, wantsUsage: true });
  const errorsMs: number[] = [];
  const all = await Promise.all(Array.from({ length: sockets }, () => openSocket(port)));
  const idle = [...all];
  const waiting = new Map<Socket, { readonly dueNs: number; text: string }>();
  for (const socket of all) {
    socket.on("data", (bytes: Buffer) => {
      const asked = waiting.get(socket);
      if (asked === undefined) return;
      asked.text += bytes.toString("latin1");
      if (!asked.text.endsWith(endOfAnswer)) return;
      errorsMs.push((Number(/"assay_received_ns":"(\d+)"/.exec(asked.text)?.[1]) - asked.dueNs) / 1e6);
      waiting.delete(socket);
      idle.push(socket);
    });
  }
  const startNs = nowNs() + 1e8;
  for (const offsetNs of offsetsNs) {
    const dueNs = startNs + offsetNs;
    const earlyNs = dueNs - nowNs() - timerSlackNs;
    if (earlyNs > 0) await sleep(earlyNs / 1e6);
    while (nowNs() < dueNs - spinNs || idle.length === 0) await turn();
    while (nowNs() < dueNs);
    const socket = idle.pop();
    if (socket === undefined) continue;
    waiting.set(socket, { dueNs, text: "" });
    socket.write(request);
  }
  for (const endMs = performance.now() + answerDeadlineMs; waiting.size > 0 && performance.now() < endMs; ) await turn();
  await Promise.all(all.map(closeSocket));
  return Float64Array.from(errorsMs).sort();
}
