import { expect } from "chai";
import { AssayError } from "../../../../services/common/errors.ts";
import type { FileLoadOptions } from "../../../../services/dataset/core/file-load.ts";
import { loadedRows } from "./loading.ts";

const text = { text: "a" };
const recorded = { timestamp_start_unix_ms: 1, prompt: "a", input_tokens: 1, output_tokens: 8 };
const hashed = { timestamp: 0, input_length: 10, output_length: 2, hash_ids: [1] };
const agents = {
  id: "s1",
  models: ["m"],
  block_size: 64,
  hash_id_scope: "local",
  requests: [{ t: 0, type: "n", model: "m", in: 130, out: 20, hash_ids: [1, 2], api_time: 2 }],
};

/** What somebody asks of a file, the row that it fits, and the formats that have a use for it. */
const options: readonly (readonly [string, Partial<FileLoadOptions>, object, string])[] = [
  ["block_tokens", { blockTokens: 64 }, hashed, "bailian_trace, mooncake_trace, tracelab or weka_trace"],
  ["is_open_loop", { trace: { isOpenLoop: false } }, recorded, "baseten_trace"],
  ["is_open_loop_strict", { trace: { isStrict: true } }, recorded, "baseten_trace"],
  ["omits_kv_hints", { trace: { omitsKvHints: true } }, recorded, "baseten_trace"],
  ["forces_min_tokens", { trace: { forcesMinTokens: false } }, recorded, "baseten_trace"],
  ["session_share", { trace: { sessionShare: 0.5 } }, recorded, "baseten_trace"],
  ["uses_think_time_only", { trace: { usesThinkTimeOnly: true } }, agents, "tracelab or weka_trace"],
  ["max_context_tokens", { trace: { maxContextTokens: 1000 } }, agents, "tracelab or weka_trace"],
  ["trace_idle_gap_cap_sec", { trace: { idleGapCapSec: 1 } }, agents, "tracelab or weka_trace"],
];

describe("an option of traces", () => {
  for (const [field, asked, row, formats] of options) {
    it(`is refused by its name for a file that has no use for it: ${field}`, () => {
      const refused = (): unknown => loadedRows([text], asked);
      const description = `needs rows of ${formats}, this is single_turn`;
      expect(refused)
        .to.throw(AssayError, description)
        .with.deep.property("violations", [{ field: `dataset.file.${field}`, description }]);
    });

    it(`is taken for one that has: ${field}`, () => {
      // Twenty sessions, of which a share is kept.
      const rows = Array.from({ length: 20 }, (_, index) => ({ ...row, ...("id" in row ? { id: `s${index}` } : {}) }));
      expect(loadedRows(rows, asked).usedRows).to.be.above(0);
    });
  }

  it("that asks for what is done anyway is no mistake", () => {
    const trace = { isOpenLoop: true, isStrict: false, omitsKvHints: false, forcesMinTokens: true, sessionShare: 1 };
    expect(loadedRows([text], { trace }).usedRows).to.equal(1);
  });
});
