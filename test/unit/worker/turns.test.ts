import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { expect } from "chai";
import { TurnSchema } from "../../../gen/assay/dataset/v1/dataset_pb.js";
import {
  type FetchTurnsRequestSchema,
  type FetchTurnsResponse,
  FetchTurnsResponseSchema,
} from "../../../gen/assay/dataset/v1/dataset_service_pb.js";
import { AssayError } from "../../../services/common/errors.ts";
import { TurnSource } from "../../../services/worker/turns.ts";
import { until } from "../../service/rpc/harness.ts";
import { FakeStream } from "./fake-stream.ts";

type Stream = FakeStream<FetchTurnsResponse, MessageInitShape<typeof FetchTurnsRequestSchema>>;

describe("turn source", () => {
  let streams: Stream[];
  let broken: string[];
  let source: TurnSource;

  function open(keptBytes = 1 << 20): void {
    source = new TurnSource({
      dial() {
        const stream: Stream = new FakeStream();
        streams.push(stream);
        return stream;
      },
      keptBytes,
      onBroken: (error) => broken.push(error.message),
    });
  }

  beforeEach(() => {
    streams = [];
    broken = [];
    open();
  });
  afterEach(() => source.close());

  it("asks for what is wanted in one message a turn of the loop, each once", async () => {
    source.prefetch(1, 0);
    source.prefetch(2, 0);
    source.prefetch(1, 0);
    source.take(2, 0, () => {});
    expect(asked(streams[0])).to.deep.equal([]);
    await Promise.resolve();
    expect(asked(streams[0])).to.deep.equal([["1/0", "2/0"]]);
  });

  it("gives a turn at once when it is here, and else when it comes, to everybody who waits", async () => {
    const got: string[] = [];
    source.take(1, 0, (turn) => got.push(`a ${turn?.conversationId}`));
    source.take(1, 0, (turn) => got.push(`b ${turn?.conversationId}`));
    await Promise.resolve();
    answer(streams[0], 1);
    expect(got).to.deep.equal(["a c1", "b c1"]);
    source.take(1, 0, (turn) => got.push(`c ${turn?.conversationId}`));
    expect(got.at(-1)).to.equal("c c1");
    expect(asked(streams[0])).to.have.lengthOf(1);
  });

  it("says why there is no turn, and asks again the next time", async () => {
    const missing: string[] = [];
    source.take(7, 0, (turn, why) => missing.push(`${turn} ${why}`));
    await Promise.resolve();
    streams[0]?.receive(create(FetchTurnsResponseSchema, { turns: [{ ref: { conversation: 7n, turn: 0 }, missing: "only 3" }] }));
    expect(missing).to.deep.equal(["undefined only 3"]);
    source.prefetch(7, 0);
    await Promise.resolve();
    expect(asked(streams[0])).to.deep.equal([["7/0"], ["7/0"]]);
  });

  it("ignores what it did not ask for", () => {
    answer(streams[0], 5);
    const got: unknown[] = [];
    source.take(5, 0, (turn) => got.push(turn));
    expect(got).to.deep.equal([]);
  });

  it("keeps no more than its bound, least recently used out first", async () => {
    source.close();
    open(3 * 300);
    for (const conversation of [1, 2, 3]) source.prefetch(conversation, 0);
    await Promise.resolve();
    for (const conversation of [1, 2, 3]) answer(streams[1], conversation);
    const isHere = (conversation: number): boolean => {
      let got = false;
      source.take(conversation, 0, (turn) => {
        got = turn !== undefined;
      });
      return got;
    };
    expect(isHere(1)).to.equal(true);
    source.prefetch(4, 0);
    await Promise.resolve();
    answer(streams[1], 4);
    expect([1, 3, 4].map(isHere)).to.deep.equal([true, true, true]);
    expect(isHere(2)).to.equal(false);
  });

  it("dials again when the stream breaks, and asks again for what was not answered", async () => {
    const got: number[] = [];
    for (const conversation of [1, 2, 3]) source.take(conversation, 0, () => got.push(conversation));
    await Promise.resolve();
    answer(streams[0], 2);
    streams[0]?.break(new AssayError("unavailable", "gone"));
    source.take(4, 0, () => got.push(4));
    await Promise.resolve();
    await until("another dial", () => streams.length === 2);
    await Promise.resolve();
    expect(asked(streams[1])).to.deep.equal([["1/0", "3/0", "4/0"]]);
    expect(broken).to.deep.equal(["gone"]);
    for (const conversation of [1, 3, 4]) answer(streams[1], conversation);
    expect(got).to.deep.equal([2, 1, 3, 4]);
  });

  it("tells those who wait that the run has ended, and dials no more", async () => {
    const missing: string[] = [];
    source.take(1, 0, (_turn, why) => missing.push(why));
    streams[0]?.break();
    source.close();
    expect(missing).to.deep.equal(["the run has ended"]);
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(streams).to.have.lengthOf(1);
  });
});

function asked(stream: Stream | undefined): string[][] {
  return (stream?.sent ?? []).map(({ message }) =>
    message?.case === "turns" ? (message.value.refs ?? []).map(({ conversation, turn }) => `${conversation}/${turn}`) : [],
  );
}

/** A turn that counts as 300 bytes. */
function answer(stream: Stream | undefined, conversation: number): void {
  const turn = create(TurnSchema, { conversationId: `c${conversation}`, messages: [{ role: "user", content: "x".repeat(44) }] });
  const ref = { conversation: BigInt(conversation), turn: 0 };
  stream?.receive(create(FetchTurnsResponseSchema, { turns: [{ ref, turn }] }));
}
