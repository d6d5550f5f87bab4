/** `DescribeDataset`: looks at a prepared dataset in slices, so that the event loop goes on. */
import { setImmediate as nextRound } from "node:timers/promises";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import type { EndpointCatalog } from "../../endpoints/catalog.ts";
import { RunSpecSchema } from "../../gen/assay/common/v1/run_spec_pb.js";
import type { DatasetInfo } from "../../gen/assay/dataset/v1/dataset_pb.js";
import type { DescribeDatasetRequest, DescribeDatasetResponseSchema } from "../../gen/assay/dataset/v1/dataset_service_pb.js";
import { chatMessageOf } from "../common/chat-messages.ts";
import { AssayError } from "../common/errors.ts";
import { loadTokenizer } from "../common/tokenizer/load.ts";
import { expectedTokenizer, tokenizerSource } from "../common/tokenizer/source.ts";
import { bodyOptionsOf } from "../common/turn-body.ts";
import { untakenMedia } from "../common/untaken-media.ts";
import { describeDataset } from "./core/description/describe.ts";
import type { LengthSummary } from "./core/description/length-summary.ts";
import { MediaCollector, type MediaSummary } from "./core/description/media-summary.ts";
import { blockChars } from "./core/description/prefix-sharing.ts";
import type { Dataset } from "./core/turns.ts";
import { readablePath } from "./readable-path.ts";
import { requestPreviews } from "./request-preview.ts";
import { wholeTurn } from "./whole-turn.ts";

export interface DescriptionLimits {
  /** Folder that a tokenizer may be read from; undefined: from none. */
  readonly root: string | undefined;
  /** Default: the built-in ones. */
  readonly endpoints?: EndpointCatalog | undefined;
}

interface DescribeContext {
  readonly limits: DescriptionLimits;
  /** Ends the work. */
  readonly signal: AbortSignal;
}

const sliceMs = 20;
const maxRequests = 1000;
const maxMadeTurns = 100;

type Response = MessageInitShape<typeof DescribeDatasetResponseSchema>;

/** Throws as the proto says. */
export async function* describe(
  { dataset, info }: { readonly dataset: Dataset; readonly info: DatasetInfo },
  { tokenizer, endpoint, models, requests }: DescribeDatasetRequest,
  { limits, signal }: DescribeContext,
): AsyncGenerator<Response> {
  if (requests > maxRequests) throw new AssayError("invalid_argument", `requests: at most ${maxRequests}, got ${requests}`);
  const spec = create(RunSpecSchema, { models, ...(endpoint === undefined ? {} : { endpoint }) });
  const bodies = bodyOptionsOf(spec, limits.endpoints);
  const count = await counterOf(tokenizer?.name ?? "", tokenizer?.revision ?? "", limits.root);
  const total = BigInt(dataset.size);
  const steps = describeDataset(dataset, { count });
  let sliceEnd = performance.now() + sliceMs;
  for (;;) {
    const { value, done } = steps.next();
    if (done) {
      const { inputTokens, outputTokens, turns, prefixes } = value;
      const media = dataset.later === undefined ? value.media : await madeMedia(dataset, signal);
      const firstRequests = await requestPreviews(dataset, { bodies, path: endpoint?.path ?? "", requests });
      const lengths = { ...wireLengths("inputTokens", inputTokens), ...wireLengths("outputTokens", outputTokens) };
      const { sharedBlocks, ...sharing } = prefixes;
      yield {
        done: total,
        total,
        description: {
          info: { ...info, warnings: [...info.warnings, ...untakenMedia(info, bodies.endpoint.name, limits.endpoints)] },
          ...lengths,
          ...wireLengths("turns", turns),
          prefixes: {
            requests: BigInt(sharing.requests),
            blocks: BigInt(sharing.blocks),
            sharedBlocks: BigInt(sharedBlocks),
            blockChars,
          },
          firstRequests,
          media: media.map(({ modality, turns: looked, count: found, bytes }) => ({
            modality,
            turns: BigInt(looked),
            count: BigInt(found),
            ...wireLengths("bytes", bytes),
          })),
        },
      };
      return;
    }
    if (performance.now() < sliceEnd) continue;
    yield { done: BigInt(value), total };
    await nextRound();
    signal.throwIfAborted();
    sliceEnd = performance.now() + sliceMs;
  }
}

/** Of the first turns: making media takes its time. */
async function madeMedia(dataset: Dataset, signal: AbortSignal): Promise<MediaSummary[]> {
  const media = new MediaCollector();
  let left = maxMadeTurns;
  for (let conversation = 0; conversation < dataset.size && left > 0; conversation++) {
    for (let turn = 0; turn < dataset.plan(conversation).length && left > 0; turn++, left--) {
      signal.throwIfAborted();
      media.add((await wholeTurn(dataset, conversation, turn))?.messages.map(chatMessageOf) ?? []);
    }
  }
  return media.summary();
}

function wireLengths<Name extends string>(name: Name, lengths: LengthSummary | undefined) {
  return lengths === undefined ? {} : { [name]: { ...lengths, count: BigInt(lengths.count) } };
}

async function counterOf(name: string, revision: string, root: string | undefined) {
  const source = tokenizerSource(name, revision);
  if (source === undefined) {
    throw new AssayError("invalid_argument", `tokenizer.name: must be ${expectedTokenizer}, got ${name}`, {
      violations: [{ field: "tokenizer.name", description: `must be ${expectedTokenizer}, got ${name}` }],
    });
  }
  return loadTokenizer(source, (path) => readablePath(path, root, "tokenizer.name"));
}
