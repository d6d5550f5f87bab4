import { expect } from "chai";
import fc from "fast-check";
import {
  afterScrape,
  firstScrapeState,
  type Scrape,
  type ScrapeState,
  type ScrapeVerdict,
} from "../../../../services/telemetry/core/collector.ts";

const options = { originNs: 1000, intervalNs: 100, maxBackoffNs: 800 };
/** `content`: what the page says. */
const page = (startNs: number, endNs: number, content: string): Scrape & { readonly content: string } => ({
  startNs,
  endNs,
  outcome: { kind: "page", isChanged: true },
  content,
});
const failure = (startNs: number, endNs: number): Scrape => ({ startNs, endNs, outcome: { kind: "failed", reason: "refused" } });

function play(scrapes: readonly (Scrape & { readonly content?: string })[]): {
  states: ScrapeState[];
  verdicts: ScrapeVerdict[];
} {
  const states = [firstScrapeState(options)];
  const verdicts: ScrapeVerdict[] = [];
  let before: string | undefined;
  for (const { content, ...given } of scrapes) {
    const isChanged = content !== before;
    before = content ?? before;
    const scrape: Scrape = given.outcome.kind === "page" ? { ...given, outcome: { kind: "page", isChanged } } : given;
    const { state, verdict } = afterScrape(states.at(-1) as ScrapeState, scrape, options);
    states.push(state);
    verdicts.push(verdict);
  }
  return { states, verdicts };
}
const agesOf = (verdicts: readonly ScrapeVerdict[]) =>
  verdicts.map((verdict) => (verdict.kind === "samples" ? verdict.ageNs : "gap"));

describe("the schedule of scrapes", () => {
  it("stays on the grid, however late each scrape begins", () => {
    const { states } = play([page(1000, 1020, "a"), page(1103, 1130, "a"), page(1209, 1299, "a")]);
    expect(states.map((state) => state.dueNs)).to.deep.equal([1000, 1100, 1200, 1300]);
    expect(states.at(-1)?.skipped).to.equal(0);
  });

  it("skips the moments that pass during a scrape, and counts them", () => {
    const { states } = play([page(1000, 1250, "a"), page(1300, 1400, "b"), page(1400, 1401, "c")]);
    expect(states.map((state) => state.dueNs)).to.deep.equal([1000, 1300, 1400, 1500]);
    expect(states.map((state) => state.skipped)).to.deep.equal([0, 2, 2, 2]);
  });

  it("doubles the pause with each failure up to its limit, and goes back to the interval after a page", () => {
    let scrapes: Scrape[] = [];
    for (let failures = 0; failures < 5; failures++) {
      const due = play(scrapes).states.at(-1)?.dueNs ?? expect.fail();
      scrapes = [...scrapes, failure(due, due + 10)];
    }
    const dues = play(scrapes).states.map((state) => state.dueNs);
    expect(dues.slice(1).map((due, index) => due - (dues[index] as number))).to.deep.equal([200, 400, 800, 800, 800]);
    const last = dues.at(-1) as number;
    expect(play([...scrapes, page(last, last + 10, "a")]).states.at(-1)).to.deep.include({ dueNs: last + 100, failures: 0 });
  });

  it("never lets a scrape begin before the one before has ended, and never leaves the grid", () => {
    const step = fc.record({ late: fc.nat(350), lasts: fc.nat(450), fails: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        let state = firstScrapeState(options);
        for (const { late, lasts, fails } of steps) {
          const startNs = state.dueNs + late;
          const scrape = fails ? failure(startNs, startNs + lasts) : page(startNs, startNs + lasts, "a");
          const next = afterScrape(state, scrape, options).state;
          expect(next.dueNs).to.be.at.least(scrape.endNs).and.above(state.dueNs);
          expect((next.dueNs - options.originNs) % options.intervalNs).to.equal(0);
          expect(next.dueNs).to.be.at.most(Math.max(scrape.endNs + options.intervalNs, state.dueNs + options.maxBackoffNs));
          state = next;
        }
      }),
    );
  });

  it("lets a last scrape begin before its moment", () => {
    const { states } = play([page(1000, 1010, "a"), page(1040, 1050, "a")]);
    expect(states.at(-1)).to.deep.include({ dueNs: 1200, skipped: 0 });
  });

  it("lets several before the same moment take its place alone", () => {
    const { states } = play([page(1000, 1010, "a"), page(1040, 1050, "a"), page(1055, 1060, "a")]);
    expect(states.at(-1)).to.deep.include({ dueNs: 1200, skipped: 0 });
  });
});

describe("what a scrape means", () => {
  it("does not know how old the first page's values are, nor those of pages like it", () => {
    expect(agesOf(play([page(1000, 1010, "a"), page(1100, 1110, "a")]).verdicts)).to.deep.equal([undefined, undefined]);
  });

  it("counts the age of values from the scrape that first showed them", () => {
    const { verdicts } = play([
      page(1000, 1010, "a"),
      page(1103, 1110, "b"),
      page(1200, 1210, "b"),
      page(1300, 1310, "b"),
      page(1400, 1410, "a"),
    ]);
    expect(agesOf(verdicts)).to.deep.equal([undefined, 0, 97, 197, 0]);
  });

  it("keeps the age over a gap in which nothing changed", () => {
    const { verdicts } = play([page(1000, 1010, "a"), page(1100, 1110, "b"), failure(1200, 1210), page(1400, 1410, "b")]);
    expect(agesOf(verdicts)).to.deep.equal([undefined, 0, "gap", 300]);
  });

  it("marks a gap with the last scrape that was good and the failures in a row", () => {
    const { verdicts } = play([failure(1000, 1020), page(1200, 1210, "a"), failure(1300, 1310), failure(1500, 1600)]);
    expect(verdicts.filter((verdict) => verdict.kind === "gap").map((verdict) => verdict.gap)).to.deep.equal([
      { sinceNs: undefined, startNs: 1000, endNs: 1020, reason: "refused", failures: 1 },
      { sinceNs: 1200, startNs: 1300, endNs: 1310, reason: "refused", failures: 1 },
      { sinceNs: 1200, startNs: 1500, endNs: 1600, reason: "refused", failures: 2 },
    ]);
  });
});
