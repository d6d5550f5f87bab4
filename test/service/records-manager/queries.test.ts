import { expect } from "chai";
import { AssayError } from "../../../services/common/errors.ts";
import { queryGroups } from "../../../services/records-manager/query-groups.ts";
import { queryTimeline } from "../../../services/records-manager/query-timeline.ts";
import { failed, METRIC_TAGS, record, START_NS, WALL_OFFSET_NS } from "../../unit/records-manager/records.ts";
import { createStore, insertAll, type RunFolder, recordsOf, temporaryFolder } from "./run-fixture.ts";

const PHASES = [
  { phase: 0, name: "warmup", kind: "warmup", hasCeiling: false },
  { phase: 1, name: "profiling", kind: "profiling", hasCeiling: false },
] as const;

describe("querying records", () => {
  let run: RunFolder;
  beforeEach(() => {
    run = temporaryFolder();
    const store = createStore(run.folder, { phases: PHASES });
    insertAll(
      store,
      [5, 1, 3, 2, 4].map((id) => record(id, { phase: id < 3 ? 0 : 1 })),
    );
    store.close();
  });
  afterEach(() => run.remove());

  it("gives pages by ascending credit id, until there are no more", () => {
    const fields = ["credit_id"];
    const first = recordsOf({ folder: run.folder, fields, pageSize: 2 });
    expect(first.records).to.deep.equal([{ credit_id: 1 }, { credit_id: 2 }]);
    const pageToken = first.nextPageToken ?? "";
    const second = recordsOf({ folder: run.folder, fields, pageSize: 3, pageToken });
    expect(second).to.deep.equal({ records: [{ credit_id: 3 }, { credit_id: 4 }, { credit_id: 5 }], nextPageToken: undefined });
  });

  it("gives the fields asked for, without those that have no value", () => {
    const page = recordsOf({
      folder: run.folder,
      fields: ["status", "time_to_first_token", "error_code", "content_stamps"],
      pageSize: 1,
    });
    expect(page.records).to.deep.equal([
      { status: 200, time_to_first_token: 10, content_stamps: Float64Array.of(10e6, 20e6, 40e6) },
    ]);
  });

  it("gives every column but the stamps when nothing is asked for", () => {
    const [first] = recordsOf({ folder: run.folder }).records;
    expect(first).to.include({
      credit_id: 1,
      request_id: "request-1",
      record_processor_id: "record-processor-1",
      request_latency: 40,
    });
    expect(first).not.to.have.property("content_stamps");
  });

  it("gives a file of before some metric was there without it", () => {
    const older = temporaryFolder();
    try {
      const store = createStore(older.folder, {}, { metricTags: METRIC_TAGS.slice(0, 4) });
      insertAll(store, [record(1, { values: Array.from(record(1).values).slice(0, 4) })]);
      store.close();
      const fields = ["credit_id", "time_to_first_token", METRIC_TAGS.at(-1) ?? ""];
      expect(recordsOf({ folder: older.folder, fields }).records).to.deep.equal([{ credit_id: 1, time_to_first_token: 10 }]);
      expect(queryGroups({ folder: older.folder, groupBy: ["group"], metrics: [] }).groups[0]).to.include({ succeeded: 1 });
    } finally {
      older.remove();
    }
  });

  it("keeps to one phase", () => {
    const { records } = recordsOf({ folder: run.folder, phase: "profiling", fields: ["credit_id"] });
    expect(records.map((each) => each.credit_id)).to.deep.equal([3, 4, 5]);
  });

  it("goes through pages of any order, those without a value last and equal ones by credit id", () => {
    const ttfts = [30, 10, undefined, 20, 10, undefined, 30];
    const folder = temporaryFolder();
    const store = createStore(folder.folder);
    insertAll(
      store,
      ttfts.map((ttft, id) => record(id, { metrics: ttft === undefined ? {} : { time_to_first_token: ttft } })),
    );
    store.close();
    try {
      const idsBy = (orderBy: string, pageSize: number): unknown[] => {
        const ids: unknown[] = [];
        let pageToken: string | undefined;
        do {
          const page = recordsOf({
            folder: folder.folder,
            fields: ["credit_id"],
            orderBy,
            pageSize,
            ...(pageToken === undefined ? {} : { pageToken }),
          });
          ids.push(...page.records.map((each) => each.credit_id));
          pageToken = page.nextPageToken;
        } while (pageToken !== undefined);
        return ids;
      };
      for (const pageSize of [1, 2, 3, 10]) {
        expect(idsBy("ttft", pageSize)).to.deep.equal([1, 4, 3, 0, 6, 2, 5]);
        expect(idsBy("time_to_first_token DESC", pageSize)).to.deep.equal([0, 6, 3, 1, 4, 2, 5]);
      }
    } finally {
      folder.remove();
    }
  });

  describe("with a filter", () => {
    let mixed: RunFolder;
    before(() => {
      mixed = temporaryFolder();
      const spec = JSON.stringify({
        target: {
          urls: [
            { url: "http://x:1", label: "a" },
            { url: "http://x:2", label: "b" },
          ],
        },
      });
      const store = createStore(mixed.folder, { phases: PHASES, spec });
      insertAll(store, [
        record(0, { metrics: { time_to_first_token: 500 }, phase: 1, targetIndex: 1 }),
        record(1, { metrics: {}, turn: 2 }),
        failed(2, { phase: 1 }),
        record(4, { phase: 1, check: { isCorrect: true, reason: "", answer: "" } }),
        record(5, { phase: 1, check: { isCorrect: false, reason: 'is not "a"', answer: "B" } }),
        record(6, { phase: 1, check: { isCorrect: undefined, reason: "took longer", answer: "C" } }),
        record(3, { model: 'it\'s "quoted"; --', phase: 1 }),
      ]);
      store.close();
    });
    after(() => mixed.remove());

    const rows: readonly [filter: string, ...ids: number[]][] = [
      ["ttft > 200ms", 0],
      ["NOT ttft > 200ms", 1, 2, 3, 4, 5, 6],
      ["ttft <= 0.2 s", 3, 4, 5, 6],
      ["ttft = none", 1, 2],
      ["ttft != 500ms", 1, 2, 3, 4, 5, 6],
      ['error = ""', 0, 1, 3, 4, 5, 6],
      ['error != "" OR turn >= 1', 1, 2],
      ['phase = "profiling" AND NOT (error != "")', 0, 3, 4, 5, 6],
      ['phase != "profiling"', 1],
      ['phase = "nope"'],
      ['target = "b" OR target = 7', 0],
      ['NOT (target = "b")', 1, 2, 3, 4, 5, 6],
      ['target = "c"'],
      ['model = "it\'s \\"quoted\\"; --"', 3],
      ['model ~ "QUOTED"', 3],
      ['conversation ~ "x"'],
      ["cancelled = false AND status = 200 AND end_ns < 1 s", 0, 1, 3, 4, 5, 6],
      ["blocked_ns > 1ms"],
      ["correct = true", 4],
      ["correct = false", 5],
      ["correct = none AND turn = 2", 1],
      ['is_unchecked = true AND check_reason ~ "longer"', 6],
      ['is_correct = false AND answer ~ "b"', 5],
    ];
    for (const [filter, ...ids] of rows) {
      it(`gives what passes it: ${filter}`, () => {
        const { records } = recordsOf({ folder: mixed.folder, fields: ["credit_id"], filter });
        expect(records.map((each) => each.credit_id)).to.deep.equal(ids);
      });
    }
  });

  const wrong: [title: string, query: Partial<Parameters<typeof recordsOf>[0]>, message: RegExp][] = [
    ["an unknown phase", { phase: "nope" }, /^phase must be one of warmup, profiling, got "nope"$/],
    [
      "an unknown field",
      { fields: ["status", "a; DROP TABLE run"] },
      /^fields must be columns of requests, got "a; DROP TABLE run"$/,
    ],
    [
      "a filter of an unknown field",
      { filter: "turn = 1 OR tttft > 1" },
      /^filter: unknown field tttft, did you mean ttft\?\n.*\n {16}\^$/,
    ],
    ["an order of nothing", { orderBy: "ttft; DROP" }, /^order by must be a field, then asc or desc, got "ttft; DROP"$/],
    ["an order by an unknown field", { orderBy: "modle desc" }, /^order by: unknown field modle, did you mean model\?$/],
    ["a page size of none", { pageSize: 0 }, /^page size must be from 1 to 10000, got 0$/],
    ["a token of nobody", { pageToken: "x" }, /^page token must come from the same query/],
  ];
  for (const [title, query, message] of wrong) {
    it(`refuses ${title}`, () => {
      expect(() => recordsOf({ folder: run.folder, ...query }))
        .to.throw(AssayError, message)
        .with.property("code", "invalid_argument");
    });
  }

  it("refuses the token of another query", () => {
    const { nextPageToken: pageToken = "" } = recordsOf({ folder: run.folder, phase: "profiling", pageSize: 1 });
    expect(() => recordsOf({ folder: run.folder, pageSize: 1, pageToken })).to.throw(/page token/);
  });
});

describe("the timeline of a run", () => {
  let run: RunFolder;
  beforeEach(() => {
    run = temporaryFolder();
  });
  afterEach(() => run.remove());

  it("begins with the first send and ends with the last end", () => {
    const store = createStore(run.folder);
    insertAll(store, [record(0), record(1), failed(2)]);
    store.close();
    const { originWallNs, buckets } = queryTimeline({ folder: run.folder, bucketMs: 100 });
    expect(originWallNs).to.equal(START_NS + WALL_OFFSET_NS);
    expect(buckets.map(({ startMs, completed, failed: failures }) => [startMs, completed, failures])).to.deep.equal([
      [0, 1, 0],
      [100, 1, 0],
      [200, 1, 1],
    ]);
    expect(buckets[0]).to.include({ completedPerSec: 10, tokensPerSec: 30, timeToFirstTokenP50Ms: 10 });
    expect(buckets[0]?.inFlight).to.be.closeTo(0.41, 1e-9);
  });

  it("is of one worker on demand, and does not count the wait for a slot as lateness", () => {
    const store = createStore(run.folder, { phases: [{ phase: 0, name: "profiling", kind: "profiling", hasCeiling: true }] });
    // Issued 2 ms before they are sent, as all of these records.
    const waited = (id: number) => record(id, { dueNs: START_NS + id * 100e6 - 50e6 });
    insertAll(store, [waited(0), record(1, { workerId: "other" })]);
    store.close();
    const { buckets } = queryTimeline({ folder: run.folder, bucketMs: 200, workerId: "worker-1" });
    expect(buckets.map(({ due, sent, lateness }) => [due, sent, lateness?.maxNs])).to.deep.equal([[1, 1, 2e6]]);
  });

  it("of a run without requests is empty", () => {
    createStore(run.folder).close();
    expect(queryTimeline({ folder: run.folder, bucketMs: 100 })).to.deep.equal({
      originWallNs: undefined,
      buckets: [],
      series: [],
    });
  });

  for (const bucketMs of [0, -1, Number.NaN, 1e-6]) {
    it(`refuses buckets of ${bucketMs} ms`, () => {
      const store = createStore(run.folder);
      insertAll(store, [record(0)]);
      store.close();
      expect(() => queryTimeline({ folder: run.folder, bucketMs })).to.throw(AssayError, /bucket/);
    });
  }
});
