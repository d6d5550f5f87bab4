/**
 * How a trace is changed before it is replayed: as AIPerf's `--synthesis-…`, by the names of its blocks. A block that stands in the
 * trace twice or more is of a shared prefix, as a node of the prefixes' tree that is passed twice or more; a request's shared prefix ends
 * before its first block that is not, or is not full. What follows is its own. Pure but for what it keeps.
 */
import { AssayError } from "../../common/errors.ts";
import { type RandomStream, randomStream } from "../../common/random.ts";
import type { RowReader } from "./formats/format.ts";
import type { PromptRecipe, Row, RowTurn } from "./formats/row.ts";
import { heldRow, holdRow } from "./held-row.ts";
import { IdSet } from "./id-set.ts";
import { RowPacker, rowAt } from "./packed-rows.ts";

export interface TraceSynthesis {
  /** Divides timestamps, above 0. */
  readonly speedupRatio: number;
  /** Factor on the blocks of shared prefixes, above 0. */
  readonly prefixLenMultiplier: number;
  /** Copies of the shared prefixes, over which the requests are spread, from 1. */
  readonly prefixRootMultiplier: number;
  /** Factor on what is a request's own, from 0. */
  readonly promptLenMultiplier: number;
  /** Factor on output lengths, from 0. */
  readonly outputLenMultiplier: number;
  /** Longer prompts are left out. */
  readonly maxInputTokens: number;
  /** Longer output lengths are cut. */
  readonly maxOutputTokens: number;
}

/** What of a trace is changed, by the fields of the proto. */
export function changedFields(synthesis: TraceSynthesis): string[] {
  const { speedupRatio, prefixLenMultiplier, prefixRootMultiplier, promptLenMultiplier, outputLenMultiplier } = synthesis;
  const factors = {
    speedup_ratio: speedupRatio,
    prefix_len_multiplier: prefixLenMultiplier,
    prefix_root_multiplier: prefixRootMultiplier,
    prompt_len_multiplier: promptLenMultiplier,
    output_len_multiplier: outputLenMultiplier,
  };
  return [
    ...Object.entries(factors).flatMap(([field, factor]) => (factor === 1 ? [] : [field])),
    ...(synthesis.maxInputTokens === Number.POSITIVE_INFINITY ? [] : ["max_input_tokens"]),
    ...(synthesis.maxOutputTokens === Number.POSITIVE_INFINITY ? [] : ["max_output_tokens"]),
  ];
}

/**
 * A reader whose rows are changed: they come when all have been read, since what is shared is known only then. Until then they are
 * held as bytes.
 */
export function synthesizedReader(reader: RowReader, synthesis: TraceSynthesis, seed: number): RowReader {
  const rows = new RowPacker();
  const blocks = new BlockCounts();
  let leftOut = 0;
  const keep = (row: Row): void => {
    if (row.turns.some(({ recipe }) => recipe !== undefined && recipe.inputTokens > synthesis.maxInputTokens)) {
      leftOut++;
      return;
    }
    rows.add(holdRow(row));
    for (const { recipe } of row.turns) if (recipe !== undefined) blocks.add(recipe.blockIds);
  };
  return {
    read(row, source, placeOf) {
      const read = reader.read(row, source, placeOf);
      if ("problem" in read || read.row === undefined) return read;
      keep(read.row);
      return { row: undefined };
    },
    *finish() {
      for (const row of reader.finish?.() ?? []) {
        if ("turns" in row) keep(row);
        else yield row;
      }
      const shaper = new RecipeShaper(blocks, synthesis, seed);
      const packed = rows.packed();
      for (let index = 0; index < packed.size; index++) {
        const row = heldRow(rowAt(packed, index));
        const [first, ...rest] = row.turns.map((turn) => changed(turn, synthesis, shaper));
        if (first !== undefined) yield { ...row, turns: [first, ...rest] };
      }
    },
    notes() {
      const own = reader.notes?.() ?? [];
      return leftOut === 0 ? own : [...own, `${leftOut} rows of longer prompts were left out (--synthesis-max-isl)`];
    },
  };
}

function changed(turn: RowTurn, synthesis: TraceSynthesis, shaper: RecipeShaper): RowTurn {
  const { maxOutputTokens, timestampMs, recipe } = turn;
  const { outputLenMultiplier, maxOutputTokens: most, speedupRatio } = synthesis;
  return {
    ...turn,
    maxOutputTokens:
      maxOutputTokens === undefined ? undefined : Math.min(most, Math.max(1, Math.round(maxOutputTokens * outputLenMultiplier))),
    timestampMs: timestampMs === undefined ? undefined : timestampMs / speedupRatio,
    ...(recipe === undefined ? {} : { recipe: shaper.shape(recipe) }),
  };
}

/** Which blocks stand in a trace twice or more. */
export class BlockCounts {
  readonly #once = new IdSet();
  readonly #again = new IdSet();
  /** The greatest name of a block that is shared; -1: none is. */
  greatestShared = -1;
  /** All of all requests. */
  total = 0;

  add(ids: readonly number[]): void {
    this.total += ids.length;
    for (const id of ids) {
      if (this.#once.add(id)) continue;
      this.#again.add(id);
      if (id > this.greatestShared) this.greatestShared = id;
    }
  }

  isShared(id: number): boolean {
    return this.#again.has(id);
  }
}

/** What is lost where a factor such as 1.1 is no binary fraction. */
const rounding = 1e-9;

export class RecipeShaper {
  readonly #blocks: BlockCounts;
  readonly #synthesis: TraceSynthesis;
  readonly #roots: RandomStream;
  /** Names that one block of a prefix can become. */
  readonly #width: number;
  /** The next name that no block has. */
  #next: number;

  /** Throws `invalid_argument` where the new names would be too large to be told apart. */
  constructor(blocks: BlockCounts, synthesis: TraceSynthesis, seed: number) {
    this.#blocks = blocks;
    this.#synthesis = synthesis;
    this.#roots = randomStream(seed, "dataset", "trace", "roots");
    this.#width = Math.ceil(Math.max(1, synthesis.prefixLenMultiplier) - rounding);
    this.#next = (blocks.greatestShared + 1) * this.#width;
    const { prefixRootMultiplier: roots } = synthesis;
    if (this.#next * roots > Number.MAX_SAFE_INTEGER / 2) {
      const description = `hash_ids up to ${blocks.greatestShared} are too large to be multiplied by ${this.#width * roots}`;
      throw new AssayError("invalid_argument", `dataset.file.synthesis: ${description}`, {
        violations: [{ field: "dataset.file.synthesis", description }],
      });
    }
  }

  /** Requests whose shared prefixes begin alike get prefixes that begin alike, in the same copy. */
  shape(recipe: PromptRecipe): PromptRecipe {
    const { blockIds, inputTokens, blockTokens } = recipe;
    const { promptLenMultiplier, prefixRootMultiplier: roots, maxInputTokens } = this.#synthesis;
    const prefix = this.#sharedPrefix(recipe);
    const shaped = this.#stretched(blockIds, prefix);
    const own = Math.floor((inputTokens - prefix * blockTokens) * promptLenMultiplier + rounding);
    const tokens = Math.min(maxInputTokens, Math.max(1, shaped.length * blockTokens + own));
    if (blockIds.length === 0) return { ...recipe, inputTokens: tokens };
    const copy = roots > 1 ? this.#roots.below(roots) : 0;
    const count = Math.ceil(tokens / blockTokens);
    while (shaped.length < count) shaped.push(this.#next++);
    shaped.length = count;
    return { ...recipe, inputTokens: tokens, blockIds: roots > 1 ? shaped.map((id) => id * roots + copy) : shaped };
  }

  /** Blocks of a request's shared prefix. */
  #sharedPrefix({ blockIds, inputTokens, blockTokens }: PromptRecipe): number {
    const full = Math.min(blockIds.length, Math.floor(inputTokens / blockTokens));
    let length = 0;
    while (length < full && this.#blocks.isShared(blockIds[length] as number)) length++;
    return length;
  }

  /** The first blocks, made more or fewer. */
  #stretched(blockIds: readonly number[], prefix: number): number[] {
    const factor = this.#synthesis.prefixLenMultiplier;
    if (factor < 1) return blockIds.slice(0, prefix === 0 ? 0 : Math.max(1, Math.floor(prefix * factor + rounding)));
    const stretched: number[] = [];
    for (let index = 0; index < prefix; index++) {
      const before = stretched.length;
      const end = Math.ceil((index + 1) * factor - rounding);
      for (let at = before; at < end; at++) stretched.push((blockIds[index] as number) * this.#width + at - before);
    }
    return stretched;
  }
}
