/** The file of a public dataset: from a folder of one's own, else from the store, else downloaded into it. */
import { createHash } from "node:crypto";
import { fsync, statSync, write } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { AssayError, messageOf } from "../../common/errors.ts";
import { defaultPublicUrl, type PublicSet } from "../core/public-sets.ts";
import type { DatasetStore, NewDataset } from "./dataset-store.ts";

export interface PublicFileOptions {
  /** Where files of public datasets are looked for first; undefined: nowhere. */
  readonly folder: string | undefined;
  readonly store: DatasetStore | undefined;
  /** Where they are downloaded from; undefined: nowhere. */
  readonly baseUrl: string | undefined;
  /** For files that not everybody may have; sent to that host alone. */
  readonly token?: string | undefined;
  readonly maxBytes: number;
  /** Hears of the bytes that have come, and of all that will, 0: not known. */
  readonly onBytes?: ((doneBytes: number, totalBytes: number) => void) | undefined;
  /** Ends the download. */
  readonly signal: AbortSignal;
  /** How long the host may be silent. Default 30 000. */
  readonly silenceMs?: number;
}

export type PublicFile = { readonly path: string } | { readonly storedId: string };

/** Endings under which a set may lie in a folder of one's own. */
const ownEndings = [".parquet", ".jsonl", ".json", ".csv"].flatMap((ending) =>
  ["", ".gz", ".zst"].map((packed) => ending + packed),
);
const maxRedirects = 5;
const defaultSilenceMs = 30_000;
const writeSome = promisify(write);
const flush = promisify(fsync);

/** Rejects with `unavailable`, which says what file is wanted and where it may be put, `resource_exhausted`, `data_loss`, `cancelled`. */
export async function publicFile(set: PublicSet, options: PublicFileOptions): Promise<PublicFile> {
  const { folder, store, baseUrl } = options;
  const own = folder === undefined ? undefined : ownFile(folder, set.file);
  if (own !== undefined) return { path: own };
  const storedId = `public-${set.file}`;
  if (store?.has(storedId)) return { storedId };
  if (baseUrl === undefined)
    throw missing(set, options, "nothing is downloaded here (HF_HUB_OFFLINE, or an empty --public-dataset-url)");
  if (store === undefined) throw missing(set, options, "there is no cache to download it into");
  try {
    await download(set, store, { ...options, baseUrl, storedId });
    return { storedId };
  } catch (error) {
    if (options.signal.aborted) throw options.signal.reason;
    if (error instanceof AssayError) throw error;
    throw missing(set, options, `${baseUrl}: ${reasonOf(error)}`, error);
  }
}

/** The file, or one of the same name that is written in another way. */
function ownFile(folder: string, file: string): string | undefined {
  const name = file.slice(0, file.lastIndexOf("."));
  const others = ownEndings.map((ending) => name + ending);
  return [file, ...others].map((each) => join(folder, each)).find((path) => statSync(path, { throwIfNoEntry: false })?.isFile());
}

interface Download extends PublicFileOptions {
  readonly baseUrl: string;
  readonly storedId: string;
}

async function download(set: PublicSet, store: DatasetStore, options: Download): Promise<void> {
  const { maxBytes, signal, onBytes, silenceMs = defaultSilenceMs } = options;
  const silent = new AbortController();
  const silence = setTimeout(() => silent.abort(new Error(`nothing came for ${silenceMs / 1000} s`)), silenceMs);
  let file: NewDataset | undefined = store.create();
  try {
    const { response, sha256 } = await request(set, options, AbortSignal.any([signal, silent.signal]));
    const announced = Number(response.headers.get("content-length") ?? Number.NaN);
    if (announced > maxBytes) throw tooLarge(set, maxBytes);
    const hash = createHash("sha256");
    let sizeBytes = 0;
    for await (const piece of response.body ?? []) {
      silence.refresh();
      if (sizeBytes + piece.length > maxBytes) throw tooLarge(set, maxBytes);
      hash.update(piece);
      for (let at = 0; at < piece.length; ) {
        at += (await writeSome(file.descriptor, piece, at, piece.length - at, sizeBytes + at)).bytesWritten;
      }
      sizeBytes += piece.length;
      onBytes?.(sizeBytes, Number.isNaN(announced) ? 0 : announced);
    }
    if (sha256 !== undefined && hash.digest("hex") !== sha256) {
      throw new AssayError("data_loss", `dataset.file.path: ${set.file}: what came has another checksum than its host says`);
    }
    await flush(file.descriptor);
    const committed = file;
    file = undefined;
    committed.commit(options.storedId, { description: set.file, format: set.format, conversations: 0, turns: 0 });
  } finally {
    clearTimeout(silence);
    file?.discard();
  }
}

interface Answered {
  readonly response: Response;
  readonly sha256: string | undefined;
}

/** Asks at the place of the set, and at its other place where there is nothing. Throws what the host says. */
async function request(set: PublicSet, options: Download, signal: AbortSignal): Promise<Answered> {
  const { path, otherPath, host } = set;
  const { baseUrl } = options;
  const base = host !== undefined && baseUrl === defaultPublicUrl ? host : baseUrl;
  const urlOf = (of: string): URL => new URL(of, base.endsWith("/") ? base : `${base}/`);
  const found = await follow(urlOf(path), options, signal);
  if (found.response.ok) return found;
  const other =
    otherPath === undefined || found.response.status !== 404 ? found : await follow(urlOf(otherPath), options, signal);
  if (other.response.ok) return other;
  const { status } = found.response;
  throw new Error(`HTTP ${status}${status === 401 || status === 403 ? " (HF_TOKEN may be needed)" : ""}`);
}

/** Follows redirects by hand: the first answer names the checksum of what lies elsewhere. The body of what is no success is gone. */
async function follow(start: URL, { baseUrl, token }: Download, signal: AbortSignal): Promise<Answered> {
  let url = start;
  const { host } = new URL(baseUrl);
  let sha256: string | undefined;
  for (let hop = 0; hop <= maxRedirects; hop++) {
    const headers = token !== undefined && url.host === host ? { authorization: `Bearer ${token}` } : {};
    const response = await fetch(url, { headers, signal, redirect: "manual" });
    const named = response.headers.get("x-linked-etag")?.replaceAll('"', "");
    if (named !== undefined && /^[0-9a-f]{64}$/.test(named)) sha256 = named;
    const location = response.headers.get("location");
    if (response.ok) return { response, sha256 };
    await response.body?.cancel();
    if (response.status < 300 || response.status >= 400 || location === null) return { response, sha256 };
    url = new URL(location, url);
  }
  throw new Error(`more than ${maxRedirects} redirects`);
}

function missing(set: PublicSet, { folder, store }: PublicFileOptions, why: string, cause?: unknown): AssayError {
  const places = [...(folder === undefined ? [] : [folder]), ...(store === undefined ? [] : ["the cache"])];
  const sought = places.length === 0 ? "" : ` is not in ${places.join(" nor in ")}, and`;
  const put = folder === undefined ? "into a folder and name that by --dataset-dir" : `into ${folder}`;
  const description =
    `public dataset ${set.name}: the file ${set.file}${sought} cannot be downloaded: ${why}; ` +
    `put it ${put}, or give it as --input-file with --custom-dataset-type ${set.format}`;
  return new AssayError("unavailable", `dataset.file.path: ${description}`, {
    cause,
    violations: [{ field: "dataset.file.path", description }],
  });
}

function tooLarge({ name, file }: PublicSet, maxBytes: number): AssayError {
  const description = `public dataset ${name}: ${file} has more than ${maxBytes} bytes (--max-dataset-bytes)`;
  return new AssayError("resource_exhausted", `dataset.file.path: ${description}`, {
    violations: [{ field: "dataset.file.path", description }],
  });
}

/** What fetch says is in its cause. */
function reasonOf(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof Error ? messageOf(cause) || String((cause as NodeJS.ErrnoException).code) : messageOf(error);
}
