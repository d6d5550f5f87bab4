import { create, type JsonObject, type MessageInitShape } from "@bufbuild/protobuf";
import { expect } from "chai";
import { PhaseKind } from "../../../gen/assay/common/v1/common_pb.js";
import {
  DatasetSpecSchema,
  EndpointSpecSchema,
  type PhaseSpecSchema,
  RunSpecSchema,
} from "../../../gen/assay/common/v1/run_spec_pb.js";
import { DatasetInfoSchema } from "../../../gen/assay/dataset/v1/dataset_pb.js";
import { compileRunSpec } from "../../../services/controller/core/run-spec.ts";
import { withDataset } from "../../../services/controller/core/spec/dataset-choice.ts";

type PhaseInit = Exclude<MessageInitShape<typeof PhaseSpecSchema>, { $typeName: string }>;
type InfoInit = Exclude<MessageInitShape<typeof DatasetInfoSchema>, { $typeName: string }>;

function specOf(phase: PhaseInit) {
  const given = create(RunSpecSchema, {
    models: ["m"],
    dataset: { source: { case: "file", value: { path: "/f.jsonl" } } },
    phases: [{ name: "profiling", kind: PhaseKind.PROFILING, ...phase }],
  });
  return compileRunSpec(given, () => 1n).spec;
}

const infoOf = (info: InfoInit = {}) =>
  create(DatasetInfoSchema, {
    conversations: 5n,
    rootConversations: 5n,
    turns: 5n,
    beginsWithTimestamp: true,
    timedConversations: 5n,
    firstTimestampMs: 0,
    lastTimestampMs: 900,
    ...info,
  });

const preferring: PhaseInit = {
  load: { case: "concurrency", value: { limit: 8 } },
  preferredSchedule: { autoOffset: true, concurrencyCeiling: 8 },
};
const schedule = (value: object): PhaseInit => ({ load: { case: "schedule", value } });

describe("what the dataset decides of a spec", () => {
  it("is its own schedule where its first conversation has a timestamp and a phase prefers it, which is said", () => {
    const { spec, warnings } = withDataset(specOf(preferring), infoOf());
    const [phase] = spec.phases;
    expect(phase?.load.case).to.equal("schedule");
    expect(phase?.load.value).to.deep.include({ autoOffset: true, concurrencyCeiling: 8, speedup: 1 });
    expect([phase?.preferredSchedule, phase?.stop]).to.deep.equal([undefined, undefined]);
    expect(spec.name).to.equal("m-openai-chat-fixed_schedule");
    expect(warnings).to.deep.equal(["phase profiling follows the timestamps of the file (--no-fixed-schedule does not)"]);
  });

  it("is what its rows put into every body, which nobody can ask for otherwise", () => {
    const given = (file: object, extraInputs: JsonObject) => {
      const spec = specOf(preferring);
      spec.dataset = create(DatasetSpecSchema, { source: { case: "file", value: { path: "/f.parquet", ...file } } });
      spec.endpoint = create(EndpointSpecSchema, { extraInputs });
      return spec;
    };
    const info = infoOf({ format: "baseten_trace" });
    expect(() => withDataset(given({}, { min_tokens: 5, block_size: 1, seed: 1 }), info)).to.throw(
      "endpoint.extra_inputs: min_tokens is what each row of a baseten_trace says; --no-force-min-tokens sends yours instead; " +
        "endpoint.extra_inputs: block_size is what each row of a baseten_trace says; --omit-kv-hints sends yours instead",
    );
    const all = { min_tokens: 5, hash_ids: [1], block_size: 1, max_tokens: 3 };
    expect(withDataset(given({ forcesMinTokens: false, omitsKvHints: true }, all), info).warnings).to.have.length(1);
    expect(withDataset(given({}, all), infoOf({ format: "single_turn" })).warnings).to.have.length(1);
    expect(withDataset(given({}, { max_tokens: 3 }), info).warnings).to.have.length(1);
  });

  it("is bodies as they are, into which no marker goes", () => {
    const spec = specOf(preferring);
    spec.dataset = create(DatasetSpecSchema, { cacheBust: "first_turn_prefix" });
    expect(() => withDataset(spec, infoOf({ format: "raw_payload" }))).to.throw(
      "dataset.cache_bust: has no effect: the bodies of raw_payload are sent as they are",
    );
    expect(withDataset(spec, infoOf({ format: "multi_turn" })).warnings).to.have.length(1);
  });

  it("is the end of the other load where there is no such timestamp", () => {
    for (const info of [infoOf({ beginsWithTimestamp: false }), undefined]) {
      const { spec, warnings } = withDataset(specOf(preferring), info);
      const [phase] = spec.phases;
      expect([phase?.load.case, phase?.preferredSchedule, warnings.length]).to.deep.equal(["concurrency", undefined, 0]);
      expect(phase?.stop?.requestCount).to.equal(16n);
      expect(spec.name).to.equal("m-openai-chat-concurrency8");
    }
    const { spec } = withDataset(specOf({ ...preferring, stop: { durationSec: 3 } }), undefined);
    const { durationSec, requestCount } = spec.phases[0]?.stop ?? {};
    expect([durationSec, requestCount]).to.deep.equal([3, undefined]);
  });

  it("leaves what it is given as it is", () => {
    const given = specOf(preferring);
    withDataset(given, infoOf());
    expect(given.phases[0]?.preferredSchedule).to.not.equal(undefined);
  });

  const refused: readonly (readonly [what: string, phase: PhaseInit, info: InfoInit, complaint: string])[] = [
    [
      "a schedule of conversations without timestamps",
      schedule({}),
      { timedConversations: 3n },
      "phases[0].schedule: needs a timestamp at the first turn of every conversation; 2 of 5 have none",
    ],
    [
      "a start behind the last timestamp",
      schedule({ startOffsetMs: 901 }),
      {},
      "phases[0].schedule.start_offset_ms: the file's timestamps are from 0 to 900 ms, got 901",
    ],
    [
      "an end before the first timestamp",
      schedule({ endOffsetMs: 5 }),
      { firstTimestampMs: 10 },
      "phases[0].schedule.end_offset_ms: the file's timestamps are from 10 to 900 ms, got 5",
    ],
    [
      "a window between two timestamps",
      schedule({ startOffsetMs: 200, endOffsetMs: 400 }),
      { windows: [{ window: { startMs: 200, endMs: 400 }, beforeMs: 100, afterMs: 900 }] },
      "phases[0].schedule.end_offset_ms: no conversation begins from 200 to 400 ms, the nearest at 100 and 900 ms",
    ],
    [
      "users of single requests",
      { load: { case: "userCentric", value: { users: 2, ratePerSec: 1 } }, stop: { requestCount: 5n } },
      { turns: 30n, conversations: 20n, rootTurns: 7n },
      "phases[0].user_centric: needs conversations of at least 2 turns in the mean, got 1.40",
    ],
  ];
  for (const [what, phase, info, complaint] of refused) {
    it(`refuses ${what}`, () => {
      expect(() => withDataset(specOf(phase), infoOf(info))).to.throw(complaint);
    });
  }

  it("takes a window in which one conversation begins, and trees whose children have no timestamps", () => {
    const windows = [{ window: { startMs: 200, endMs: 400 }, sessions: 1n, beforeMs: 100, afterMs: 900 }];
    const { spec } = withDataset(
      specOf(schedule({ startOffsetMs: 200, endOffsetMs: 400 })),
      infoOf({ conversations: 9n, windows }),
    );
    expect(spec.phases[0]?.load.case).to.equal("schedule");
  });

  it("warns of a schedule that begins long after the phase", () => {
    const epoch = { firstTimestampMs: 1_700_000_000_000, lastTimestampMs: 1_700_000_001_000 };
    const warningsOf = (value: object) => withDataset(specOf(schedule(value)), infoOf(epoch)).warnings;
    expect(warningsOf({})[0]).to.contain("the first request is due 1700000000 s after its start");
    for (const value of [{ autoOffset: true }, { startOffsetMs: 1_700_000_000_000 }, { idleGapCapSec: 10 }]) {
      expect(warningsOf(value)).to.deep.equal([]);
    }
  });
});
