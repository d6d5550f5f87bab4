import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import type { Row } from "../../../services/dataset/core/formats/row.ts";
import { tracelabFormat } from "../../../services/dataset/core/formats/tracelab.ts";
import { wekaTraceFormat } from "../../../services/dataset/core/formats/weka-trace.ts";
import { finishedRows, readerOptions, readerTools, rowSource } from "../../unit/dataset/core/loading.ts";

const folder = join(import.meta.dirname, "../../fixtures/aiperf-inputs/weka");
const traces = readFileSync(join(folder, "rows.jsonl"), "utf8")
  .trim()
  .split("\n")
  .map((line) => JSON.parse(line));

/** Session, tokens of the prompt, output length asked for, seconds since the first request. */
type Sent = readonly [session: number, inputTokens: number, outputTokens: number, atSec: number];
const sent = JSON.parse(readFileSync(join(folder, "sent.json"), "utf8")) as Record<string, readonly Sent[]>;
const answerSec = 0.05;

/** AIPerf sends 160 of the 256 tokens: it has blocks of 64 tokens whatever the trace says, and its blocks hide what is behind them. */
const otherLengths: Readonly<Record<string, readonly number[]>> = { block32: [160, 256] };

/** Pauses of the session itself that are others, by its turn: AIPerf's and ours, s. */
const otherPauses: Readonly<Record<string, Readonly<Record<number, readonly [aiperf: number, own: number]>>>> = {
  // Where agents are at work when the answer before has come, it waits for nothing more once they have ended; what was left of the recorded pause is kept here.
  models: { 1: [0, 0.2] },
  marked: { 1: [0, 0.7] },
  joined: { 1: [0, 2.1] },
  late_agent: { 2: [0, 0.4] },
  // Where they have ended by then, all of the recorded pause follows; here what was left when they had ended, as they were recorded.
  forked: { 2: [0.9, 0.5] },
  // A negative time is of a request that failed, and no time to be waited for.
  streamed: { 2: [1.5, 0.5] },
  negative: { 2: [1.5, 0.5] },
};

function rowsOf(trace: Record<string, unknown>): Row[] {
  const reader = wekaTraceFormat.createReader(readerOptions, readerTools);
  const read = reader.read(trace, rowSource);
  if ("problem" in read) expect.fail(read.problem.message);
  return [...(reader.finish?.() ?? [])].filter((row): row is Row => "turns" in row);
}

/** Sessions by the lengths of their requests, in an order of their own: agents begin at moments that are not told here. */
const sortedLengths = (sessions: readonly (readonly (readonly number[])[])[]): string[] =>
  sessions.map((each) => JSON.stringify(each)).sort();

describe("weka_trace as AIPerf sends it", () => {
  for (const trace of traces) {
    const { id } = trace as { readonly id: string };
    const requests = sent[id] ?? [];
    const rows = rowsOf(trace);

    it(`has the same sessions, and each the same requests, by their lengths: ${id}`, () => {
      const theirs = [...Map.groupBy(requests, ([session]) => session).values()].map((own) =>
        own.map(([, inputTokens, outputTokens]) => [inputTokens, outputTokens]),
      );
      const ours = rows.map(({ turns }) =>
        turns.map(({ recipe, maxOutputTokens = 0 }, turn) => {
          const other = otherLengths[id]?.[turn];
          if (other !== undefined) expect(recipe?.inputTokens).to.equal(other);
          const shown = other === undefined ? recipe?.inputTokens : theirs[0]?.[turn]?.[0];
          return [shown ?? 0, maxOutputTokens];
        }),
      );
      expect(sortedLengths(ours)).to.deep.equal(sortedLengths(theirs));
    });

    it(`pauses as long before the session's own requests, but where it is said: ${id}`, () => {
      const own = requests.filter(([session]) => session === 0);
      const turns = rows[0]?.turns ?? [];
      expect(turns).to.have.length(own.length);
      own.slice(1).forEach(([, , , atSec], before) => {
        const turn = before + 1;
        // What waited for agents began when the last answer of all sessions had come.
        const others = requests.slice(0, requests.indexOf(own[turn] as Sent));
        const [theirs, ours] = otherPauses[id]?.[turn] ?? [undefined, undefined];
        const since = theirs === 0 ? (others.at(-1)?.[3] ?? 0) : (own[before]?.[3] ?? 0);
        const pauseSec = (turns[turn]?.delayMs ?? 0) / 1000;
        expect(atSec - since - answerSec, `turn ${turn} there`).to.be.closeTo(theirs ?? pauseSec, 0.15);
        if (ours !== undefined) expect(pauseSec, `turn ${turn} here`).to.be.closeTo(ours, 1e-6);
      });
    });
  }
});

const corpus = join(folder, "../tracelab");
const sentOfCorpus = JSON.parse(readFileSync(join(corpus, "sent.json"), "utf8")) as Record<string, readonly Sent[]>;

describe("tracelab as AIPerf sends it", () => {
  for (const [name, requests] of Object.entries(sentOfCorpus)) {
    it(`has the same sessions, and each the same requests, by their lengths: ${name}`, () => {
      const reader = tracelabFormat.createReader(readerOptions, readerTools);
      for (const line of readFileSync(join(corpus, `${name}.jsonl`), "utf8")
        .trim()
        .split("\n")) {
        expect(reader.read(JSON.parse(line), rowSource)).to.deep.equal({ row: undefined });
      }
      const ours = finishedRows(reader.finish).map(({ turns }) =>
        turns.map(({ recipe, maxOutputTokens = 0 }) => [recipe?.inputTokens ?? 0, maxOutputTokens]),
      );
      const theirs = [...Map.groupBy(requests, ([session]) => session).values()].map((own) =>
        own.map(([, inputTokens, outputTokens]) => [inputTokens, outputTokens]),
      );
      expect(sortedLengths(ours)).to.deep.equal(sortedLengths(theirs));
    });
  }
});
