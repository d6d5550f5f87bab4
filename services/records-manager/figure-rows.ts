/** What is read of every row but its metrics, in the order of `FIGURE_COLUMNS`. */
import { outputSequenceLength } from "../../metrics/output-sequence-length.ts";
import { usageCompletionTokensDiffPct } from "../../metrics/usage-completion-tokens-diff-pct.ts";
import { usagePromptTokensDiffPct } from "../../metrics/usage-prompt-tokens-diff-pct.ts";
import { usageReasoningTokensDiffPct } from "../../metrics/usage-reasoning-tokens-diff-pct.ts";
import type { PhaseFigures } from "./core/phase-figures.ts";

const USAGE_DIFFS = [usagePromptTokensDiffPct.tag, usageCompletionTokensDiffPct.tag, usageReasoningTokensDiffPct.tag] as const;

/** The row has one value before them. */
export const FIGURE_COLUMNS = [
  "phase",
  "is_cancelled",
  "error_code",
  "error_phase",
  "error_message",
  "due_ns",
  "issued_ns",
  "sent_ns",
  "last_content_ns",
  "end_ns",
  "coalesced_chunks",
  "finish_reason",
  "has_usage_mismatch",
  "is_stream_ignored",
  "status",
  "target",
  "received_ns",
  "connect_ns",
  "worker_id",
  "turn",
  "requested_output_tokens",
  outputSequenceLength.tag,
  ...USAGE_DIFFS,
  "token_source",
  "is_correct",
  "is_unchecked",
] as const;

/** Behind the source of tokens. */
const CHECK_AT = 24 + USAGE_DIFFS.length;

/** Counts a row that begins with one value and has those of `FIGURE_COLUMNS` behind it. */
export function addFigures(figures: PhaseFigures, row: readonly unknown[]): void {
  figures.add({
    isCancelled: row[2] === 1,
    errorCode: row[3] as string | null,
    errorPhase: row[4] as string | null,
    errorMessage: row[5] as string | null,
    dueNs: row[6] as number | null,
    issuedNs: row[7] as number,
    sentNs: row[8] as number,
    lastContentNs: row[9] as number | null,
    endNs: row[10] as number,
    coalescedChunks: row[11] as number,
    finishReason: row[12] as string | null,
    hasUsageMismatch: row[13] === 1,
    isStreamIgnored: row[14] === 1,
    status: row[15] as number,
    target: row[16] as number,
    receivedNs: row[17] as number,
    connectNs: row[18] as number | null,
    workerId: row[19] as string,
    turn: row[20] as number,
    requestedTokens: row[21] as number | null,
    outputTokens: outputTokensOf(row),
    tokenSource: (row[23 + USAGE_DIFFS.length] ?? null) as string | null,
    usageDiffs: row.slice(23, 23 + USAGE_DIFFS.length) as (number | null)[],
    isCorrect: row[CHECK_AT] === null ? null : row[CHECK_AT] === 1,
    isUnchecked: row[CHECK_AT + 1] === 1,
  });
}

/** The output tokens of such a row. */
export function outputTokensOf(row: readonly unknown[]): number | null {
  return row[22] as number | null;
}

/** Whether the answer of such a row is known to be wrong. */
export function isWrongAnswer(row: readonly unknown[]): boolean {
  return row[CHECK_AT] === 0;
}
