import { deflateSync, gzipSync } from "node:zlib";
import { create, toBinary } from "@bufbuild/protobuf";
import { expect } from "chai";
import { framed, WireCaller, type WireOutcome } from "../../support/fuzz/wire-call.ts";
import { RepeatRequestSchema, TalkRequestSchema } from "../../support/gen/assay/testing/v1/echo_service_pb.js";
import { Harness, until } from "./harness.ts";

const ok = 0;
const invalidArgument = 3;
const deadlineExceeded = 4;
const resourceExhausted = 8;
const unimplemented = 12;
const internal = 13;

const service = "/assay.testing.v1.EchoService";
const withinMs = 20_000;
const longDeadlineMs = 60_000;
/** Wire type 7, which there is not. */
const garbage = Uint8Array.of(0x0f);

describe("a caller that keeps to no rule", () => {
  const harness = new Harness();
  afterEach(() => harness.close());

  async function callerOf(options: Parameters<Harness["serve"]>[0] = {}) {
    const echo = await harness.serve(options);
    const caller = new WireCaller(echo.address, "anybody");
    harness.onClose(() => caller.close());
    return { echo, caller };
  }

  const talk = (index: number): Buffer =>
    framed(toBinary(TalkRequestSchema, create(TalkRequestSchema, { index, payload: new Uint8Array(9) })));

  for (const method of ["Echo", "Repeat", "Collect", "Talk"]) {
    it(`is told that its message is malformed, whatever came before (${method})`, async () => {
      const { echo, caller } = await callerOf();
      const before = method === "Talk" ? [talk(1), talk(2)] : [];
      // The first one finds code that was never run; only those behind it are fast enough to meet the answers before them.
      for (let turn = 0; turn < 5; turn++) {
        const { status, message } = await caller.call(
          { path: `${service}/${method}`, frames: [...before, framed(garbage)], ending: "half-close" },
          withinMs,
          longDeadlineMs,
        );
        expect(status).to.equal(invalidArgument);
        expect(message).to.match(/^message is malformed: /);
      }
      await until("its calls to be over", () => echo.server.stats().open === 0);
    });
  }

  it("gets the end of its deadline though more waits to be sent than it reads", async () => {
    const { echo, caller } = await callerOf();
    const request = toBinary(RepeatRequestSchema, create(RepeatRequestSchema, { count: -1, sizeBytes: 1000 }));
    const { status } = await caller.call(
      { path: `${service}/Repeat`, frames: [framed(request)], ending: "half-close", readsAfterMs: 400 },
      withinMs,
      200,
    );
    expect(status).to.equal(deadlineExceeded);
    await until("its call to be over", () => echo.server.stats().open === 0);
  });

  const zeros = new Uint8Array(64 << 20);
  const tests: readonly (readonly [string, WireOutcome["status"], readonly Uint8Array[], Readonly<Record<string, string>>])[] = [
    ["a message that says it is longer than may be", resourceExhausted, [framed(new Uint8Array(4), 0xffff_fff0)], {}],
    [
      "a message that becomes longer than may be (gzip)",
      resourceExhausted,
      [framed(gzipSync(zeros), undefined, true)],
      { "grpc-encoding": "gzip" },
    ],
    [
      "a message that becomes longer than may be (deflate)",
      resourceExhausted,
      [framed(deflateSync(zeros), undefined, true)],
      { "grpc-encoding": "deflate" },
    ],
    ["what is no gzip", internal, [framed(new Uint8Array(9), undefined, true)], { "grpc-encoding": "gzip" }],
    [
      "a compression that nobody knows",
      unimplemented,
      [framed(new Uint8Array(9), undefined, true)],
      { "grpc-encoding": "pigeon" },
    ],
    [
      "messages in gzip, each of them good",
      ok,
      [framed(gzipSync(new Uint8Array()), undefined, true)],
      { "grpc-encoding": "gzip" },
    ],
  ];
  for (const [title, expected, frames, headers] of tests) {
    it(`is answered: ${title}`, async () => {
      const { echo, caller } = await callerOf();
      const { status } = await caller.call(
        { path: `${service}/Talk`, frames, headers, ending: "half-close" },
        withinMs,
        longDeadlineMs,
      );
      expect(status).to.equal(expected);
      await until("its call to be over", () => echo.server.stats().open === 0);
      expect(await echo.client().echo({ text: "still here" })).to.include({ text: "still here" });
    });
  }
});
