/** Assay's own HTTP/1.1 against servers that others have made: uvicorn with both of its parsers, and nginx in front of it. */
import { spawnSync } from "node:child_process";
import { expect } from "chai";
import { Harness, until } from "../service/rpc/harness.ts";
import { type Seen, type SendOptions, send, transportTo } from "../service/worker/exchanges.ts";
import { type RealServer, startRealServer } from "./real-server.ts";

const streamed = Array.from({ length: 200 }, (_, index) => `data: ${index}\n\n`).join("");
const hasNginx = spawnSync("nginx", ["-v"], { env: { PATH: `${process.env.PATH}:/usr/sbin` } }).error === undefined;

for (const front of ["httptools", "h11", "nginx"]) {
  describe(`http1 against ${front === "nginx" ? "nginx" : `uvicorn with ${front}`}`, function () {
    this.timeout(60_000);
    const harness = new Harness();
    let uvicorn: RealServer;
    let server: RealServer;

    before(async function () {
      // Without apt-get it cannot be installed: test/real/prepare says so.
      if (front === "nginx" && !hasNginx) this.skip();
      uvicorn = await startRealServer("uvicorn", { UVICORN_HTTP: front === "h11" ? "h11" : "httptools" });
      server = front === "nginx" ? await startRealServer("nginx", { UPSTREAM: new URL(uvicorn.url).host }) : uvicorn;
    });
    after(async () => {
      await server?.stop();
      if (server !== uvicorn) await uvicorn?.stop();
    });
    afterEach(() => harness.close());

    function reach() {
      const transport = transportTo(server.url);
      harness.onClose(() => transport.close());
      return transport;
    }

    const answers: { path: string; is: Partial<Seen>; body: string | number }[] = [
      { path: "/length", is: { status: 200, contentType: "text/plain" }, body: "2" },
      { path: "/stream", is: { status: 200, contentType: "text/event-stream" }, body: streamed },
      { path: "/large", is: { status: 200 }, body: 200 * 65_536 },
      { path: "/nothing", is: { status: 204 }, body: "" },
      { path: "/close", is: { status: 200 }, body: "bye" },
      { path: "/fail", is: { status: 500 }, body: "Internal Server Error" },
    ];
    for (const { path, is, body } of answers) {
      it(`reads ${path}, again and again`, async () => {
        const transport = reach();
        for (let n = 0; n < 12; n++) {
          const seen = await send(transport, { path });
          expect(seen).to.include({ error: undefined, ...is });
          expect(typeof body === "number" ? seen.body.length : seen.body.toString()).to.equal(body);
        }
        const { opened, replaced } = transport.stats();
        expect(replaced, "replaced").to.equal(0);
        // nginx closes each after five requests and says so; an application that fails may end its own.
        if (front === "nginx") expect(opened).to.equal(3);
        else if (path !== "/fail") expect(opened).to.equal(path === "/close" ? 12 : 1);
      });
    }

    it("sends bodies of any size", async () => {
      const transport = reach();
      for (const sizeBytes of [0, 1, 30_000, 40_000, 900_000]) {
        const seen = await send(transport, { path: "/length", body: Buffer.alloc(sizeBytes, "x") });
        expect(seen.error).to.equal(undefined);
        expect(seen.body.toString()).to.equal(String(sizeBytes));
      }
    });

    it("is told of an answer that is cut", async () => {
      const seen = await send(reach(), { path: "/cut" });
      expect(seen.error).to.include({ code: "truncated", phase: "stream" });
      expect(seen.body.toString()).to.equal("half");
    });

    it("replaces connections that the server closed after a second without use", async () => {
      const transport = reach();
      await Promise.all(Array.from({ length: 8 }, () => send(transport, { path: "/length" })));
      await until("all to close", () => transport.stats().connections === 0);
      expect((await send(transport, { path: "/length" })).error).to.equal(undefined);
    });

    it("keeps 64 connections busy without mixing answers up", async () => {
      const transport = reach();
      const ask = async (index: number): Promise<void> => {
        for (let n = 0; n < 20; n++) {
          const options: SendOptions = { path: "/length", body: Buffer.alloc(index * 100 + n) };
          const seen = await send(transport, options);
          expect(seen.error).to.equal(undefined);
          expect(seen.body.toString()).to.equal(String(index * 100 + n));
        }
      };
      await Promise.all(Array.from({ length: 64 }, (_, index) => ask(index)));
    });

    if (front !== "nginx") return;

    it("takes what nginx says itself", async () => {
      const transport = reach();
      for (const [path, status] of [
        ["/moved", 301],
        ["/short", 200],
        ["/gone", 502],
      ] as const) {
        expect(await send(transport, { path })).to.include({ status, error: undefined });
      }
    });

    it("takes the refusal of a body that is too large, or loses it with the connection", async () => {
      const seen = await send(reach(), { path: "/length", body: Buffer.alloc(8 << 20) });
      if (seen.error === undefined) expect(seen.status).to.equal(413);
      else expect(seen.error.code).to.equal("reset");
    });
  });
}
