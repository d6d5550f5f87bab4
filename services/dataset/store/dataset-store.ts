/**
 * A folder of what took long to make or to get: prepared datasets, uploads, public datasets. Each is a file that is there whole or not
 * at all, `ID`, and what is known of it, `ID.json`. Any number of processes may use the folder at once: a file is written under
 * another name, flushed and renamed, and whoever comes later with the same writes the same bytes. While a process uses one, it has
 * a mark `ID.use-PID-N` beside it. What was not used for longest goes first when the folder grows over its limit; what is in use stays.
 * Everything here may block.
 */
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { AssayError } from "../../common/errors.ts";

export type StoredKind = "prepared" | "upload" | "public";

/** What is told of a stored dataset. */
export interface StoredAbout {
  /** Where it came from, for people. */
  readonly description: string;
  /** Empty: found from the content. */
  readonly format: string;
  /** 0: not known. */
  readonly conversations: number;
  readonly turns: number;
  /** Of the first of a dataset's files: how many there are. Default: 1. */
  readonly parts?: number;
  /** By which limit others of its files were not taken; absent: these are all. */
  readonly cutAtBytes?: number;
}

export interface StoredDataset extends StoredAbout {
  readonly id: string;
  readonly kind: StoredKind;
  readonly sizeBytes: number;
  /** Wall clock. */
  readonly lastUseMs: number;
  readonly isInUse: boolean;
}

export interface StoreOptions {
  /** Absolute; made where it is not there. */
  readonly folder: string;
  readonly maxBytes: number;
}

/** What the folder says of one. */
type Found = Omit<StoredDataset, keyof StoredAbout | "isInUse">;

/** A file that will be a dataset. */
export interface NewDataset {
  readonly descriptor: number;
  commit(id: string, about: StoredAbout): void;
  discard(): void;
}

/** `prepared-0123…`: a kind and what tells it from others of its kind. */
const idShape = /^(prepared|upload|public)-[A-Za-z0-9][A-Za-z0-9_.-]*$/;
const markShape = /^(.+)\.use-(\d+)-\d+$/;
const temporaryShape = /^\.tmp-(\d+)-\d+$/;

/** Marks and temporary files of a process have different numbers, whichever thread and store makes them. */
let lastNumber = 0;
function nextNumber(): number {
  lastNumber = Math.max(lastNumber + 1, Math.floor(performance.now() * 1000));
  return lastNumber;
}

/** The name of a file that is there until it is whole. */
export function temporaryName(): string {
  return `.tmp-${process.pid}-${nextNumber()}`;
}

export class DatasetStore {
  readonly #options: StoreOptions;

  constructor(options: StoreOptions) {
    this.#options = options;
  }

  get folder(): string {
    return this.#options.folder;
  }

  get maxBytes(): number {
    return this.#options.maxBytes;
  }

  has(id: string): boolean {
    return statSync(this.pathOf(id), { throwIfNoEntry: false })?.isFile() === true;
  }

  /** Where a dataset is, or would be. Throws `not_found` for what is no id. */
  pathOf(id: string): string {
    if (!idShape.test(id) || id.includes("..")) throw new AssayError("not_found", `there is no dataset ${id}`);
    return join(this.#options.folder, id);
  }

  /** It is not removed until what is returned is called. Marks its use. Throws `not_found`. */
  use(id: string): () => void {
    const path = this.pathOf(id);
    const mark = `${path}.use-${process.pid}-${nextNumber()}`;
    this.#touch(mark);
    const now = new Date();
    try {
      utimesSync(path, now, now);
    } catch (error) {
      rmSync(mark, { force: true });
      throw new AssayError("not_found", `there is no dataset ${id}`, { cause: error });
    }
    return () => {
      rmSync(mark, { force: true });
      this.trim();
    };
  }

  /**
   * A new file, open to be read and written: `commit` puts it in its place and makes room for it, `discard` leaves nothing of it. One
   * of them is called; both close it. Throws what the file system says.
   */
  create(name = temporaryName()): NewDataset {
    mkdirSync(this.#options.folder, { recursive: true, mode: 0o700 });
    const temporary = join(this.#options.folder, name);
    const descriptor = openSync(temporary, "wx+", 0o600);
    return {
      descriptor,
      commit: (id, about) => {
        const path = this.pathOf(id);
        try {
          fsyncSync(descriptor);
        } finally {
          closeSync(descriptor);
        }
        const told = `${temporary}-about`;
        writeWhole(told, JSON.stringify(about));
        renameSync(told, `${path}.json`);
        renameSync(temporary, path);
        this.trim(id);
      },
      discard: () => {
        closeSync(descriptor);
        rmSync(temporary, { force: true });
      },
    };
  }

  /** Removes what a thread that was ended has left of a file of this name. */
  sweep(name: string): void {
    try {
      rmSync(join(this.#options.folder, name), { force: true });
    } catch {
      // Where there is no folder, nothing was left.
    }
  }

  /** In the order of their last use, latest first. */
  list(): StoredDataset[] {
    const { datasets, used } = this.#look();
    return datasets
      .map((dataset) => ({ ...dataset, ...this.#aboutOf(dataset.id), isInUse: used.has(dataset.id) }))
      .sort((one, other) => other.lastUseMs - one.lastUseMs);
  }

  /** Throws `not_found`, and `failed_precondition` for one that is in use. */
  remove(id: string): void {
    if (!this.has(id)) throw new AssayError("not_found", `there is no dataset ${id}`);
    if (this.#look().used.has(id)) throw new AssayError("failed_precondition", `dataset ${id} is in use`);
    this.discard(id);
  }

  /** Tells something else of one that is there. */
  describe(id: string, about: StoredAbout): void {
    const told = join(this.#options.folder, `${temporaryName()}-about`);
    writeWhole(told, JSON.stringify(about));
    renameSync(told, `${this.pathOf(id)}.json`);
  }

  /** Removes one that is damaged, whoever uses it. */
  discard(id: string): void {
    const path = this.pathOf(id);
    rmSync(path, { force: true });
    rmSync(`${path}.json`, { force: true });
  }

  /** Removes what the limit does not allow, and what processes that are gone have left. `kept`: stays whatever its size. */
  trim(kept?: string): void {
    const { datasets, used } = this.#look();
    this.#removeDownTo(this.#options.maxBytes, datasets, ({ id }) => id === kept || used.has(id));
  }

  /**
   * Removes of one kind what nobody uses until no more than `maxBytes` are left, or nothing where that would not be enough. Returns how many
   * are left, of which those in use may be more.
   */
  shrink(kind: StoredKind, maxBytes: number): number {
    const { datasets, used } = this.#look();
    const ofKind = datasets.filter((dataset) => dataset.kind === kind);
    const usedBytes = sizeOf(ofKind.filter(({ id }) => used.has(id)));
    if (usedBytes > maxBytes) return sizeOf(ofKind);
    return this.#removeDownTo(maxBytes, ofKind, ({ id }) => used.has(id));
  }

  /** Returns how many bytes are left. */
  #removeDownTo(maxBytes: number, datasets: Found[], stays: (dataset: Found) => boolean): number {
    let sizeBytes = sizeOf(datasets);
    for (const dataset of datasets.toSorted((one, other) => one.lastUseMs - other.lastUseMs)) {
      if (sizeBytes <= maxBytes) break;
      if (stays(dataset)) continue;
      this.discard(dataset.id);
      sizeBytes -= dataset.sizeBytes;
    }
    return sizeBytes;
  }

  #touch(path: string): void {
    mkdirSync(this.#options.folder, { recursive: true, mode: 0o700 });
    closeSync(openSync(path, "wx", 0o600));
  }

  /** What is there, and what of it has marks of processes that live; marks and files of others are removed. */
  #look(): { datasets: Found[]; used: ReadonlySet<string> } {
    const { folder } = this.#options;
    const datasets: Found[] = [];
    const used = new Set<string>();
    for (const name of namesIn(folder)) {
      const mark = markShape.exec(name);
      const owner = mark?.[2] ?? temporaryShape.exec(name.replace(/-about$/, ""))?.[1];
      if (owner !== undefined) {
        if (!isAlive(Number(owner))) rmSync(join(folder, name), { force: true });
        else if (mark?.[1] !== undefined) used.add(mark[1]);
      } else if (idShape.test(name) && !name.endsWith(".json")) {
        const found = statSync(join(folder, name), { throwIfNoEntry: false });
        // The shape has been checked.
        const kind = name.slice(0, name.indexOf("-")) as StoredKind;
        if (found?.isFile()) datasets.push({ id: name, kind, sizeBytes: found.size, lastUseMs: found.mtimeMs });
      }
    }
    return { datasets, used };
  }

  #aboutOf(id: string): StoredAbout {
    const none = { description: "", format: "", conversations: 0, turns: 0 };
    try {
      return { ...none, ...(JSON.parse(readFileSync(`${this.pathOf(id)}.json`, "utf8")) as Partial<StoredAbout>) };
    } catch {
      // Another process is about to write it, or to remove it.
      return none;
    }
  }

  /** What is known of one that is there; all empty where nothing is. */
  about(id: string): StoredAbout {
    return this.#aboutOf(id);
  }
}

function sizeOf(datasets: readonly Found[]): number {
  return datasets.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    // Nothing has been stored yet.
    return [];
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return typeof error === "object" && error !== null && "code" in error && error.code === "EPERM";
  }
}

function writeWhole(path: string, text: string): void {
  writeFileSync(path, text, { mode: 0o600, flush: true });
}
