/** A server that no further connection to comes to stand: its queue is full, and it accepts none. */
import { connect, type Socket } from "node:net";
import { Worker } from "node:worker_threads";

export interface FullListener {
  readonly origin: string;
  stop(): Promise<void>;
}

const program = `
  const { parentPort } = require("node:worker_threads");
  const server = require("node:net").createServer();
  server.listen({ port: 0, host: "127.0.0.1", backlog: 1 }, () => {
    parentPort.postMessage(server.address().port);
    setImmediate(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0));
  });
`;

export async function listenFull(): Promise<FullListener> {
  const thread = new Worker(program, { eval: true });
  const port = await new Promise<number>((resolve, reject) => {
    thread.once("message", resolve).once("error", reject);
  });
  // The queue takes one or two more than it was asked to.
  const waiting = Array.from({ length: 6 }, () => connect(port, "127.0.0.1").on("error", () => {}));
  await new Promise<void>((resolve) => {
    let standing = 0;
    for (const socket of waiting) socket.once("connect", () => ++standing >= 2 && resolve());
  });
  return {
    origin: `http://127.0.0.1:${port}`,
    async stop() {
      for (const socket of waiting as Socket[]) socket.destroy();
      await thread.terminate();
    },
  };
}
