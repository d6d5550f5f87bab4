import { expect } from "chai";
import fc from "fast-check";
import type { MetricRecord } from "../../../services/common/metric-record.ts";
import { groupFields } from "../../../services/records-manager/core/group-fields.ts";
import { statisticsOf } from "../../../services/records-manager/core/statistics.ts";
import { type GroupsQuery, queryGroups, type RecordGroup } from "../../../services/records-manager/query-groups.ts";
import { queryTimeline } from "../../../services/records-manager/query-timeline.ts";
import { RunReader } from "../../../services/records-manager/store/run-reader.ts";
import { summarizeRun } from "../../../services/records-manager/summary.ts";
import { cancelled, failed, METRIC_TAGS, record } from "../../unit/records-manager/records.ts";
import { createStore, errorOf, insertAll, type RunFolder, recordsOf, temporaryFolder } from "./run-fixture.ts";

const PHASES = [
  { phase: 0, name: "warmup", kind: "warmup", hasCeiling: false },
  { phase: 1, name: "profiling", kind: "profiling", hasCeiling: false },
] as const;
const ttftAt = METRIC_TAGS.indexOf("time_to_first_token");

function targetsSpec(labels: readonly string[]): string {
  const urls = labels.map((label, index) => ({ url: `http://x:${index + 1}`, label }));
  return JSON.stringify({ randomSeed: 7, target: { urls } });
}

/** `profiling target=a,turn=0: 2/0/0` */
function shown({ phase, keys, succeeded, errored, cancelled: givenUp }: RecordGroup): string {
  const values = keys.map(({ field, value, name }) => `${field}=${name ?? value ?? "none"}`);
  return `${phase} ${values.join(",")}: ${succeeded}/${errored}/${givenUp}`;
}

describe("groups of requests", () => {
  let run: RunFolder;
  const groups = (query: Partial<GroupsQuery>) =>
    queryGroups({ folder: run.folder, groupBy: [], metrics: ["ttft"], ...query }).groups;

  before(() => {
    run = temporaryFolder();
    const store = createStore(run.folder, { phases: PHASES, spec: targetsSpec(["a", "b"]) });
    insertAll(store, [
      record(0),
      record(1, { phase: 1, turn: 1, targetIndex: 1 }),
      record(2, { phase: 1, finishReason: "length" }),
      record(3, { phase: 1, metrics: { time_to_first_token: 30, output_sequence_length: 5, error_isl: 2 } }),
      failed(4, { phase: 1, targetIndex: 1, metrics: { time_to_first_token: 999, error_isl: 8 } }),
      cancelled(5),
    ]);
    store.addConversations(new Map([[3, "greeting"]]));
    store.close();
  });
  after(() => run.remove());

  it("are told apart by phase and then by what they were asked for, in order, with what indices are called", () => {
    expect(groups({ groupBy: ["target", "turn"] }).map(shown)).to.deep.equal([
      "warmup target=a,turn=0: 1/0/1",
      "profiling target=a,turn=0: 2/0/0",
      "profiling target=b,turn=0: 0/1/0",
      "profiling target=b,turn=1: 1/0/0",
    ]);
    expect(groups({ groupBy: ["error"], phase: "profiling" }).map(shown)).to.deep.equal([
      "profiling error=http_5xx: 0/1/0",
      "profiling error=none: 3/0/0",
    ]);
    expect(groups({ groupBy: ["conversation"], filter: "turn = 0", phase: "profiling" }).map(shown)).to.deep.equal([
      "profiling conversation=2: 1/0/0",
      "profiling conversation=greeting: 1/0/0",
      "profiling conversation=4: 0/1/0",
    ]);
    expect(groups({ groupBy: ["cancelled"], filter: 'phase = "warmup"' }).map(shown)).to.deep.equal([
      "warmup cancelled=false: 1/0/0",
      "warmup cancelled=true: 0/0/1",
    ]);
    expect(groups({ filter: "ttft > 20ms AND turn = 0" }).map(shown)).to.deep.equal(["profiling : 1/1/0"]);
    expect(groups({ filter: "turn > 7" })).to.deep.equal([]);
  });

  it("have the figures of succeeded requests, but for metrics of failures, and throughputs over the time of their phase", () => {
    const [first, second] = groups({ groupBy: ["target"], phase: "profiling", metrics: [] });
    const of = (group: RecordGroup | undefined, tag: string) =>
      group?.metrics.find((metric) => metric.tag === tag)?.statistics ??
      group?.ofGroup.find((metric) => metric.tag === tag)?.value;
    expect(of(first, "time_to_first_token")).to.include({ count: 2, avg: 20, min: 10, max: 30, p50: 20 });
    expect(of(second, "time_to_first_token")).to.include({ count: 1, avg: 10 });
    expect(of(second, "error_isl")).to.include({ count: 1, avg: 8 });
    expect(of(second, "request_error_rate")).to.equal(50);
    expect(of(first, "inter_chunk_latency")).to.include({ count: 4, avg: 15 });
    const whole = summarizeRun(run.folder, { phases: ["profiling"] }).phases[0]?.runMetrics;
    for (const tag of ["request_throughput", "output_token_throughput"]) {
      const sum = Number(of(first, tag)) + Number(of(second, tag));
      expect(sum).to.be.closeTo(whole?.find((metric) => metric.tag === tag)?.value ?? 0, 1e-9);
    }
  });

  it("have a share of right answers, of the succeeded requests whose answers were checked", () => {
    const checked = temporaryFolder();
    try {
      const store = createStore(checked.folder);
      const check = (isCorrect: boolean | undefined) => ({ isCorrect, reason: isCorrect === true ? "" : "why", answer: "" });
      insertAll(store, [
        record(0, { check: check(true) }),
        record(1, { check: check(true) }),
        record(2, { check: check(false) }),
        record(3, { check: check(undefined) }),
        record(4, { check: check(false), turn: 1 }),
        record(5, { turn: 2 }),
        failed(6),
      ]);
      store.close();
      const rates = (query: Partial<GroupsQuery>) =>
        queryGroups({ folder: checked.folder, groupBy: [], metrics: ["correct_rate"], ...query }).groups.map(
          ({ ofGroup }) => ofGroup[0]?.value,
        );
      expect(rates({ groupBy: ["turn"] })).to.deep.equal([(100 * 2) / 3, 0, undefined]);
      expect(rates({})).to.deep.equal([50]);
      expect(rates({ groupBy: ["correct"] })).to.deep.equal([0, 100, undefined]);
    } finally {
      checked.remove();
    }
  });

  it("that hold everything are the summary, with its confidence intervals", () => {
    const many = temporaryFolder();
    try {
      const store = createStore(many.folder, { spec: targetsSpec(["a"]) });
      insertAll(
        store,
        Array.from({ length: 500 }, (_, id) => record(id, { metrics: { time_to_first_token: (id * 37) % 101 } })),
      );
      store.close();
      const whole = summarizeRun(many.folder, { withIntervals: true }).phases[0]?.metrics ?? [];
      const query = { folder: many.folder, groupBy: ["phase"], metrics: [], withIntervals: true };
      for (const columnBudgetBytes of [1, 1 << 30]) {
        const [group] = queryGroups({ ...query, columnBudgetBytes }).groups;
        for (const { tag, statistics, intervals } of group?.metrics ?? []) {
          const same = whole.find((metric) => metric.tag === tag);
          expect({ statistics, intervals }, tag).to.deep.equal({ statistics: same?.statistics, intervals: same?.intervals });
        }
        expect(group?.metrics.find(({ tag }) => tag === "time_to_first_token")?.intervals?.p50).to.be.an("object");
      }
    } finally {
      many.remove();
    }
  });

  it("have the same figures, however little may be in memory at a time", () => {
    const query = { groupBy: ["turn", "target", "session_num"], metrics: [] };
    expect(groups({ ...query, columnBudgetBytes: 1 })).to.deep.equal(groups(query));
  });

  it("are bounded in number, and what is left out is counted", () => {
    const answer = queryGroups({ folder: run.folder, groupBy: ["session_num"], metrics: [], mostGroups: 4 });
    expect(answer.groups.map(({ keys: [key] }) => key?.value)).to.deep.equal([0, 1, 2, 3]);
    expect(answer.leftOut).to.equal(2);
    expect(answer.groups.flatMap(({ metrics }) => metrics).filter(({ tag }) => tag === "time_to_first_token")).to.have.length(4);
  });

  it("are refused for a field, a metric or a phase that there is not, with what was meant", () => {
    const rows: readonly [Partial<GroupsQuery>, RegExp][] = [
      [{ groupBy: ["tagret"] }, /^group by: unknown field tagret, did you mean target\?\n {4}expected phase, target, model/],
      [{ groupBy: ["ttft"] }, /^group by: requests are hardly alike in ttft\n {4}expected phase/],
      [{ groupBy: ["worker", "worker_id"] }, /^group by: worker_id is named twice$/],
      [{ groupBy: Array(9).fill("turn") }, /^group by: at most 8 fields, got 9$/],
      [
        { metrics: ["tftt"] },
        /^metrics: groups have no tftt, did you mean ttft\?\n {4}nearest are ttft(, \w+){4}; docs\/metrics\.md has all$/,
      ],
      [{ metrics: ["benchmark_duration"] }, /^metrics: groups have no benchmark_duration/],
      [{ filter: "ttft >" }, /^filter: expected a number\n {4}ttft >\n {10}\^$/],
      [{ phase: "main" }, /^phase must be one of warmup, profiling, got "main"$/],
    ];
    for (const [query, message] of rows) {
      const error = errorOf(() => groups(query));
      expect(error.code).to.equal("invalid_argument");
      expect(error.message).to.match(message);
    }
  });

  it("leave the buckets of a timeline where they are and count in them what passes", () => {
    const whole = queryTimeline({ folder: run.folder, bucketMs: 100 });
    const some = queryTimeline({ folder: run.folder, bucketMs: 100, filter: "turn = 1" });
    expect(some.originWallNs).to.equal(whole.originWallNs);
    expect(some.buckets.map(({ completed }) => completed)).to.deep.equal([0, 1, 0, 0, 0, 0]);
    expect(whole.buckets.map(({ completed }) => completed)).to.deep.equal([1, 1, 1, 1, 1, 1]);
  });
});

/** A row as the oracle sees it. */
interface Row {
  readonly id: number;
  readonly record: MetricRecord;
  readonly ttft: number | undefined;
}

interface Example {
  readonly text: string;
  readonly passes: (row: Row) => boolean;
}

const labels = ["a", "it's", '"; DROP TABLE requests; --', "Ünïcode 日本 🦊", "nul\0nul"];
const hostile = fc.oneof(
  fc.constantFrom(...labels, "", "' OR 1=1 --", '"', "\\", "%", "_", "A", "Z]", "\u0000", "NULL", "none", "\n", "é"),
  fc.string({ unit: "binary", maxLength: 6 }),
);

function lowered(text: string): string {
  return text.replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase());
}

function quotedText(text: string): string {
  return `"${text.replaceAll(/["\\]/g, "\\$&")}"`;
}

const texts: Readonly<Record<string, (row: Row) => string>> = {
  model: ({ record: { model } }) => model,
  error: ({ record: { error } }) => error?.code ?? "",
  error_message: ({ record: { error } }) => error?.message ?? "",
  finish_reason: ({ record: { finishReason } }) => finishReason ?? "",
  worker: ({ record: { workerId } }) => workerId,
};
const named: Readonly<Record<string, (row: Row) => string | undefined>> = {
  target: ({ record: { targetIndex } }) => labels[targetIndex],
  phase: ({ record: { phase } }) => PHASES[phase]?.name,
  conversation: ({ record: { conversation } }) => labels[conversation],
};
const numbers: Readonly<Record<string, (row: Row) => number | undefined>> = {
  turn: ({ record: { turn } }) => turn,
  ttft: ({ ttft }) => ttft,
  status: ({ record: { status } }) => status,
  target: ({ record: { targetIndex } }) => targetIndex,
  requested_output_tokens: ({ record: { requestedOutputTokens } }) => requestedOutputTokens,
};

const textExample = fc
  .tuple(fc.constantFrom(...Object.keys(texts)), fc.constantFrom("=", "!=", "~"), fc.oneof(hostile, fc.constant(undefined)))
  .map(([field, operator, value]): Example => {
    const of = texts[field] as (row: Row) => string;
    // `~ none` is none of the language.
    if (value === undefined) {
      const isEqual = operator !== "!=";
      return { text: `${field} ${isEqual ? "=" : "!="} none`, passes: (row) => (of(row) === "") === isEqual };
    }
    const passes = {
      "=": (row: Row) => of(row) === value,
      "!=": (row: Row) => of(row) !== value,
      "~": (row: Row) => lowered(of(row)).includes(lowered(value)),
    }[operator] as (row: Row) => boolean;
    return { text: `${field}${operator}${quotedText(value)}`, passes };
  });
const namedExample = fc
  .tuple(fc.constantFrom(...Object.keys(named)), fc.constantFrom("=", "!=", "~"), hostile)
  .map(([field, operator, value]): Example => {
    const of = named[field] as (row: Row) => string | undefined;
    const isNamed = (row: Row): boolean => {
      const name = of(row);
      if (name === undefined) return false;
      return operator === "~" ? lowered(name).includes(lowered(value)) : name === value;
    };
    return { text: `${field} ${operator} ${quotedText(value)}`, passes: (row) => isNamed(row) === (operator !== "!=") };
  });
const numberExample = fc
  .tuple(
    fc.constantFrom(...Object.keys(numbers)),
    fc.constantFrom("=", "!=", "<", "<=", ">", ">="),
    fc.oneof(fc.integer({ min: -1, max: 4 }), fc.constantFrom(10, 20.5, 200, 503, 1e300, -0)),
  )
  .map(([field, operator, value]): Example => {
    const of = numbers[field] as (row: Row) => number | undefined;
    const compare = {
      "=": (own: number | undefined) => own === value || (own === 0 && value === 0),
      "!=": (own: number | undefined) => own !== value && !(own === 0 && value === 0),
      "<": (own: number | undefined) => own !== undefined && own < value,
      "<=": (own: number | undefined) => own !== undefined && own <= value,
      ">": (own: number | undefined) => own !== undefined && own > value,
      ">=": (own: number | undefined) => own !== undefined && own >= value,
    }[operator] as (own: number | undefined) => boolean;
    return { text: `${field} ${operator} ${value}`, passes: (row) => compare(of(row)) };
  });

const examples = fc.letrec<{ filter: Example }>((tie) => ({
  filter: fc.oneof(
    { maxDepth: 3 },
    fc.oneof(textExample, namedExample, numberExample),
    tie("filter").map(({ text, passes }) => ({ text: `NOT (${text})`, passes: (row: Row) => !passes(row) })),
    fc.tuple(tie("filter"), tie("filter")).map(([one, other]) => ({
      text: `(${one.text}) and (${other.text})`,
      passes: (row: Row) => one.passes(row) && other.passes(row),
    })),
    fc.tuple(tie("filter"), tie("filter")).map(([one, other]) => ({
      text: `(${one.text}) OR (${other.text})`,
      passes: (row: Row) => one.passes(row) || other.passes(row),
    })),
  ),
})).filter;

const rowParts = fc.record({
  phase: fc.nat({ max: 1 }),
  targetIndex: fc.nat({ max: labels.length - 1 }),
  conversation: fc.nat({ max: labels.length + 1 }),
  turn: fc.nat({ max: 3 }),
  model: hostile,
  workerId: hostile,
  finishReason: fc.option(hostile, { nil: undefined }),
  requestedOutputTokens: fc.option(fc.nat({ max: 3 }), { nil: undefined }),
  ttft: fc.option(fc.integer({ min: 0, max: 40 }), { nil: undefined }),
  errorMessage: fc.option(hostile, { nil: undefined }),
  isCancelled: fc.boolean(),
});

describe("filters and groups of any rows", function () {
  this.timeout(60_000);
  let run: RunFolder;
  let rows: Row[];

  before(() => {
    rows = fc.sample(rowParts, { numRuns: 120, seed: 11 }).map(({ ttft, errorMessage, isCancelled, ...parts }, id): Row => {
      const error =
        errorMessage === undefined ? undefined : ({ code: "http_5xx", phase: "wait", message: errorMessage } as const);
      const metrics: Record<string, number> = ttft === undefined ? {} : { time_to_first_token: ttft };
      const isFailed = error !== undefined;
      return {
        id,
        ttft,
        record: record(id, { ...parts, metrics, error, status: isFailed ? 503 : 200, isCancelled: isFailed && isCancelled }),
      };
    });
    run = temporaryFolder();
    const store = createStore(run.folder, { phases: PHASES, spec: targetsSpec(labels) });
    insertAll(
      store,
      rows.map((row) => row.record),
    );
    store.addConversations(new Map(labels.entries()));
    store.close();
  });
  after(() => run.remove());

  it("give the rows that pass, whatever texts they have and are compared with", () => {
    fc.assert(
      fc.property(examples, ({ text, passes }) => {
        const { records } = recordsOf({ folder: run.folder, filter: text, fields: ["credit_id"], pageSize: 1000 });
        expect(records.map((each) => each.credit_id)).to.deep.equal(rows.filter(passes).map(({ id }) => id));
      }),
      { numRuns: 500 },
    );
  });

  it("give groups of exactly these rows", () => {
    const keyOf: Readonly<Record<string, (row: Row) => unknown>> = {
      ...numbers,
      ...texts,
      phase: ({ record: { phase } }) => phase,
      conversation: ({ record: { conversation } }) => conversation,
      cancelled: ({ record: { isCancelled } }) => isCancelled,
    };
    const fields = fc.subarray(groupFields.filter((field) => keyOf[field] !== undefined && field !== "ttft"));
    fc.assert(
      fc.property(examples, fc.array(fc.nat()), fields, ({ text, passes }, shuffle, some) => {
        const groupBy = some.toSorted((a, b) => (shuffle[some.indexOf(a)] ?? 0) - (shuffle[some.indexOf(b)] ?? 0)).slice(0, 8);
        const { groups, leftOut } = queryGroups({ folder: run.folder, filter: text, groupBy, metrics: ["ttft"] });
        const wanted = Map.groupBy(rows.filter(passes), (row) =>
          JSON.stringify([PHASES[row.record.phase]?.name, ...groupBy.map((field) => noText(keyOf[field]?.(row)))]),
        );
        expect(leftOut).to.equal(0);
        const found = groups.map(({ phase, keys }) => JSON.stringify([phase, ...keys.map(({ value }) => value ?? null)]));
        expect(found).to.have.members([...wanted.keys()]);
        for (const [index, group] of groups.entries()) {
          const members = wanted.get(found[index] ?? "") ?? [];
          const succeeded = members.filter(({ record: { error } }) => error === undefined);
          expect(group).to.include({
            succeeded: succeeded.length,
            cancelled: members.filter(({ record: { isCancelled } }) => isCancelled).length,
          });
          expect(group.succeeded + group.errored + group.cancelled).to.equal(members.length);
          const values = succeeded.flatMap(({ record: { values } }) => values[ttftAt] ?? Number.NaN);
          const known = Float64Array.from(values.filter((value) => !Number.isNaN(value)));
          expect(group.metrics[0]?.statistics).to.deep.equal(statisticsOf(known));
        }
      }),
      { numRuns: 300 },
    );
  });

  it("take no name that is not on their lists, and leave the file as it is", () => {
    const names = fc.oneof(
      hostile,
      fc.constantFrom(
        "credit_id; DROP TABLE requests",
        'turn"',
        "(SELECT spec FROM run)",
        "rowid",
        "sqlite_master",
        "content_stamps",
      ),
    );
    const { folder } = run;
    fc.assert(
      fc.property(names, (name) => {
        const works: readonly (() => unknown)[] = [
          () => queryGroups({ folder, groupBy: [name], metrics: [] }),
          () => queryGroups({ folder, groupBy: [], metrics: [name] }),
          () => recordsOf({ folder, orderBy: `${name} desc` }),
          () => recordsOf({ folder, filter: `${name} = 1` }),
        ];
        for (const work of works) expect(errorOf(work).code).to.equal("invalid_argument");
      }),
      { numRuns: 300 },
    );
    const reader = RunReader.open(folder);
    expect([...reader.pages([])].flat()).to.have.length(rows.length);
    reader.close();
  });
});

function noText(value: unknown): unknown {
  return value === "" || value === undefined ? null : value;
}
