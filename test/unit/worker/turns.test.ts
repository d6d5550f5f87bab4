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

  function open(keptBytes = 1 << 20, aheadBytes = 1 << 24): void {
    source = new TurnSource({
      dial() {
        const stream: Stream = new FakeStream();
        streams.push(stream);
        return stream;
      },
      keptBytes,
      aheadBytes,
      onBroken: (error) => broken.push(error.message),
    });
  }

  beforeEach(() => {
    streams = [];
    broken = [];
    open();
  });
  afterEach(() => source.close());

  it("asks for what is wanted in one message a turn of the loop, each once, what is due first", async () => {
    source.prefetch(1, 0);
    source.prefetch(2, 0);
    source.prefetch(1, 0);
    source.take(2, 0, () => {});
    expect(asked(streams[0])).to.deep.equal([]);
    await Promise.resolve();
    expect(asked(streams[0])).to.deep.equal([["2/0", "1/0"]]);
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

  const isHere = (conversation: number): boolean => {
    let got = false;
    source.take(conversation, 0, (turn) => {
      got = turn !== undefined;
    });
    return got;
  };

  it("keeps no more of what was used than its bound, least recently used out first", async () => {
    source.close();
    open(3 * 2092);
    for (const conversation of [1, 2, 3]) source.prefetch(conversation, 0);
    await Promise.resolve();
    for (const conversation of [1, 2, 3]) answer(streams[1], conversation);
    expect([1, 2, 3, 1].map(isHere)).to.deep.equal([true, true, true, true]);
    source.prefetch(4, 0);
    await Promise.resolve();
    answer(streams[1], 4);
    expect([4, 1, 3].map(isHere)).to.deep.equal([true, true, true]);
    expect(isHere(2)).to.equal(false);
  });

  describe("with room for four turns ahead of their use", () => {
    /** The size of turns has been learnt. */
    beforeEach(async () => {
      source.close();
      open(3 * 2092, 4 * 2102);
      for (let conversation = 1000; conversation < 1200; conversation++) {
        source.take(conversation, 0, () => {});
        await Promise.resolve();
        answer(streams[1], conversation);
      }
    });
    const askedAhead = (): string[] => asked(streams[1]).slice(200).flat();

    it("asks for no more than that, what is on its way included, and for the next as one is used", async () => {
      for (let conversation = 1; conversation <= 8; conversation++) source.prefetch(conversation, 0);
      await Promise.resolve();
      expect(askedAhead()).to.deep.equal(["1/0", "2/0", "3/0", "4/0"]);
      for (const conversation of [1, 2, 3, 4]) answer(streams[1], conversation);
      await Promise.resolve();
      expect(askedAhead()).to.have.lengthOf(4);
      expect(source.heldBytes).to.equal(3 * 2092 + 4 * 2092);
      expect(isHere(1)).to.equal(true);
      await Promise.resolve();
      expect(askedAhead().slice(4)).to.deep.equal(["5/0"]);
      expect(source.heldBytes).to.equal(3 * 2092 + 3 * 2092);
    });

    it("never lets go of one that is not used yet for those that are", async () => {
      for (const conversation of [1, 2, 3, 4]) source.prefetch(conversation, 0);
      await Promise.resolve();
      for (const conversation of [1, 2, 3, 4]) answer(streams[1], conversation);
      for (let conversation = 50; conversation < 60; conversation++) {
        source.prefetch(conversation, 0);
        isHere(1);
      }
      expect([2, 3, 4].map(isHere)).to.deep.equal([true, true, true]);
    });

    it("asks at once for what is due, whatever else is ahead", async () => {
      for (let conversation = 1; conversation <= 8; conversation++) source.prefetch(conversation, 0);
      await Promise.resolve();
      source.take(8, 0, () => {});
      source.take(9, 0, () => {});
      await Promise.resolve();
      expect(askedAhead().slice(4)).to.deep.equal(["8/0", "9/0"]);
    });

    it("goes on when turns ahead belong to credits that are gone", async () => {
      for (const conversation of [1, 2, 3, 4]) source.prefetch(conversation, 0);
      await Promise.resolve();
      for (const conversation of [1, 2, 3, 4]) answer(streams[1], conversation);
      for (let conversation = 10; conversation < 16; conversation++) source.prefetch(conversation, 0);
      await Promise.resolve();
      for (let conversation = 10; conversation < 16; conversation++) {
        source.take(conversation, 0, () => {});
        await Promise.resolve();
      }
      for (let conversation = 10; conversation < 16; conversation++) answer(streams[1], conversation);
      for (let conversation = 20; conversation < 26; conversation++) source.prefetch(conversation, 0);
      await Promise.resolve();
      expect(askedAhead().slice(-4)).to.deep.equal(["20/0", "21/0", "22/0", "23/0"]);
    });

    it("asks again for all that fits when the stream breaks", async () => {
      for (let conversation = 1; conversation <= 8; conversation++) source.prefetch(conversation, 0);
      source.take(7, 0, () => {});
      await Promise.resolve();
      streams[1]?.break(new AssayError("unavailable", "gone"));
      await until("another dial", () => streams.length === 3);
      await Promise.resolve();
      expect(asked(streams[2])).to.deep.equal([["7/0", "1/0", "2/0", "3/0"]]);
    });
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

/** A turn that counts as 2092 bytes. */
function answer(stream: Stream | undefined, conversation: number): void {
  const turn = create(TurnSchema, { conversationId: `c${conversation}`, messages: [{ role: "user", content: "x".repeat(44) }] });
  const ref = { conversation: BigInt(conversation), turn: 0 };
  stream?.receive(create(FetchTurnsResponseSchema, { turns: [{ ref, turn }] }));
}
