/**
 * Files that may be replaced while a process runs (certificates, tokens). They are looked at again and again instead of being watched: a
 * network file system tells of nothing, and a secret that a container is given is replaced by a link to another folder.
 */
import { statSync } from "node:fs";
import { messageOf } from "./errors.ts";
import { type Logger, silentLogger } from "./logger.ts";

export interface WatchedFilesOptions<T> {
  /** In messages: `certificates`. */
  readonly what: string;
  readonly paths: readonly string[];
  /** Reads them. Throws where they cannot be used. */
  load(): T;
  /** Told of new versions, and once of each that cannot be used. Default: nobody is. */
  readonly log?: Logger | undefined;
  /** How often they are looked at. Default 1000. */
  readonly everyMs?: number | undefined;
}

/** How files are watched. */
export type Watching = Pick<WatchedFilesOptions<unknown>, "log" | "everyMs">;

/** What the files say, by its last version that could be used. */
export interface WatchedFiles<T> {
  current(): T;
  /** Calls back with each new version, until the answer is called. */
  onChange(listener: (value: T) => void): () => void;
  close(): void;
}

const defaultEveryMs = 1_000;

/** Reads the files at once, and throws what `load` throws. The timer keeps no process alive. */
export function watchFiles<T>(options: WatchedFilesOptions<T>): WatchedFiles<T> {
  const { what, paths, load, log = silentLogger, everyMs = defaultEveryMs } = options;
  const listeners = new Set<(value: T) => void>();
  let used = signatureOf(paths);
  let value = load();
  let failed = { signature: "", isTold: false };

  const look = (): void => {
    const signature = signatureOf(paths);
    if (signature === used) return;
    try {
      value = load();
    } catch (error) {
      // Several files are replaced one after the other: what is so only for a moment is no failure.
      if (failed.signature !== signature) failed = { signature, isTold: false };
      else if (!failed.isTold) {
        failed.isTold = true;
        log.error(`new ${what} cannot be used, the old ones stay`, { files: paths.join(", "), error: messageOf(error) });
      }
      return;
    }
    used = signature;
    log.info(`new ${what} are used`, { files: paths.join(", ") });
    for (const listener of listeners) listener(value);
  };

  const timer = setInterval(look, everyMs).unref();
  return {
    current: () => value,
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close: () => clearInterval(timer),
  };
}

/** Changes with each replacement, also by an older file. */
function signatureOf(paths: readonly string[]): string {
  return paths
    .map((path) => {
      const stat = statSync(path, { throwIfNoEntry: false });
      return stat === undefined ? "none" : `${stat.dev} ${stat.ino} ${stat.size} ${stat.mtimeMs} ${stat.ctimeMs}`;
    })
    .join("; ");
}
