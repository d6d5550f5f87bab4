import { expect } from "chai";
import { monotonicNs } from "../../../services/common/clock.ts";
import { AlarmBell } from "../../../services/worker/alarm-bell.ts";
import { Harness, until } from "../rpc/harness.ts";

describe("the alarm's bell", () => {
  const harness = new Harness();
  afterEach(() => harness.close());

  async function started(threadUrl?: URL) {
    const rings: number[] = [];
    const deaths: string[] = [];
    const bell = new AlarmBell({
      onRing: () => void rings.push(monotonicNs()),
      onDeath: (why) => void deaths.push(why),
      ...(threadUrl === undefined ? {} : { threadUrl }),
    });
    harness.onClose(() => bell.close());
    await bell.ready;
    return { bell, rings, deaths };
  }

  it("rings once, at the moment or after it", async () => {
    const { bell, rings } = await started();
    const first = monotonicNs() + 5e6;
    bell.ringAt(first);
    await until("the ring", () => rings.length === 1);
    expect(rings[0]).to.be.at.least(first);
    bell.ringAt(monotonicNs() - 1);
    await until("the ring for what is past", () => rings.length === 2);
  });

  it("rings for the last wish alone", async () => {
    const { bell, rings } = await started();
    const hourNs = 3600e9;
    bell.ringAt(monotonicNs() + hourNs);
    bell.ringAt(Number.POSITIVE_INFINITY);
    bell.ringAt(monotonicNs() + 2 * hourNs);
    const soon = monotonicNs() + 3e6;
    bell.ringAt(soon);
    await until("the ring", () => rings.length > 0);
    expect(rings).to.have.lengthOf(1);
    expect(rings[0]).to.be.at.least(soon);
  });

  it("ends its thread when it is closed, asleep or not", async () => {
    const { bell, rings, deaths } = await started();
    bell.close();
    await bell.ended;
    const waiting = await started();
    waiting.bell.ringAt(monotonicNs() + 3600e9);
    waiting.bell.close();
    await waiting.bell.ended;
    expect([rings, deaths, waiting.deaths]).to.deep.equal([[], [], []]);
  });

  it("tells of a thread that dies", async () => {
    const program = "data:text/javascript,setTimeout(() => { throw new Error('out of luck'); }, 5);";
    const { bell, deaths } = await started(new URL(program));
    await bell.ended;
    expect(deaths).to.deep.equal(["out of luck"]);
  });
});
