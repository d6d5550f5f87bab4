import type { FileDataset, RunSpec, TraceSynthesis } from "../../../../gen/assay/common/v1/run_spec_pb.js";
import type { DatasetInfo } from "../../../../gen/assay/dataset/v1/dataset_pb.js";
import type { Demand } from "./demand.ts";

const maxTokens = 10_000_000;
const maxRoots = 65_536;
const at = "dataset.file";

/** How a file's trace is to be replayed, and changed before. */
export function checkTrace(file: FileDataset, demand: Demand): void {
  const { blockTokens = 1, turnDelayCapSec = 0, sessionShare = 1, isOpenLoop = true, isOpenLoopStrict, synthesis } = file;
  demand(
    blockTokens >= 1 && blockTokens <= maxTokens,
    `${at}.block_tokens`,
    `must be from 1 to ${maxTokens}, got ${blockTokens}`,
  );
  demand(isFromZero(turnDelayCapSec), `${at}.turn_delay_cap_sec`, `must be at least 0, got ${turnDelayCapSec}`);
  demand(sessionShare > 0 && sessionShare <= 1, `${at}.session_share`, `must be above 0 and at most 1, got ${sessionShare}`);
  demand(isOpenLoop || !isOpenLoopStrict, `${at}.is_open_loop_strict`, "needs an open loop");
  const { usesThinkTimeOnly, ignoresTraceDelays, maxContextTokens = 1 } = file;
  demand(!(usesThinkTimeOnly && ignoresTraceDelays), `${at}.uses_think_time_only`, "not together with ignores_trace_delays");
  demand(maxContextTokens >= 1, `${at}.max_context_tokens`, `must be at least 1, got ${maxContextTokens}`);
  const { traceIdleGapCapSec: gapSec = 0 } = file;
  demand(isFromZero(gapSec), `${at}.trace_idle_gap_cap_sec`, `must be at least 0, got ${gapSec}`);
  demand(
    file.traceIdleGapCapSec === undefined || file.turnDelayCapSec === undefined,
    `${at}.trace_idle_gap_cap_sec`,
    "not together with turn_delay_cap_sec: pauses are then what is left of the gaps",
  );
  if (synthesis !== undefined) checkSynthesis(synthesis, demand);
}

/** What a trace puts into every body cannot be asked for otherwise: the row's would win without a word. */
export function checkTraceInputs({ dataset, endpoint }: RunSpec, { format }: DatasetInfo, demand: Demand): void {
  if (dataset?.source.case !== "file" || format !== "baseten_trace") return;
  const { forcesMinTokens = true, omitsKvHints } = dataset.source.value;
  const ofRows = { min_tokens: forcesMinTokens, hash_ids: !omitsKvHints, block_size: !omitsKvHints };
  for (const [name, isOfRow] of Object.entries(ofRows)) {
    const isAsked = isOfRow && Object.hasOwn(endpoint?.extraInputs ?? {}, name);
    const without = name === "min_tokens" ? "--no-force-min-tokens" : "--omit-kv-hints";
    demand(!isAsked, "endpoint.extra_inputs", `${name} is what each row of a baseten_trace says; ${without} sends yours instead`);
  }
}

function checkSynthesis(synthesis: TraceSynthesis, demand: Demand): void {
  const {
    speedupRatio = 1,
    prefixLenMultiplier = 1,
    prefixRootMultiplier = 1,
    maxInputTokens = 1,
    maxOutputTokens = 1,
  } = synthesis;
  const { promptLenMultiplier = 1, outputLenMultiplier = 1 } = synthesis;
  const below = `${at}.synthesis`;
  demand(isAboveZero(speedupRatio), `${below}.speedup_ratio`, `must be above 0, got ${speedupRatio}`);
  demand(isAboveZero(prefixLenMultiplier), `${below}.prefix_len_multiplier`, `must be above 0, got ${prefixLenMultiplier}`);
  demand(
    prefixRootMultiplier >= 1 && prefixRootMultiplier <= maxRoots,
    `${below}.prefix_root_multiplier`,
    `must be from 1 to ${maxRoots}, got ${prefixRootMultiplier}`,
  );
  demand(isFromZero(promptLenMultiplier), `${below}.prompt_len_multiplier`, `must be at least 0, got ${promptLenMultiplier}`);
  demand(isFromZero(outputLenMultiplier), `${below}.output_len_multiplier`, `must be at least 0, got ${outputLenMultiplier}`);
  for (const [name, tokens] of [
    ["max_input_tokens", maxInputTokens],
    ["max_output_tokens", maxOutputTokens],
  ] as const) {
    demand(tokens >= 1 && tokens <= maxTokens, `${below}.${name}`, `must be from 1 to ${maxTokens}, got ${tokens}`);
  }
}

function isFromZero(value: number): boolean {
  return value >= 0 && Number.isFinite(value);
}

function isAboveZero(value: number): boolean {
  return value > 0 && Number.isFinite(value);
}
