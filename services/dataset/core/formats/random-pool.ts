/**
 * AIPerf's `random_pool`: rows of texts and media as in single_turn, without sessions and times. Each file is a pool; a request is one entry
 * of every pool, drawn with replacement, merged in the order of the files' names; what a row does not name itself has the name of its
 * file. With a batch size other than 1 each kind (texts, images, audio, video) is drawn by itself, as many as the batch has, from all
 * that a single pool has of it.
 */
import type { ContentPart, Modality } from "../../../../endpoints/endpoint.ts";
import { partsOf } from "../../../../endpoints/parts.ts";
import { AssayError } from "../../../common/errors.ts";
import { type RandomStream, randomStream } from "../../../common/random.ts";
import { contentFields, contentNames, readContent, withParts } from "./content.ts";
import type { BatchSizes, Format, ReaderOptions } from "./format.ts";
import { bareTurn, isGiven, type Row, shownValue } from "./row.ts";

const fields: readonly string[] = ["type", ...contentFields];
const defaultConversations = 100;
const modalities: readonly Modality[] = ["text", "image", "audio", "video"];

/** Parts of each row of a file. */
type Pool = ContentPart[][];

export const randomPoolFormat: Format = {
  name: "random_pool",
  fields,
  textFields: ["text", "image", "audio", "video", "type"],
  recognizes: (row, { isInFolder }) =>
    isInFolder && contentNames.some((field) => isGiven(row[field])) && Object.keys(row).every((field) => fields.includes(field)),
  createReader(options, { readMedia }) {
    const pools = new Map<string, Pool>();
    const unknown: string[] = [];
    return {
      read(row, { file }) {
        const { type } = row;
        if (isGiven(type) && type !== "random_pool") {
          return { problem: { field: "type", message: `expected "random_pool", got ${shownValue(type)}` } };
        }
        const read = readContent(row, { readMedia });
        if ("problem" in read) return read;
        const pool = pools.get(file) ?? [];
        pool.push([...partsOf({ role: "user", ...read.content })]);
        pools.set(file, pool);
        unknown.push(...Object.keys(row).filter((field) => !fields.includes(field)));
        return { row: undefined };
      },
      *finish() {
        // Rows that are drawn are none of the file's: what those have is told with the first.
        for (const row of drawn(pools, options)) yield { ...row, unknownFields: unknown.splice(0) };
      },
    };
  },
};

/** A size of a kind that the pools do not have is none. */
function isBatched(pools: ReadonlyMap<string, Pool>, sizes: BatchSizes): boolean {
  const has = (modality: Modality): boolean =>
    [...pools.values()].some((pool) => pool.some((parts) => parts.some((part) => part.modality === modality)));
  return modalities.some((modality) => sizes[modality] !== 1 && has(modality));
}

function* drawn(pools: ReadonlyMap<string, Pool>, options: ReaderOptions): Generator<Row> {
  const { maxConversations } = options;
  const count = maxConversations === Number.POSITIVE_INFINITY ? defaultConversations : maxConversations;
  if (pools.size === 0) return;
  const draw = isBatched(pools, options.batchSizes) ? batchDraw(pools, options) : entryDraw(pools, options);
  for (let conversation = 0; conversation < count; conversation++) yield rowOf(draw());
}

/** One entry of each pool. A stream for each, so that another pool beside it leaves a pool's draws as they are. */
function entryDraw(pools: ReadonlyMap<string, Pool>, { seed }: ReaderOptions): () => ContentPart[] {
  const streams = [...pools].map(([file, pool]) => ({
    pool: pool.map((parts) => parts.map((part) => ({ ...part, name: part.name ?? file.replace(/\..*$/, "") }))),
    stream: randomStream(seed, "random_pool", file),
  }));
  return () => {
    const parts = streams.flatMap(({ pool, stream }) => pool[stream.below(pool.length)] ?? []);
    return modalities.flatMap((modality) => parts.filter((part) => part.modality === modality));
  };
}

function batchDraw(pools: ReadonlyMap<string, Pool>, { seed, batchSizes }: ReaderOptions): () => ContentPart[] {
  const parts = [...pools.values()].flat(2);
  const problem = batchProblem(pools, parts, batchSizes);
  if (problem !== undefined) throw refusal(problem);
  const kinds = modalities.map((modality) => ({
    all: parts.filter((part) => part.modality === modality),
    size: batchSizes[modality],
    stream: randomStream(seed, "random_pool", "batch", modality),
  }));
  return () => kinds.flatMap(({ all, size, stream }) => (all.length === 0 ? [] : several(all, size, stream)));
}

function several(all: readonly ContentPart[], size: number, stream: RandomStream): ContentPart[] {
  return Array.from({ length: size }, () => all[stream.below(all.length)]).filter((part) => part !== undefined);
}

/** Names tell parts of a request apart, and drawing each kind by itself forgets whose they were. */
function batchProblem(
  pools: ReadonlyMap<string, Pool>,
  parts: readonly ContentPart[],
  batchSizes: BatchSizes,
): string | undefined {
  if (pools.size > 1) return `batch sizes need a single pool, there are ${pools.size}: ${[...pools.keys()].join(", ")}`;
  if (parts.some(({ name, uuid }) => name !== undefined || uuid !== undefined)) {
    return "batch sizes need texts and media without names and uuids, and rows of the pool have them";
  }
  if (parts.some(({ modality }) => batchSizes[modality] > 0)) return undefined;
  return "requests would be empty: all kinds that the pool has are drawn 0 times";
}

function refusal(description: string): AssayError {
  return new AssayError("invalid_argument", `dataset.file.path: ${description}`, {
    violations: [{ field: "dataset.file.path", description }],
  });
}

function rowOf(parts: readonly ContentPart[]): Row {
  return {
    sessionId: undefined,
    turns: [
      {
        ...bareTurn,
        messages: [{ role: "user", ...withParts(parts) }],
        isSelfContained: true,
      },
    ],
    unknownFields: [],
  };
}
