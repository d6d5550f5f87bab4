import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { expect } from "chai";
import { FileDatasetSchema } from "../../../gen/assay/common/v1/run_spec_pb.js";
import { checkTrace } from "../../../services/controller/core/spec/trace-violations.ts";

function problemsOf(file: Exclude<MessageInitShape<typeof FileDatasetSchema>, { $typeName: string }>): string[] {
  const problems: string[] = [];
  checkTrace(create(FileDatasetSchema, file), (isGood, field, description) => {
    if (!isGood) problems.push(`${field}: ${description}`);
  });
  return problems;
}

describe("what a spec says of a trace", () => {
  it("is accepted where nothing is said, and within its bounds", () => {
    expect(problemsOf({})).to.deep.equal([]);
    expect(problemsOf({ blockTokens: 16, turnDelayCapSec: 0, sessionShare: 1, isOpenLoopStrict: true })).to.deep.equal([]);
    expect(problemsOf({ synthesis: { promptLenMultiplier: 0, prefixRootMultiplier: 3, maxInputTokens: 1 } })).to.deep.equal([]);
  });

  it("is refused by the names of its fields, all of them", () => {
    expect(
      problemsOf({ blockTokens: 0, turnDelayCapSec: -1, sessionShare: 0, isOpenLoop: false, isOpenLoopStrict: true }),
    ).to.deep.equal([
      "dataset.file.block_tokens: must be from 1 to 10000000, got 0",
      "dataset.file.turn_delay_cap_sec: must be at least 0, got -1",
      "dataset.file.session_share: must be above 0 and at most 1, got 0",
      "dataset.file.is_open_loop_strict: needs an open loop",
    ]);
    const synthesis = { speedupRatio: 0, prefixLenMultiplier: Number.NaN, prefixRootMultiplier: 0, promptLenMultiplier: -1 };
    const more = { outputLenMultiplier: Number.POSITIVE_INFINITY, maxInputTokens: 0, maxOutputTokens: 10_000_001 };
    expect(problemsOf({ synthesis: { ...synthesis, ...more } })).to.deep.equal([
      "dataset.file.synthesis.speedup_ratio: must be above 0, got 0",
      "dataset.file.synthesis.prefix_len_multiplier: must be above 0, got NaN",
      "dataset.file.synthesis.prefix_root_multiplier: must be from 1 to 65536, got 0",
      "dataset.file.synthesis.prompt_len_multiplier: must be at least 0, got -1",
      "dataset.file.synthesis.output_len_multiplier: must be at least 0, got Infinity",
      "dataset.file.synthesis.max_input_tokens: must be from 1 to 10000000, got 0",
      "dataset.file.synthesis.max_output_tokens: must be from 1 to 10000000, got 10000001",
    ]);
  });

  it("refuses think times without times, and a context of nothing", () => {
    expect(problemsOf({ usesThinkTimeOnly: true, maxContextTokens: 1 })).to.deep.equal([]);
    expect(problemsOf({ usesThinkTimeOnly: true, ignoresTraceDelays: true, maxContextTokens: 0 })).to.deep.equal([
      "dataset.file.uses_think_time_only: not together with ignores_trace_delays",
      "dataset.file.max_context_tokens: must be at least 1, got 0",
    ]);
  });

  it("refuses a cap of gaps that is none, or beside one of pauses", () => {
    expect(problemsOf({ traceIdleGapCapSec: 0 })).to.deep.equal([]);
    expect(problemsOf({ traceIdleGapCapSec: -1, turnDelayCapSec: 1 })).to.deep.equal([
      "dataset.file.trace_idle_gap_cap_sec: must be at least 0, got -1",
      "dataset.file.trace_idle_gap_cap_sec: not together with turn_delay_cap_sec: pauses are then what is left of the gaps",
    ]);
  });
});
