/** The turns of a file, from the store where they have been prepared before, and else read and put there. Everything here may block. */
import { createHash } from "node:crypto";
import { basename, join } from "node:path";
import { AssayError, messageOf } from "../../common/errors.ts";
import type { LoadedFile, MadeOf } from "../core/file-load.ts";
import type { ArenaSink } from "../core/packed-rows.ts";
import type { OnProgress } from "../progress.ts";
import { beginsWell } from "../reading/beginning.ts";
import { anywhere, looksOf } from "../reading/media-files.ts";
import type { FileJob } from "../thread/jobs.ts";
import { DatasetStore, type NewDataset } from "./dataset-store.ts";
import { openPreparedFile, PreparedFileWriter, preparedFormat } from "./prepared-file.ts";
import { readerVersion } from "./reader-version.ts";
import { sourceDigest, sourceSize } from "./source-digest.ts";

export type PreparedTurns =
  | {
      readonly kind: "memory";
      readonly file: LoadedFile;
      /** Why they are not in the store, for people; undefined: they need not be. */
      readonly problem: string | undefined;
    }
  /** They are in the store. */
  | { readonly kind: "stored"; readonly id: string };

/** Seeds are from 0. */
const anySeed = -1;
/** Less is read sooner than it is looked up. */
const leastBytes = 1 << 20;
/** What is looked through before it is used; of larger ones each page is when it is read. */
const verifiedBytes = 256 << 20;

/**
 * A prepared dataset that is damaged is made anew; a store that cannot be written to is done without. Throws what `load` throws.
 *
 * @param load reads the file into a sink; undefined: into memory
 * @param onProgress hears of what is read before it
 */
export async function prepareTurns(
  job: FileJob,
  load: (sink: ArenaSink | undefined) => Promise<LoadedFile>,
  onProgress: OnProgress,
): Promise<PreparedTurns> {
  const { store: options } = job;
  const where = { ...job, path: job.load.path };
  const sizeBytes = options === undefined ? 0 : sourceSize(where);
  // What is larger than may be read is refused or read in part, and what is no dataset is refused: neither is worth looking through.
  if (options === undefined || sizeBytes < leastBytes || sizeBytes > job.maxFileBytes || !(await beginsAsDataset(job)))
    return { kind: "memory", file: await load(undefined), problem: undefined };
  const store = new DatasetStore(options);
  let doneBytes = 0;
  const onBytes = (bytes: number): void => {
    doneBytes += bytes;
    onProgress({ step: "check", rows: 0, doneBytes, totalBytes: sizeBytes });
  };
  const { sha256 } = sourceDigest({ ...where, memory: join(options.folder, "digests"), onBytes }, Date.now());
  // Which of the two it is, only the reading tells.
  const ids = { seeded: `prepared-${keyOf(job, sha256)}`, unseeded: `prepared-${keyOf(withoutSeed(job), sha256)}` };
  for (const id of Object.values(ids)) if (isWhole(store, id, job)) return { kind: "stored", id };
  let created: NewDataset;
  try {
    created = store.create(options.temporary);
  } catch (error) {
    return { kind: "memory", file: await load(undefined), problem: messageOf(error) };
  }
  let isCommitted = false;
  try {
    const writer = new PreparedFileWriter(created.descriptor);
    const file = await load(writer);
    if (!writer.finish(file))
      return { kind: "memory", file: { ...file, turns: { ...file.turns, arenas: writer.arenas } }, problem: writer.problem };
    const { format, turns, conversations, isSeeded } = file;
    const id = isSeeded ? ids.seeded : ids.unseeded;
    isCommitted = true;
    created.commit(id, { description: job.load.path, format, conversations: conversations.size, turns: turns.size });
    return { kind: "stored", id };
  } finally {
    if (!isCommitted) created.discard();
  }
}

function beginsAsDataset({ realPath, parts = [], load: { path } }: FileJob): Promise<boolean> {
  const [{ name } = { name: basename(path) }] = parts;
  return beginsWell(realPath, path, name);
}

function withoutSeed(job: FileJob): FileJob {
  return { ...job, load: { ...job.load, seed: anySeed } };
}

/** Everything that decides what is in the prepared file. */
function keyOf({ load: { path, ...options }, maxRowBytes, maxFileBytes, parts }: FileJob, sha256: string): string {
  const name = path.slice(path.lastIndexOf("/") + 1);
  // Of what is read as far as the limit allows, the limit decides what that is.
  const cut = parts === undefined ? [] : [maxFileBytes];
  const all = [preparedFormat, readerVersion(), sha256, name, maxRowBytes, ...cut, ...Object.entries(options).sort()];
  // JSON has neither infinite nor large numbers.
  const text = JSON.stringify(all, (_, value) =>
    typeof value === "number" || typeof value === "bigint" ? String(value) : value,
  );
  return createHash("sha256").update(text).digest("hex").slice(0, 32);
}

/** It is there and not damaged, and what else it was made of is as it was. */
function isWhole(store: DatasetStore, id: string, job: FileJob): boolean {
  if (!store.has(id)) return false;
  try {
    const { file, verify, close } = openPreparedFile(store.pathOf(id));
    try {
      if (file.turns.sizeBytes <= verifiedBytes) verify();
    } finally {
      close();
    }
    if (isMadeOf(file.beside, job)) return true;
    store.discard(id);
    return false;
  } catch (error) {
    if (error instanceof AssayError && error.code === "data_loss") store.discard(id);
    return false;
  }
}

function isMadeOf({ folder, looks, tokenizer }: MadeOf, job: FileJob): boolean {
  if (folder !== undefined && folder !== job.folder) return false;
  if (
    tokenizer !== undefined &&
    (tokenizer.name !== job.tokenizer.name || looksOf(tokenizer.file, anywhere) !== tokenizer.looks)
  ) {
    return false;
  }
  return [...looks].every(([path, look]) => looksOf(path, job.root) === look);
}
