import { expect } from "chai";
import { BurstSlices } from "../../../services/worker/burst-slices.ts";
import { type Keepable, KeptConnections } from "../../../services/worker/transport/kept-connections.ts";

const target = { origin: "http://127.0.0.1:1", connectTimeoutMs: 1000, isPooled: true };

function connection(): Keepable {
  return {
    target: 0,
    isPooled: true,
    session: undefined,
    isUsable: true,
    rest: undefined,
    freeUntilNs: Number.POSITIVE_INFINITY,
    close: () => {},
  };
}

/** Opening one holds the loop for `eachNs`; it stands when the test says so. */
function opening(eachNs: number) {
  const rounds: (() => void)[] = [];
  let nowNs = 0;
  const slices = new BurstSlices({
    atOnceNs: 0,
    later: (work) => rounds.push(work),
    afterTicks: (work) => work(),
    now: () => nowNs,
  });
  const kept = new KeptConnections<Keepable>([target], slices);
  const stand: (() => void)[] = [];
  const openOne = async (): Promise<void> => {
    nowNs += eachNs;
    await new Promise<void>((resolve) => stand.push(resolve));
    kept.addFree(connection());
  };
  const comeRound = (): void => rounds.shift()?.();
  const passed = (ns: number): void => {
    nowNs += ns;
  };
  return { kept, stand, openOne, comeRound, passed };
}

/** Lets everything go on that has been resolved. */
const settle = () => new Promise<void>((resolve) => setImmediate(resolve));

describe("connections that are opened ahead", () => {
  it("take 5 ms of a round of the loop, however long the kernel needs for each", async () => {
    const { kept, stand, openOne, comeRound } = opening(2.5e6);
    const all = kept.openAhead(0, 6, new AbortController().signal, openOne);
    const begun: number[] = [];
    for (let round = 0; round < 3; round++) {
      comeRound();
      begun.push(stand.length);
    }
    expect(begun).to.deep.equal([2, 4, 6]);
    for (const resolve of stand) resolve();
    await all;
    expect(kept.spare).to.equal(6);
  });

  it("are on their way 64 at a time, the next one as soon as one stands", async () => {
    const { kept, stand, openOne, comeRound } = opening(1000);
    const all = kept.openAhead(0, 100, new AbortController().signal, openOne);
    comeRound();
    expect(stand).to.have.lengthOf(64);
    stand[3]?.();
    await settle();
    comeRound();
    expect(stand).to.have.lengthOf(65);
    for (let at = 0; at < 100; at++) {
      stand[at]?.();
      await settle();
      comeRound();
    }
    await all;
    expect([kept.spare, stand.length]).to.deep.equal([100, 100]);
  });

  it("are no more once the signal has come, and none where enough stand free", async () => {
    const { kept, stand, openOne, comeRound } = opening(2.5e6);
    const ending = new AbortController();
    const all = kept.openAhead(0, 6, ending.signal, openOne);
    comeRound();
    ending.abort();
    for (const resolve of stand) resolve();
    for (let round = 0; round < 5; round++) comeRound();
    await all;
    expect(kept.spare).to.equal(2);
    await kept.openAhead(0, 2, new AbortController().signal, () => Promise.reject(new Error("one was opened")));
  });
});

describe("connections that were idle for too long", () => {
  it("are closed in slices, by whoever comes next and needs a new one", () => {
    const { kept, comeRound, passed } = opening(0);
    let closed = 0;
    for (let n = 0; n < 12; n++) {
      const idle: Keepable = {
        ...connection(),
        freeUntilNs: 0,
        close() {
          closed++;
          passed(1e6);
        },
      };
      kept.add(idle);
      kept.addFree(idle);
    }
    expect(kept.take(0)).to.equal(undefined);
    const after = [closed];
    for (let round = 0; round < 3; round++) {
      comeRound();
      after.push(closed);
    }
    expect(after).to.deep.equal([0, 5, 10, 12]);
    expect(kept.connections.size).to.equal(0);
  });
});
