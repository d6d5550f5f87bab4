import { expect } from "chai";
import fc from "fast-check";
import { Relay } from "../../../services/record-processor/core/relay.ts";
import { CommitAcks } from "../../../services/records-manager/core/commit-acks.ts";

const opened = () => {
  const acks: string[] = [];
  const ended: string[] = [];
  const relay = new Relay({
    ack: (stream, seq) => void acks.push(`${stream}:${seq}`),
    endWorkerStream: (stream, reason) => void ended.push(`${stream}: ${reason}`),
  });
  relay.managerConnected();
  return { relay, acks, ended };
};

describe("the relay of acks", () => {
  it("acks a worker's batch when the manager's batch with its last record is acked, and all before it too", () => {
    const { relay, acks } = opened();
    relay.workerConnected(1);
    relay.workerConnected(2);
    for (const [stream, seq] of [
      [1, 4],
      [2, 9],
      [1, 5],
    ] as const) {
      relay.batchReceived(stream, seq);
    }
    relay.batchForwarded(1, 5, 2);
    relay.batchForwarded(2, 9, 2);
    relay.managerAcked(2);
    // Batch 4 of stream 1 is not even forwarded: an ack of 5 would be one of 4.
    expect(acks).to.deep.equal(["2:9"]);
    relay.batchForwarded(1, 4, 3);
    relay.managerAcked(3);
    expect(acks).to.deep.equal(["2:9", "1:5"]);
  });

  it("begins a stream with whatever is oldest, and ends it when a batch is missing after that", () => {
    const { relay, ended } = opened();
    relay.workerConnected(1);
    expect(relay.batchReceived(1, 17)).to.equal(true);
    expect(relay.batchReceived(1, 19)).to.equal(false);
    expect(ended).to.deep.equal(["1: batch 19 after 17"]);
    expect(relay.batchReceived(1, 18)).to.equal(false);
  });

  it("never acks a batch before every manager's batch up to its own is acked, in whatever order they are forwarded", () => {
    const order = fc.shuffledSubarray([1, 2, 3, 4, 5, 6], { minLength: 6 });
    fc.assert(
      fc.property(order, fc.array(fc.nat(6), { maxLength: 10 }), (forwarded, managerAcks) => {
        const { relay, acks } = opened();
        relay.workerConnected(1);
        for (let seq = 1; seq <= 6; seq++) relay.batchReceived(1, seq);
        const carriedBy = new Map(forwarded.map((workerSeq, i) => [workerSeq, i + 1]));
        for (const [workerSeq, managerSeq] of carriedBy) relay.batchForwarded(1, workerSeq, managerSeq);
        let acked = 0;
        for (const managerSeq of managerAcks) {
          relay.managerAcked(managerSeq);
          acked = Math.max(acked, managerSeq);
          const last = Number(acks.at(-1)?.split(":")[1] ?? 0);
          for (let seq = 1; seq <= last; seq++) expect(carriedBy.get(seq)).to.be.at.most(acked);
        }
      }),
    );
  });

  it("keeps large records of different workers apart", () => {
    const { relay } = opened();
    relay.workerConnected(1);
    relay.workerConnected(2);
    expect(relay.partReceived(1, { creditId: 5, seq: 0, isLast: false })).to.equal("more");
    expect(relay.partReceived(2, { creditId: 6, seq: 0, isLast: false })).to.equal("more");
    expect(relay.partReceived(1, { creditId: 5, seq: 1, isLast: true })).to.equal("complete");
    expect(relay.partReceived(2, { creditId: 5, seq: 1, isLast: true })).to.equal("broken");
  });

  it("has nothing to say to a stream that is gone", () => {
    const { relay, acks } = opened();
    relay.workerConnected(1);
    relay.batchReceived(1, 1);
    relay.batchForwarded(1, 1, 1);
    relay.workerStreamEnded(1);
    relay.managerAcked(1);
    expect(acks).to.deep.equal([]);
    expect(relay.partReceived(1, { creditId: 1, seq: 0, isLast: true })).to.equal("broken");
  });
});

describe("acks of the records manager", () => {
  it("wait for the commit, in the order of arrival, and not for streams that have ended", () => {
    const acks: string[] = [];
    const waiting = new CommitAcks((stream, seq) => void acks.push(`${stream}:${seq}`));
    const outcome = { inserted: 1, duplicate: 0, late: 0 };
    waiting.batchArrived(1, 1, outcome);
    waiting.batchArrived(2, 1, outcome);
    waiting.batchArrived(1, 2, outcome);
    waiting.streamEnded(2);
    expect(acks).to.deep.equal([]);
    waiting.committed();
    waiting.committed();
    expect(acks).to.deep.equal(["1:1", "1:2"]);
  });
});
