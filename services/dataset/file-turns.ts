/** The turns of a file for a run: made ready in a thread, and read from the store where they are in it. */
import { AssayError } from "../common/errors.ts";
import type { LoadedFile } from "./core/file-load.ts";
import type { OnProgress } from "./progress.ts";
import { DatasetStore, type StoreOptions, temporaryName } from "./store/dataset-store.ts";
import { type OpenedFile, openPreparedFile } from "./store/prepared-file.ts";
import type { FileJob } from "./thread/jobs.ts";
import { runJob } from "./thread/run-job.ts";

export interface FileTurns {
  readonly file: LoadedFile;
  /** Why they are not in the store though they should be, for people; undefined: they are, or need not be. */
  readonly problem: string | undefined;
  /** They are not read any more. */
  close(): void;
}

const attempts = 3;

/**
 * Rejects as `runJob`.
 * @param options undefined: everything is in memory
 */
export async function loadFileTurns(
  job: Omit<FileJob, "store">,
  options: StoreOptions | undefined,
  { signal, onProgress }: { readonly signal: AbortSignal; readonly onProgress: OnProgress },
): Promise<FileTurns> {
  const store = options && new DatasetStore(options);
  for (let attempt = 1; ; attempt++) {
    const temporary = temporaryName();
    const place = options === undefined || attempt === attempts ? undefined : { ...options, temporary };
    try {
      const prepared = await runJob({ ...job, store: place }, signal, onProgress);
      if (prepared.kind === "memory") return { ...prepared, close: () => {} };
      const opened = store && openStored(store, prepared.id);
      if (opened !== undefined) return opened;
    } finally {
      store?.sweep(temporary);
    }
  }
}

/** Undefined: it is gone meanwhile, or damaged, and then it is removed. */
function openStored(store: DatasetStore, id: string): FileTurns | undefined {
  let release = (): void => {};
  try {
    release = store.use(id);
    const { file, close } = watched(openPreparedFile(store.pathOf(id)), () => store.discard(id));
    const end = (): void => {
      close();
      release();
    };
    return { file, problem: undefined, close: end };
  } catch (error) {
    if (error instanceof AssayError && error.code === "data_loss") store.discard(id);
    release();
    return undefined;
  }
}

/** Hears of a page that is found to be damaged, so that the next run makes the dataset anew. */
function watched({ file, ...opened }: OpenedFile, onDamaged: () => void): OpenedFile {
  const { arenas } = file.turns;
  const at = (index: number): Uint8Array | undefined => {
    try {
      return arenas.at(index);
    } catch (error) {
      if (error instanceof AssayError && error.code === "data_loss") onDamaged();
      throw error;
    }
  };
  return { ...opened, file: { ...file, turns: { ...file.turns, arenas: { at } } } };
}
