import { expect } from "chai";
import { DEFINITIONS } from "../../../../services/common/tool-definitions.ts";
import { tallyOf } from "../../../../services/records-manager/core/defined-tally.ts";
import {
  definedFigures,
  FIGURES,
  isOfGaps,
  isRanked,
  type StreamEvent,
} from "../../../../services/records-manager/core/definitions.ts";
import { type Statistics, statisticsOf } from "../../../../services/records-manager/core/statistics.ts";

/** An answer of chunks at whole µs, of which no two gaps are alike; every third chunk has two tokens. */
function eventsFrom(seed: number): StreamEvent[] {
  let ns = 5_000_000 + seed * 1000;
  return Array.from({ length: 20 }, (_, index) => {
    ns += ((index * 7919 + seed * 104_729) % 40_000) * 1000;
    return { kind: "content", ns, tokens: index % 3 === 0 ? 2 : 1 };
  });
}

describe("a tally of a tool's figure", () => {
  const requests = Array.from({ length: 50 }, (_, seed) => {
    const events = eventsFrom(seed);
    return { events, dueNs: 0, endNs: (events.at(-1)?.ns ?? 0) + 1000, tokens: 27, contentTokens: 27 };
  });

  for (const definition of DEFINITIONS.filter((each) => !isRanked(each))) {
    for (const figure of FIGURES) {
      it(`has the statistics of all values: ${figure} of ${definition}`, () => {
        const values = requests.flatMap((facts) => definedFigures(definition, facts)[figure]).map(({ ms }) => ms);
        const tally = tallyOf(definition, figure);
        for (const ms of values) tally.add(ms, 1);
        const expected = statisticsOf(Float64Array.from(values));
        const found = tally.statistics();
        for (const name of Object.keys(expected ?? {}) as (keyof Statistics)[]) {
          expect(found?.[name], name).to.be.closeTo(expected?.[name] ?? Number.NaN, 1e-9 * Math.abs(expected?.[name] ?? 0));
        }
        expect(found === undefined).to.equal(values.length === 0);
        // Whatever has several values a request is counted, and not kept.
        if (values.length > requests.length) expect(isOfGaps(definition, figure)).to.equal(true);
      });
    }
  }
});
