import { expect } from "chai";
import { isoMs, timedRows } from "../../../../../services/dataset/core/formats/timed-rows.ts";
import { turnOfBody } from "../../../../../services/dataset/core/formats/whole-body.ts";

describe("requests with moments", () => {
  it("are put in the order of time, the first one at 0, those of one moment as they came", () => {
    const at = (atMs: number, prompt: string) => ({ atMs, turn: turnOfBody({ prompt }) });
    const rows = timedRows([at(1500, "c"), at(1000.5, "a"), at(1500, "d"), at(1001, "b")]);
    expect(rows.map(({ turns: [{ rawBody, timestampMs }] }) => [rawBody, timestampMs])).to.deep.equal([
      ['{"prompt":"a"}', 0],
      ['{"prompt":"b"}', 0.5],
      ['{"prompt":"c"}', 499.5],
      ['{"prompt":"d"}', 499.5],
    ]);
    expect(timedRows([])).to.deep.equal([]);
  });

  const moments: readonly (readonly [text: unknown, ms: number | undefined])[] = [
    ["1970-01-01T00:00:01Z", 1000],
    ["1970-01-01T00:00:01.250Z", 1250],
    ["1970-01-01T00:00:01.0005Z", 1000.5],
    ["1970-01-01T02:00:01+02:00", 1000],
    ["1970-01-01T02:00:01+0200", 1000],
    ["1970-01-01 00:00:01", 1000],
    ["1970-13-01T00:00:01Z", undefined],
    ["yesterday", undefined],
    [1000, undefined],
    [undefined, undefined],
  ];
  for (const [text, ms] of moments) it(`read ${JSON.stringify(text)} as ${ms}`, () => expect(isoMs(text)).to.equal(ms));
});
