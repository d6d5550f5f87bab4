import { connect } from "node:net";
import { create } from "@bufbuild/protobuf";
import { expect } from "chai";
import { RunSpecSchema } from "../../../gen/assay/common/v1/run_spec_pb.js";
import { startLoopback } from "../../../services/worker/loopback.ts";
import { createPath } from "../../../services/worker/request-path.ts";
import { warmUp } from "../../../services/worker/warm-up.ts";
import { Harness, until } from "../rpc/harness.ts";
import { send, transportTo } from "./exchanges.ts";
import { startScripted } from "./scripted-server.ts";

/** Sockets and listeners of this process. */
function openHandles(): number {
  return process.getActiveResourcesInfo().filter((name) => /^TCP/.test(name)).length;
}

describe("the worker's warm-up", () => {
  const harness = new Harness();
  afterEach(() => harness.close());

  for (const streaming of [false, true]) {
    it(`ends after its time and leaves neither connection nor listener (${streaming ? "streaming" : "plain"})`, async () => {
      const target = await startScripted(() => {});
      harness.onClose(() => target.stop());
      const spec = create(RunSpecSchema, { target: { urls: [{ url: target.origin }] }, endpoint: { streaming }, models: ["m"] });
      const { sender, bodies, transport, transportTo } = await createPath(spec);
      harness.onClose(() => transport.close());
      const before = openHandles();
      await warmUp({ durationMs: 50, sender, bodies, transportTo, signal: AbortSignal.timeout(10_000) });
      await until("all handles to close", () => openHandles() <= before);
      expect(target.connections()).to.equal(0);
    });
  }

  for (const streamPer of ["request", "slot"] as const) {
    it(`goes by gRPC where the run does, and leaves nothing (${streamPer})`, async () => {
      const urls = [{ url: "grpc://127.0.0.1:1" }];
      const endpoint = { type: "triton_generate", streaming: true };
      const spec = create(RunSpecSchema, { target: { urls, grpc: { streamPer } }, endpoint, models: ["m"] });
      const { sender, bodies, transport, transportTo } = await createPath(spec);
      harness.onClose(() => transport.close());
      const before = openHandles();
      const ends: string[] = [];
      const watched: typeof transportTo = async (target) => {
        expect(target.origin).to.match(/^grpc:/);
        const made = await transportTo(target);
        return {
          ...made,
          send: (request, handler) =>
            made.send(request, {
              ...{ mayWrite: () => true, onSent: handler.onSent.bind(handler), onWritten: handler.onWritten.bind(handler) },
              ...{ onHead: handler.onHead.bind(handler), onBody: handler.onBody.bind(handler) },
              onEnd: (...given) => {
                ends.push("end");
                handler.onEnd(...given);
              },
              onFailure: (...given) => {
                ends.push(given[1].message);
                handler.onFailure(...given);
              },
            }),
        };
      };
      await warmUp({ durationMs: 50, sender, bodies, transportTo: watched, signal: AbortSignal.timeout(10_000) });
      expect(new Set(ends)).to.deep.equal(new Set(["end"]));
      await until("all handles to close", () => openHandles() <= before);
    });
  }

  it("goes through bodies with media where the run's turns have some that the endpoint takes", async () => {
    const sizes = async (type: string, media: readonly ("image" | "audio" | "video")[]): Promise<number> => {
      const urls = [{ url: "http://127.0.0.1:1" }];
      const path = await createPath(create(RunSpecSchema, { target: { urls }, endpoint: { type }, models: ["m"] }));
      harness.onClose(() => path.transport.close());
      const made: number[] = [];
      const { bodies } = path;
      const tryMake = bodies.tryMake.bind(bodies);
      bodies.tryMake = (...given) => {
        const found = tryMake(...given);
        if ("body" in found) made.push(found.body.body.length);
        return found;
      };
      const { sender, transportTo } = path;
      await warmUp({ durationMs: 20, sender, bodies, media, transportTo, signal: AbortSignal.timeout(10_000) });
      return made[0] ?? expect.fail("no body was made");
    };
    const [plain, image, all, other] = [
      await sizes("chat", []),
      await sizes("chat", ["image"]),
      await sizes("chat", ["image", "audio", "video"]),
      await sizes("completions", ["image"]),
    ];
    expect(plain).to.be.below(1000);
    expect(image).to.be.above(100_000);
    expect(all).to.be.above(300_000);
    expect(other).to.be.below(1000);
  });

  it("ends at once with its signal", async () => {
    const spec = create(RunSpecSchema, { target: { urls: [{ url: "http://127.0.0.1:1" }] }, models: ["m"] });
    const { sender, bodies, transport, transportTo } = await createPath(spec);
    harness.onClose(() => transport.close());
    const before = openHandles();
    await warmUp({ durationMs: 600_000, sender, bodies, transportTo, signal: AbortSignal.timeout(20) });
    await warmUp({ durationMs: 600_000, sender, bodies, transportTo, signal: AbortSignal.abort() });
    await warmUp({ durationMs: 0, sender, bodies, transportTo, signal: AbortSignal.timeout(10_000) });
    await until("all handles to close", () => openHandles() <= before);
  });
});

describe("loopback target", () => {
  const harness = new Harness();
  afterEach(() => harness.close());

  for (const isStreaming of [false, true]) {
    it(`answers requests one after the other on a connection (${isStreaming ? "streaming" : "plain"})`, async () => {
      const loopback = await startLoopback(isStreaming);
      harness.onClose(() => loopback.close());
      const transport = transportTo(loopback.origin);
      harness.onClose(() => transport.close());
      for (let n = 0; n < 3; n++) {
        const seen = await send(transport, { body: Buffer.alloc(n * 40_000, "x") });
        expect(seen).to.include({ status: 200, error: undefined });
        expect(seen.contentType).to.equal(isStreaming ? "text/event-stream" : "application/json");
      }
      expect(transport.stats().opened).to.equal(1);
    });
  }

  it("closes though somebody is connected", async () => {
    const loopback = await startLoopback(false);
    const socket = connect(Number(new URL(loopback.origin).port), "127.0.0.1").on("error", () => {});
    await until("the connection", () => socket.readyState === "open");
    await loopback.close();
    await until("its end", () => socket.destroyed);
  });
});
