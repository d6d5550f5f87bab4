/** Assay's own HTTP/2 against nginx, without TLS and with it, in front of uvicorn. */
import { spawnSync } from "node:child_process";
import { expect } from "chai";
import { createHttp2Transport } from "../../services/worker/transport/http2.ts";
import type { Transport } from "../../services/worker/transport/transport.ts";
import { Harness } from "../service/rpc/harness.ts";
import { type Seen, send } from "../service/worker/exchanges.ts";
import { type RealServer, startRealServer } from "./real-server.ts";

const streamed = Array.from({ length: 200 }, (_, index) => `data: ${index}\n\n`).join("");
const hasNginx = spawnSync("nginx", ["-v"], { env: { PATH: `${process.env.PATH}:/usr/sbin` } }).error === undefined;

describe("http2 against nginx", function () {
  this.timeout(60_000);
  const harness = new Harness();
  let uvicorn: RealServer | undefined;
  let server: RealServer | undefined;
  let ports: readonly string[] = [];

  before(async function () {
    // Without apt-get it cannot be installed: test/real/prepare says so.
    if (!hasNginx) this.skip();
    uvicorn = await startRealServer("uvicorn", { UVICORN_HTTP: "httptools" });
    server = await startRealServer("nginx", { UPSTREAM: new URL(uvicorn.url).host });
    ports = (await server.page("/ports")).split(" ");
  });
  after(async () => {
    await server?.stop();
    await uvicorn?.stop();
  });
  afterEach(() => harness.close());

  for (const [index, scheme] of ["http", "https"].entries()) {
    describe(scheme === "http" ? "without TLS" : "in TLS", () => {
      function reach(): Transport {
        const origin = `${scheme}://127.0.0.1:${ports[index]}`;
        const tls = scheme === "https" ? { tls: { rejectUnauthorized: false } } : {};
        const transport = createHttp2Transport([{ origin, connectTimeoutMs: 10_000, isPooled: true, ...tls }]);
        harness.onClose(() => transport.close());
        return transport;
      }

      const answers: readonly { readonly path: string; readonly is: Partial<Seen>; readonly body: string | number }[] = [
        { path: "/length", is: { status: 200, contentType: "text/plain" }, body: "2" },
        { path: "/stream", is: { status: 200, contentType: "text/event-stream" }, body: streamed },
        { path: "/large", is: { status: 200 }, body: 200 * 65_536 },
        { path: "/nothing", is: { status: 204 }, body: "" },
        { path: "/fail", is: { status: 500 }, body: "Internal Server Error" },
        { path: "/short", is: { status: 200 }, body: "ok" },
      ];
      for (const { path, is, body } of answers) {
        it(`reads ${path}, again and again`, async () => {
          const transport = reach();
          for (let n = 0; n < 12; n++) {
            const seen = await send(transport, { path });
            expect(seen).to.include({ error: undefined, ...is });
            expect(typeof body === "number" ? seen.body.length : seen.body.toString()).to.equal(body);
          }
          // nginx leaves each connection after five requests, and says so.
          expect(transport.stats().opened).to.be.within(3, 4);
        });
      }

      it("sends bodies of any size", async () => {
        const transport = reach();
        for (const sizeBytes of [0, 1, 16_384, 70_000, 900_000]) {
          const seen = await send(transport, { path: "/length", body: Buffer.alloc(sizeBytes, "x") });
          expect(seen.error).to.equal(undefined);
          expect(seen.body.toString()).to.equal(String(sizeBytes));
        }
      });

      it("is told of an answer that is cut", async () => {
        const { error, body } = await send(reach(), { path: "/cut" });
        expect(error?.phase).to.equal("stream");
        expect(error?.code).to.be.oneOf(["reset", "truncated"]);
        expect(body.toString()).to.equal("half");
      });

      it("does not mix answers up on connections that nginx leaves all the time, and names those that it has not looked at", async () => {
        const transport = reach();
        let answered = 0;
        const ask = async (nth: number): Promise<void> => {
          for (let n = 0; n < 20; n++) {
            const seen = await send(transport, { path: "/length", body: Buffer.alloc(nth * 100 + n) });
            if (seen.error !== undefined) expect(seen.error.code).to.be.oneOf(["stale_connection", "reset"]);
            else {
              expect(seen.body.toString()).to.equal(String(nth * 100 + n));
              answered++;
            }
          }
        };
        await Promise.all(Array.from({ length: 16 }, (_, nth) => ask(nth)));
        expect(answered).to.be.above(0);
      });

      it("takes the refusal of a body that is too large", async () => {
        const seen = await send(reach(), { path: "/length", body: Buffer.alloc(8 << 20) });
        expect(seen).to.include({ error: undefined, status: 413 });
      });
    });
  }
});
