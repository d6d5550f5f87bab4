import { once } from "node:events";
import { type AddressInfo, createServer, type Server } from "node:net";
import { expect } from "chai";
import { createLatencyProbe } from "../../../services/worker-manager/latency-probe.ts";

const limitMs = 5_000;
const never = new AbortController().signal;

async function listening(onBytes: (bytes: Buffer) => void = () => {}): Promise<{ server: Server; port: number }> {
  const server = createServer((socket) => socket.on("data", onBytes).on("error", () => {}));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return { server, port: (server.address() as AddressInfo).port };
}

async function closed(server: Server): Promise<void> {
  server.close();
  await once(server, "close");
}

describe("a latency probe", () => {
  it("opens a connection that says nothing, and closes it", async () => {
    const heard: Buffer[] = [];
    const { server, port } = await listening((bytes) => heard.push(bytes));
    const probe = createLatencyProbe({ name: "", host: "localhost", port }, limitMs);
    for (let round = 0; round < 3; round++) {
      const accepted = once(server, "connection");
      const { startNs, endNs, reason } = await probe.probe(never);
      expect(reason).to.equal(undefined);
      expect(endNs).to.be.above(startNs);
      const [socket] = await accepted;
      if (!socket.closed) await once(socket, "close");
    }
    expect(heard).to.deep.equal([]);
    await closed(server);
  });

  it("says why where nobody listens, and tries again", async () => {
    const { server, port } = await listening();
    const probe = createLatencyProbe({ name: "", host: "127.0.0.1", port }, limitMs);
    expect((await probe.probe(never)).reason).to.equal(undefined);
    await closed(server);
    expect((await probe.probe(never)).reason).to.match(/ECONNREFUSED/);
    const again = createServer().listen(port, "127.0.0.1");
    await once(again, "listening");
    expect((await probe.probe(never)).reason).to.equal(undefined);
    await closed(again);
  });

  it("says why where the name is none, and ends with the signal", async () => {
    const nowhere = createLatencyProbe({ name: "", host: "no-such-host.invalid", port: 1 }, limitMs);
    expect((await nowhere.probe(never)).reason).to.match(/no-such-host\.invalid/);
    expect((await nowhere.probe(AbortSignal.abort())).reason).to.be.a("string");
  });
});
