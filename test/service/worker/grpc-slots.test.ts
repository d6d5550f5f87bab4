/** Streams that carry one request after the other, against the built-in server and against ones that keep to no rule. */
import type { ServerHttp2Stream } from "node:http2";
import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { expect } from "chai";
import { createTritonGenerateEndpoint } from "../../../endpoints/kserve/triton-generate.ts";
import { requestError } from "../../../endpoints/target-error.ts";
import { TransportKind } from "../../../gen/assay/common/v1/run_spec_pb.js";
import { ModelInferRequestSchema, ModelStreamInferResponseSchema } from "../../../gen/inference/inference_service_pb.js";
import type { MockOptions } from "../../../mock/options.ts";
import { createMock, type Mock } from "../../../mock/server.ts";
import { compressedFrame, plainFrame } from "../../../services/common/grpc-compression.ts";
import { FrameFeed, frameOf, prefixBytes } from "../../../services/common/grpc-frames.ts";
import { createTransport } from "../../../services/worker/transport/choose.ts";
import type { GrpcOptions, Transport } from "../../../services/worker/transport/transport.ts";
import { plainTurn } from "../../unit/endpoints/turns.ts";
import { Harness, until } from "../rpc/harness.ts";
import { type Seen, type SendOptions, send } from "./exchanges.ts";
import { serveStreams } from "./http2-server.ts";

const endpoint = createTritonGenerateEndpoint();
const { streamPath = "" } = endpoint;
const headers = ["content-type", "application/grpc"];
const slots: GrpcOptions = { streamPer: "slot", compression: "none", deadlineSec: 60, idHeaders: ["x-request-id", "x-session"] };

describe("streams of slots", () => {
  const harness = new Harness();
  afterEach(() => harness.close());

  async function reach(address: string, grpc: Partial<GrpcOptions> = {}): Promise<Transport> {
    const target = { origin: `grpc://${address}`, connectTimeoutMs: 10_000, isPooled: true, grpc: { ...slots, ...grpc } };
    const transport = await createTransport([target], TransportKind.AUTO);
    harness.onClose(() => transport.close());
    return transport;
  }

  async function startMock(options: Partial<MockOptions> = {}): Promise<Mock & { readonly address: string }> {
    const mock = await createMock({ grpcPort: 0, ...options });
    harness.onClose(() => mock.stop());
    return { ...mock, address: String(mock.grpcAddress) };
  }

  const ask = (model = "vllm_model", more: Partial<SendOptions> = {}): SendOptions => ({
    path: streamPath,
    headers,
    body: Buffer.from(endpoint.formatBody({ ...plainTurn, model, isStreaming: true, maxOutputTokens: 4 })),
    ...more,
  });

  const parse = ({ status, contentType, body }: Seen) =>
    endpoint.parse({
      status,
      contentType,
      payload: body,
      readEnds: Uint32Array.of(body.length),
      readNs: Float64Array.of(1),
      isStreaming: true,
    });

  /** A server of streams; `answer` gets each request as it comes. */
  function serve(
    answer: (stream: ServerHttp2Stream, id: string, nth: number, head: Record<string, unknown>) => void,
  ): Promise<string> {
    return serveStreams(harness, (stream, head) => {
      const feed = new FrameFeed();
      let nth = 0;
      stream.respond({ ":status": 200, "content-type": "application/grpc", "grpc-encoding": "gzip" }, { waitForTrailers: true });
      stream.on("data", (bytes: Buffer) => {
        feed.add(bytes);
        for (let frame = feed.next(); frame !== undefined; frame = feed.next()) {
          answer(stream, fromBinary(ModelInferRequestSchema, plainFrame(frame, "gzip").subarray(prefixBytes)).id, ++nth, head);
        }
      });
    });
  }

  const flag = (value: boolean) => ({ triton_final_response: { parameterChoice: { case: "boolParam" as const, value } } });
  const message = (init: MessageInitShape<typeof ModelStreamInferResponseSchema>) =>
    toBinary(ModelStreamInferResponseSchema, create(ModelStreamInferResponseSchema, init));
  const reply = (id: string, isFinal: boolean) => frameOf(false, message({ inferResponse: { id, parameters: flag(isFinal) } }));

  it("carry requests one after the other, each with the whole of its own answer", async () => {
    const { address, stats } = await startMock({ ttftMs: 2, itlMs: 2 });
    const transport = await reach(address);
    for (const nth of [1, 2, 3]) {
      const seen = await send(transport, ask());
      expect(seen.error).to.equal(undefined);
      expect(seen).to.include({ status: 200, contentType: "application/grpc" });
      expect(seen.calls.filter((call) => call !== "body")).to.deep.equal(["sent", "head", "end"]);
      expect(seen.written).to.have.lengthOf(1);
      expect(seen.connection?.isReused).to.equal(nth > 1);
      expect(parse(seen).error).to.equal(undefined);
      expect(parse(seen).contentNs).to.have.lengthOf(4);
    }
    expect(stats()).to.include({ requests: 3, completed: 3 });
  });

  it("are as many as there are requests at once, and tell the model whose request it is", async () => {
    const seen: [id: string, nth: number][] = [];
    let streams = 0;
    const address = await serve((stream, id, nth) => {
      if (nth === 1) streams++;
      seen.push([id, nth]);
      // All are there before one is answered.
      if (seen.length < 3) return void setImmediate(() => stream.write(reply(id, true)));
      stream.write(reply(id, true));
    });
    const transport = await reach(address);
    const own = (id: string) => ask("m", { ownHeaders: ["x-request-id", id, "x-session", "s"] });
    const both = await Promise.all([send(transport, own("a")), send(transport, own("b"))]);
    expect(both.map(({ error }) => error)).to.deep.equal([undefined, undefined]);
    expect((await send(transport, own("c"))).error).to.equal(undefined);
    expect(streams).to.equal(2);
    expect(seen).to.deep.equal([
      ["a", 1],
      ["b", 1],
      ["c", 2],
    ]);
  });

  it("put responses together that come in pieces, whatever else comes between them", async () => {
    const half = (id: string) => Math.ceil(reply(id, true).length / 2);
    // Of nobody, and as large as what is read at once.
    const other = frameOf(false, message({ inferResponse: { id: "?", rawOutputContents: [Buffer.alloc(200_000, 0xff)] } }));
    let first: { readonly stream: ServerHttp2Stream; readonly id: string } | undefined;
    const address = await serve((stream, id) => {
      if (first === undefined) {
        first = { stream, id };
        stream.write(reply(id, true).subarray(0, half(id)));
        return;
      }
      stream.write(Buffer.concat([other, reply(id, true)]));
    });
    const transport = await reach(address);
    const cut = send(transport, ask());
    await until("its first half to be on its way", () => first !== undefined);
    for (let n = 0; n < 3; n++) expect((await send(transport, ask())).error).to.equal(undefined);
    first?.stream.write(reply(first.id, true).subarray(half(first.id)));
    const seen = await cut;
    expect(seen.error).to.equal(undefined);
    expect(seen.body.equals(reply(String(first?.id), true))).to.equal(true);
  });

  it("have no deadline, and no header of a request alone", async () => {
    let seen: Record<string, unknown> = {};
    const address = await serve((stream, id, _, head) => {
      seen = head;
      stream.write(reply(id, true));
    });
    const transport = await reach(address);
    await send(transport, ask("m", { ownHeaders: ["x-request-id", "r", "x-session", "s"] }));
    expect(seen).to.include({ "content-type": "application/grpc", te: "trailers" });
    expect(seen).to.not.have.any.keys("grpc-timeout", "x-request-id", "x-session");
    const { error } = await send(transport, ask("m", { ownHeaders: ["x-request-id", "r", "x-tenant", "t"] }));
    expect(error).to.deep.include({ code: "unsendable", phase: "send" });
    expect(error?.message).to.contain("its header x-tenant needs a call of its own");
  });

  it("drop what comes for a request that is over", async () => {
    const address = await serve((stream, id, nth) => {
      if (nth === 1) stream.write(Buffer.concat([reply(id, false), reply(id, true), reply(id, true)]));
      else stream.write(Buffer.concat([reply("1", true), reply(id, false), reply("nobody", true), reply(id, true)]));
    });
    const transport = await reach(address);
    expect((await send(transport, ask())).body).to.have.lengthOf(reply("1", false).length + reply("1", true).length);
    const second = await send(transport, ask());
    expect(second.error).to.equal(undefined);
    expect(second.body).to.deep.equal(Buffer.concat([reply("2", false), reply("2", true)]));
  });

  it("outlive an error that is a message", async () => {
    const { address } = await startMock();
    const transport = await reach(address);
    const failed = await send(transport, ask("nobody"));
    expect(parse(failed).error?.code).to.equal("in_band_error");
    const next = await send(transport, ask());
    expect(next.connection?.isReused).to.equal(true);
    expect(parse(next).contentNs).to.have.lengthOf(4);
  });

  it("outlive an error that does not say whose it is", async () => {
    const address = await serve((stream, id, nth) => {
      stream.write(nth === 1 ? frameOf(false, message({ errorMessage: "no" })) : reply(id, true));
    });
    const transport = await reach(address);
    expect(parse(await send(transport, ask())).error?.code).to.equal("in_band_error");
    expect((await send(transport, ask())).connection?.isReused).to.equal(true);
  });

  for (const [kind, code] of [
    ["reset", "reset"],
    ["not-http", "reset"],
    ["reset-midway", "reset"],
    ["stall-midway", "reset"],
    ["cut", "truncated"],
    ["truncate", "truncated"],
    ["garbage", "parse"],
  ] as const) {
    it(`end what is on them where they break (${kind}), and the next request opens another`, async () => {
      const { address } = await startMock({ failures: { [kind]: 1 }, stallMs: 10, itlMs: 1 });
      const transport = await reach(address);
      for (const _ of [1, 2]) expect((await send(transport, ask())).error?.code).to.equal(code);
    });
  }

  it("end with the status that their call ends with, and where the call is none, in HTTP's", async () => {
    const closing = await serve((stream) => {
      stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "14", "grpc-message": "going" }));
      stream.end();
    });
    const failed = await send(await reach(closing), ask());
    expect(failed.error).to.deep.equal({ code: "grpc_unavailable", phase: "wait", message: "grpc status 14: going" });
    const odd = await serveStreams(harness, (stream) => {
      stream.respond({ ":status": 502, "content-type": "text/html" });
      stream.end("<html>no</html>");
    });
    const html = await send(await reach(odd), ask());
    expect(html).to.deep.include({ status: 502, error: undefined });
    expect(parse(html).error?.code).to.equal("http_5xx");
  });

  it("are closed by the server between two requests without harm", async () => {
    const address = await serve((stream, id) => {
      stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
      stream.end(reply(id, true));
    });
    const transport = await reach(address);
    for (const _ of [1, 2]) {
      const seen = await send(transport, ask());
      expect(seen.error).to.equal(undefined);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  });

  it("are given up with their request, which the server hears of, and no other request does", async () => {
    let resets = 0;
    const address = await serve((stream, id, nth, head) => {
      if (nth === 1 && resets === 0 && head["x-own"] === "held") {
        stream.on("aborted", () => resets++);
        stream.write(reply(id, false));
      } else stream.write(reply(id, true));
    });
    const transport = await reach(address);
    const cancelled = requestError("cancelled", "stream", "enough");
    const held = [...headers, "x-own", "held"];
    const seen = await send(transport, { ...ask(), headers: held, onBody: (exchange) => exchange().abort(cancelled) });
    expect(seen.error).to.deep.equal(cancelled);
    await until("the reset", () => resets === 1);
    const next = await send(transport, { ...ask(), headers: held });
    expect(next.error).to.equal(undefined);
    expect(next.connection?.isReused).to.equal(true);
  });

  it("are not written on where the worker may not, and stay", async () => {
    const { address } = await startMock();
    const transport = await reach(address);
    expect((await send(transport, ask())).error).to.equal(undefined);
    const fenced = await send(transport, ask("vllm_model", { mayWrite: () => false }));
    expect(fenced.error?.code).to.equal("fenced");
    expect((await send(transport, ask())).error).to.equal(undefined);
  });

  it("are of no use where responses do not say which is the last", async () => {
    const address = await serve((stream, id) => stream.write(frameOf(false, message({ inferResponse: { id } }))));
    const { error } = await send(await reach(address), ask());
    expect(error).to.deep.include({ code: "parse" });
    expect(error?.message).to.contain("triton_final_response");
  });

  it("read compressed responses where they were asked for", async () => {
    const address = await serve((stream, id) => {
      const text = [{ name: "x".repeat(200), datatype: "BYTES", shape: [1n] }];
      stream.write(compressedFrame("gzip", message({ inferResponse: { id, parameters: flag(true), outputs: text } })));
    });
    const seen = await send(await reach(address, { compression: "gzip" }), ask());
    expect(seen.error).to.equal(undefined);
    expect(seen.body[0]).to.equal(0);
    expect(seen.body.toString("latin1")).to.contain("x".repeat(200));
  });

  it("fail what is on them with the connection", async () => {
    const address = await serve((stream, id) => {
      stream.write(reply(id, false), () => stream.session?.destroy());
    });
    const transport = await reach(address);
    for (const _ of [1, 2]) expect((await send(transport, ask())).error?.code).to.be.oneOf(["reset", "truncated"]);
  });
});
