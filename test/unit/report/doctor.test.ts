import { expect } from "chai";
import { adviceOf, doctorLines } from "../../../report/doctor.ts";
import { createPaint } from "../../../report/paint.ts";
import { widthOf } from "../../../report/text.ts";
import type { Floor } from "../../../services/common/floor.ts";
import { goodFloor } from "../floors.ts";

describe("the doctor's report", () => {
  it("shows every figure, and says so where nothing stands out", () => {
    const lines = doctorLines(goodFloor, { width: 100, paint: createPaint(false) });
    expect(lines.join("\n")).to.contain("p50 0.570, p99 1.100 ms with --pacing normal");
    expect(lines.join("\n")).to.contain("41,000 requests/s, 130,000 chunks/s");
    expect(lines.at(-1)).to.equal("Nothing stands out: figures from this machine are as good as these.");
    for (const line of lines) expect(widthOf(line)).to.be.at.most(100);
  });

  for (const [what, change, said] of [
    ["others use", { cores: { usable: 8, busy: 1.5 } }, /^other programs keep 1.50 of 8.00 cores busy/],
    ["few cores", { cores: { usable: 2, busy: 0 } }, /^2.00 cores: a server on this machine shares them/],
    [
      "few descriptors",
      { descriptors: { soft: 1024, hard: 524_288 } },
      /^1,024 file .* 974 connections a worker: ulimit -n 65536$/,
    ],
    ["few descriptors for anybody", { descriptors: { soft: 1024, hard: 1024 } }, /ulimit -n 65536, for which .*limits\.conf/],
    ["few ports", { ports: { first: 60_000, last: 60_999 } }, /^1,000 local ports .*ip_local_port_range="1024 65535"$/],
    ["no room for connections", { connections: { perSec: 9000, atOnce: 300, tried: 2000 } }, /^300 connections stood at once/],
    ["late sends", { pacing: { ...goodFloor.pacing, normal: { count: 9, p50Ms: 1, p99Ms: 7 } } }, /leaves 7.00 ms late or more/],
    [
      "imprecise pacing",
      { pacing: { ...goodFloor.pacing, precise: { count: 9, p50Ms: 0.3, p99Ms: 1 } } },
      /^precise pacing is not/,
    ],
    ["late stamps", { stamps: { ...goodFloor.stamps, p99Ms: 5 } }, /^1 chunk in 100 is stamped 5.00 ms late/],
    ["a slow clock", { clock: { ...goodFloor.clock, readingNs: 900 } }, /^the clock is slow or coarse/],
    ["a wall clock that is set", { clock: { ...goodFloor.clock, wallDriftPpm: -400 } }, /^the wall clock ran -400.00 ppm off/],
  ] as const satisfies readonly (readonly [string, Partial<Floor>, RegExp])[]) {
    it(`has advice for ${what}`, () => {
      const advice = adviceOf({ ...goodFloor, ...change });
      expect(advice).to.have.lengthOf(1);
      expect(advice[0]).to.match(said);
    });
  }

  it("gives no advice about what is not known", () => {
    expect(adviceOf({ ...goodFloor, descriptors: { soft: 0, hard: 0 }, ports: { first: 0, last: 0 } })).to.deep.equal([]);
  });
});
