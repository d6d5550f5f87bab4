/** `assay dataset show --json`. Names are the protos', values are numbers. Pure. */
import type { DatasetDescription, LengthDistribution, RequestPreview } from "../../../gen/assay/dataset/v1/dataset_pb.js";

/** What is not known is left out. */
export function descriptionJson(description: DatasetDescription): object {
  const { info, inputTokens, outputTokens, turns, prefixes, firstRequests, media } = description;
  const { file } = info ?? {};
  return {
    name: file?.name ?? info?.description,
    format: info?.format,
    format_reason: file?.formatReason === "" ? undefined : file?.formatReason,
    containers: file?.containers ?? [],
    files: numberOf(file?.files),
    rows: numberOf(file?.rows),
    skipped_rows: numberOf(info?.skippedRows),
    first_skipped: file?.firstSkipped ?? [],
    left_out: file?.leftOut ?? [],
    conversations: numberOf(info?.conversations),
    root_conversations: numberOf(info?.rootConversations),
    child_conversations: numberOf(info && info.conversations - info.rootConversations),
    turns: numberOf(info?.turns),
    size_bytes: numberOf(info?.sizeBytes),
    ...timesOf(info),
    lengths: { input_tokens: lengthsOf(inputTokens), output_tokens: lengthsOf(outputTokens), turns: lengthsOf(turns) },
    prefixes: prefixes && {
      requests: numberOf(prefixes.requests),
      blocks: numberOf(prefixes.blocks),
      shared_blocks: numberOf(prefixes.sharedBlocks),
      block_chars: prefixes.blockChars,
    },
    named_blocks: namedBlocksOf(info),
    media: media.map(({ modality, turns: looked, count, bytes }) => ({
      modality,
      turns: numberOf(looked),
      count: numberOf(count),
      bytes: lengthsOf(bytes),
    })),
    warnings: info?.warnings ?? [],
    requests: firstRequests.map(requestOf),
  };
}

function timesOf(info: DatasetDescription["info"]): object {
  if (info === undefined || info.timedConversations === 0n) return {};
  const { timedConversations, firstTimestampMs, lastTimestampMs } = info;
  return {
    timed_conversations: Number(timedConversations),
    first_timestamp_ms: firstTimestampMs,
    last_timestamp_ms: lastTimestampMs,
  };
}

function namedBlocksOf(info: DatasetDescription["info"]): object | undefined {
  if (info === undefined || info.prefixBlocks === 0n) return undefined;
  return {
    requests: numberOf(info.prefixRequests),
    blocks: numberOf(info.prefixBlocks),
    unique_blocks: numberOf(info.prefixUniqueBlocks),
    shared_tokens: numberOf(info.prefixSharedTokens),
    hit_share: info.prefixHitShare,
    mean_reuse: info.prefixMeanReuse,
  };
}

function lengthsOf(lengths: LengthDistribution | undefined): object | undefined {
  if (lengths === undefined) return undefined;
  const { count, mean, min, p50, p90, p99, max } = lengths;
  return { count: Number(count), mean, min, p50, p90, p99, max };
}

function requestOf({ conversation, turn, method, path, headers, body, bodyBytes }: RequestPreview): object {
  const text = new TextDecoder().decode(body);
  return { conversation: Number(conversation), turn, method, path, headers, body: jsonOr(text), body_bytes: Number(bodyBytes) };
}

function jsonOr(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // A body that is no JSON, or was cut.
    return text;
  }
}

function numberOf(value: bigint | undefined): number | undefined {
  return value === undefined ? undefined : Number(value);
}
