import { expect } from "chai";
import fc from "fast-check";
import { SequencedReceiver, SequencedSender } from "../../../services/common/credit-sequence.ts";
import type { Envelope } from "../../../services/common/credits.ts";

describe("one direction of the credits stream", () => {
  it("brings every message exactly once and in order over any number of broken streams", () => {
    const steps = fc.array(
      fc.constantFrom("send", "deliver", "break", "ack") as fc.Arbitrary<"send" | "deliver" | "break" | "ack">,
      {
        maxLength: 200,
      },
    );
    fc.assert(
      fc.property(steps, (actions) => {
        const sender = new SequencedSender<number>();
        const receiver = new SequencedReceiver();
        const handled: number[] = [];
        let wire: Envelope<number>[] = [];
        let sent = 0;
        const deliver = () => {
          const envelope = wire.shift();
          if (envelope === undefined) return;
          const verdict = receiver.accept(envelope.seq);
          expect(verdict).to.not.equal("gap");
          if (verdict === "handle") handled.push(envelope.body);
        };
        const redial = () => {
          sender.acked(receiver.recvSeq);
          wire = [...sender.unacked()];
        };
        for (const action of actions) {
          if (action === "send") wire.push(sender.enclose(++sent, 0));
          if (action === "deliver") deliver();
          if (action === "ack") sender.acked(receiver.recvSeq);
          if (action === "break") redial();
        }
        redial();
        while (wire.length > 0) deliver();
        expect(handled).to.deep.equal(Array.from({ length: sent }, (_, i) => i + 1));
        sender.acked(receiver.recvSeq);
        expect(sender.keptCount).to.equal(0);
      }),
    );
  });

  it("drops what was handled before, and calls a gap a gap", () => {
    const receiver = new SequencedReceiver();
    expect([1, 1, 3, 2, 1, 3].map((seq) => receiver.accept(seq))).to.deep.equal([
      "handle",
      "drop",
      "gap",
      "handle",
      "drop",
      "handle",
    ]);
  });

  it("keeps the very envelope for resending, ack included", () => {
    const sender = new SequencedSender<string>();
    const envelope = sender.enclose("a", 4);
    sender.enclose("b", 9);
    expect(sender.unacked()[0]).to.equal(envelope);
    expect(envelope).to.deep.equal({ seq: 1, ack: 4, body: "a" });
  });

  it("forgets what is acked, also when very many were", () => {
    const sender = new SequencedSender<number>();
    for (let seq = 1; seq <= 1_000; seq++) {
      sender.enclose(seq, 0);
      if (seq > 3) sender.acked(seq - 3);
    }
    expect(sender.unacked().map(({ seq }) => seq)).to.deep.equal([998, 999, 1_000]);
  });
});
