import { expect } from "chai";
import { TransportKind } from "../../../gen/assay/common/v1/run_spec_pb.js";
import { createTransport } from "../../../services/worker/transport/choose.ts";
import { createCertWorkshop } from "../../support/certs.ts";
import { Harness } from "../rpc/harness.ts";
import { send } from "./exchanges.ts";
import { plainAnswer, startScripted } from "./scripted-server.ts";

describe("transports of a run with targets of several kinds", () => {
  const harness = new Harness();
  const workshop = createCertWorkshop();
  after(() => workshop.remove());
  afterEach(() => harness.close());

  it("carry each request to its own target, and count together", async () => {
    const pair = workshop.ca("Test CA").issue("localhost", "IP:127.0.0.1");
    const servers = await Promise.all([
      startScripted(({ socket }) => socket.write(plainAnswer("plain"))),
      startScripted(({ socket }) => socket.write(plainAnswer("secret")), { tls: pair }),
    ]);
    for (const server of servers) harness.onClose(() => server.stop());
    const options = { connectTimeoutMs: 5000, isPooled: true, tls: { rejectUnauthorized: false } };
    const transport = await createTransport(
      servers.map(({ origin }) => ({ origin, ...options })),
      TransportKind.AUTO,
    );
    harness.onClose(() => transport.close());
    await transport.open(1, 1, AbortSignal.timeout(10_000));
    const bodies: string[] = [];
    for (const target of [0, 1, 0]) bodies.push((await send(transport, { target, session: "s" })).body.toString());
    expect(bodies).to.deep.equal(["plain", "secret", "plain"]);
    expect(servers.map(({ connections }) => connections())).to.deep.equal([1, 1]);
    expect(transport.stats()).to.deep.equal({ connections: 2, opened: 2, replaced: 0 });
    transport.endSession("s");
    expect(transport.stats().connections).to.equal(0);
    expect((await send(transport, { target: 2 })).error?.code).to.equal("unsendable");
  });
});
