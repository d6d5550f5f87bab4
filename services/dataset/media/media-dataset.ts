/** A synthetic dataset whose turns have media: the base has the texts, a pool of threads makes the rest when a turn is asked for. */
import { rmSync } from "node:fs";
import { availableParallelism } from "node:os";
import { AssayError } from "../../common/errors.ts";
import { type MediaOptions, mediaPlans, problemAhead } from "../core/media/media.ts";
import { type Dataset, type DatasetSummary, lookUpTurn, type PackedTurn } from "../core/turns.ts";
import { wireFields } from "../wire-turn.ts";
import type { MediaTools } from "./make-media.ts";
import { MediaPool } from "./media-pool.ts";

export interface MediaDataset {
  readonly dataset: Dataset & Required<Pick<Dataset, "later">>;
  /** No more turns stay than have been made. */
  isFull(): boolean;
  /** It is not asked for turns any more. */
  close(): void;
}

/** Bytes of made turns that stay, and of others beside them. */
const keptBytes = 128 << 20;
const recentBytes = 32 << 20;
const maxThreads = 4;
const noBytes = new Uint8Array(0);

/** @param base without media */
export function mediaDataset(base: Dataset, summary: DatasetSummary, options: MediaOptions, tools: MediaTools): MediaDataset {
  // One core is left to the service.
  const pool = new MediaPool(tools, Math.max(1, Math.min(maxThreads, availableParallelism() - 1)));
  const numberOf = turnNumbers(summary);
  const made = new KeptTurns();
  const later = (conversation: number, turn: number): Promise<PackedTurn> => {
    const key = `${conversation}/${turn}`;
    const known = made.get(key);
    if (known !== undefined) return known;
    const found = lookUpTurn(base, conversation, turn);
    if ("missing" in found) return Promise.reject(new AssayError("not_found", found.missing));
    const media = mediaPlans(options, conversation, turn, numberOf(conversation) + turn);
    // Not made to be refused.
    const problem = problemAhead(media);
    if (problem !== undefined) return Promise.reject(new AssayError("resource_exhausted", problem));
    const { messages, ...rest } = found.turn;
    const making = pool.make({ messages, turn: wireFields(rest), media }).then((bytes) => ({ bytes, amendments: noBytes }));
    made.add(key, making);
    return making;
  };
  const { temporary } = tools;
  const close = async (): Promise<void> => {
    await pool.close();
    if (temporary !== undefined) rmSync(temporary, { recursive: true, force: true });
  };
  // What cannot be removed lies in the system's temporary folder.
  return { dataset: { ...base, later }, isFull: () => made.isFull, close: () => void close().catch(() => {}) };
}

/** Of each conversation how many turns those before it have. */
function turnNumbers({ turnsEach, turnCounts }: DatasetSummary): (conversation: number) => number {
  if (turnsEach !== undefined) return (conversation) => conversation * turnsEach;
  const before = new Float64Array(turnCounts.length + 1);
  for (const [conversation, count] of turnCounts.entries()) before[conversation + 1] = (before[conversation] ?? 0) + count;
  return (conversation) => before[conversation] ?? 0;
}

/**
 * Turns that were made or are being made. Those that are made first stay, as far as there is room: whoever goes through the dataset
 * again finds them. Of the others those asked for last are kept, for workers that ask for the same. One that fails is forgotten.
 */
class KeptTurns {
  readonly #turns = new Map<string, Promise<PackedTurn>>();
  /** Sizes of those that may go, in the order of their last use. */
  readonly #recent = new Map<string, number>();
  #keptBytes = 0;
  #recentBytes = 0;

  get isFull(): boolean {
    return this.#recentBytes > 0;
  }

  get(key: string): Promise<PackedTurn> | undefined {
    const size = this.#recent.get(key);
    if (size !== undefined) {
      this.#recent.delete(key);
      this.#recent.set(key, size);
    }
    return this.#turns.get(key);
  }

  add(key: string, making: Promise<PackedTurn>): void {
    this.#turns.set(key, making);
    making.then(
      ({ bytes: { length } }) => {
        if (!this.isFull && this.#keptBytes + length <= keptBytes) this.#keptBytes += length;
        else {
          this.#recent.set(key, length);
          this.#recentBytes += length;
          this.#makeRoom();
        }
      },
      () => this.#turns.delete(key),
    );
  }

  #makeRoom(): void {
    for (const [key, size] of this.#recent) {
      if (this.#recentBytes <= recentBytes) return;
      this.#recent.delete(key);
      this.#turns.delete(key);
      this.#recentBytes -= size;
    }
  }
}
