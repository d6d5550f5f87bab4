import { expect } from "chai";
import { localTime } from "../../../../services/records-manager/exports/local-time.ts";

describe("wall time as AIPerf writes it", () => {
  const zone = process.env.TZ;
  afterEach(() => {
    if (zone === undefined) delete process.env.TZ;
    else process.env.TZ = zone;
  });

  for (const [tz, wallNs, text] of [
    ["UTC", 0, "1970-01-01T00:00:00.000000"],
    ["UTC", 1_795_544_208_537_578_000, "2026-11-24T18:16:48.537578"],
    ["Asia/Kolkata", 1_795_544_208_537_578_000, "2026-11-24T23:46:48.537578"],
    ["America/New_York", 1_795_544_208_000_007_000, "2026-11-24T13:16:48.000007"],
    // The next second, by rounding.
    ["UTC", 1_999_999_999.9 * 1e9, "2033-05-18T03:33:19.900000"],
    ["UTC", 999_999_700, "1970-01-01T00:00:01.000000"],
  ] as const) {
    it(`is ${text} at ${wallNs} ns in ${tz}`, () => {
      process.env.TZ = tz;
      expect(localTime(wallNs)).to.equal(text);
    });
  }
});
