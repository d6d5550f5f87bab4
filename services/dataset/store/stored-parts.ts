/**
 * The files of a public dataset in the store. What is known of the first says how many there are, so that those of a download that was
 * ended are not taken for all: they stay, and the next download goes on behind them.
 */
import { fsync } from "node:fs";
import { promisify } from "node:util";
import { AssayError, messageOf } from "../../common/errors.ts";
import { fileOfPart, type PublicSet } from "../core/public-sets.ts";
import type { DatasetStore, NewDataset, StoredAbout } from "./dataset-store.ts";
import { missingFile } from "./missing-file.ts";
import type { PublicFile, PublicFileOptions } from "./public-file.ts";
import { download, type HostedFile, hostedFiles, type PublicHost } from "./public-host.ts";

const flush = promisify(fsync);

/** It keeps in the store what it has looked at, until it is released. */
export class StoredParts {
  readonly #set: PublicSet;
  readonly #store: DatasetStore;
  /** Of what is kept, by the number of the file. */
  readonly #releases = new Map<number, () => void>();

  constructor(set: PublicSet, store: DatasetStore) {
    this.#set = set;
    this.#store = store;
  }

  /** Those that are there, up to the first that is not. */
  get files(): PublicFile[] {
    const { parts = 1 } = this.#about;
    const files: PublicFile[] = [];
    while (files.length < parts && this.#holds(files.length)) {
      const part = files.length;
      files.push({ name: fileOfPart(this.#set, part), realPath: this.#store.pathOf(this.#idOf(part)) });
    }
    return files;
  }

  /** The host has more, which would have been too much together. */
  get isCut(): boolean {
    return this.#about.cutAtBytes !== undefined;
  }

  /** Nothing has to be downloaded. @param canAsk what was too much for an earlier limit can be had now */
  hasAll(maxBytes: number, canAsk: boolean): boolean {
    if (!this.#holds(0)) return false;
    const { parts = 1, cutAtBytes = maxBytes } = this.#about;
    return this.files.length === parts && !(canAsk && cutAtBytes < maxBytes);
  }

  /** Downloads what is missing. What has come stays, whatever becomes of the next. Rejects as `publicFiles`. */
  async complete(options: PublicFileOptions): Promise<void> {
    const { baseUrl, token, silenceMs, maxBytes, signal, onBytes = () => {} } = options;
    let part = this.files.length;
    const missing = (why: string, cause?: unknown): AssayError =>
      missingFile(this.#set, options, { file: fileOfPart(this.#set, part), why, cause });
    if (baseUrl === undefined) throw missing("nothing is downloaded here (HF_HUB_OFFLINE, or an empty --public-dataset-url)");
    try {
      const host: PublicHost = { baseUrl, token, silenceMs, signal };
      const { files, isCut } = await hostedFiles(this.#set, host, maxBytes);
      const about = this.#aboutOf(files.length, isCut ? maxBytes : undefined);
      if (this.#holds(0)) this.#store.describe(this.#idOf(0), about);
      const wanted = files.filter((_, index) => !this.#holds(index));
      const wantedBytes = wanted.reduce((sum, { sizeBytes = Number.NaN }) => sum + sizeBytes, 0);
      let formerBytes = 0;
      for (const file of wanted) {
        part = files.indexOf(file);
        try {
          formerBytes += await this.#download(file, host, {
            part,
            about: part === 0 ? about : this.#aboutOf(1, undefined),
            maxBytes: maxBytes - formerBytes,
            onBytes: (doneBytes, ofFile) => {
              const known = wanted.length === 1 ? ofFile : wantedBytes;
              onBytes(formerBytes + doneBytes, Number.isNaN(known) ? 0 : known);
            },
          });
        } catch (error) {
          // Of a host that does not say how large its files are.
          if (part === 0 || !(error instanceof AssayError) || error.code !== "resource_exhausted") throw error;
          this.#store.describe(this.#idOf(0), this.#aboutOf(part, maxBytes));
          return;
        }
      }
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      if (error instanceof AssayError) throw error;
      throw missing(`${baseUrl}: ${reasonOf(error)}`, error);
    }
  }

  /** They have been read. */
  release(): void {
    for (const release of this.#releases.values()) release();
    this.#releases.clear();
  }

  async #download(file: HostedFile, host: PublicHost, { part, about, maxBytes, onBytes }: NewPart): Promise<number> {
    let created: NewDataset | undefined = this.#store.create();
    let sizeBytes = 0;
    try {
      const { descriptor } = created;
      await download(file, host, {
        name: fileOfPart(this.#set, part),
        descriptor,
        maxBytes,
        onBytes: (doneBytes, totalBytes) => {
          sizeBytes = doneBytes;
          onBytes(doneBytes, totalBytes);
        },
      });
      await flush(descriptor);
      const committed = created;
      created = undefined;
      committed.commit(this.#idOf(part), about);
    } finally {
      created?.discard();
    }
    if (!this.#holds(part))
      throw new AssayError("unavailable", `${fileOfPart(this.#set, part)} was removed from the cache meanwhile`);
    return sizeBytes;
  }

  /** Whether one is there; it is kept then. */
  #holds(part: number): boolean {
    const id = this.#idOf(part);
    if (this.#releases.has(part)) return true;
    if (!this.#store.has(id)) return false;
    try {
      this.#releases.set(part, this.#store.use(id));
      return true;
    } catch {
      // It has made room for others between the two.
      return false;
    }
  }

  get #about(): StoredAbout {
    return this.#store.about(this.#idOf(0));
  }

  #aboutOf(parts: number, cutAtBytes: number | undefined): StoredAbout {
    return {
      description: this.#set.file,
      format: this.#set.format,
      conversations: 0,
      turns: 0,
      ...(parts === 1 ? {} : { parts }),
      ...(cutAtBytes === undefined ? {} : { cutAtBytes }),
    };
  }

  #idOf(part: number): string {
    return `public-${fileOfPart(this.#set, part)}`;
  }
}

interface NewPart {
  readonly part: number;
  readonly about: StoredAbout;
  readonly maxBytes: number;
  readonly onBytes: (doneBytes: number, totalBytes: number) => void;
}

/** What fetch says is in its cause. */
function reasonOf(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof Error ? messageOf(cause) || String((cause as NodeJS.ErrnoException).code) : messageOf(error);
}
