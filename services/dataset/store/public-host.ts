/** The host of public datasets: which files a set has there, and their bytes. */
import { createHash } from "node:crypto";
import { write } from "node:fs";
import { promisify } from "node:util";
import { AssayError } from "../../common/errors.ts";
import { defaultPublicUrl, isInParts, type PublicSet, pathOfPart } from "../core/public-sets.ts";

export interface PublicHost {
  readonly baseUrl: string;
  /** For files that not everybody may have; sent to that host alone. */
  readonly token?: string | undefined;
  /** How long it may be silent. Default 30 000. */
  readonly silenceMs?: number | undefined;
  /** Ends every question. */
  readonly signal: AbortSignal;
}

/** One of a set's files. */
export interface HostedFile {
  readonly url: URL;
  /** Undefined: not known. */
  readonly sizeBytes: number | undefined;
}

export interface HostedFiles {
  /** In the order of their rows; at least one. */
  readonly files: readonly HostedFile[];
  /** There are more, which would be too much together. */
  readonly isCut: boolean;
}

export interface Download {
  /** As errors name the file. */
  readonly name: string;
  readonly descriptor: number;
  readonly maxBytes: number;
  /** Hears of the bytes that have come, and of all that will, 0: not known. */
  readonly onBytes: (doneBytes: number, totalBytes: number) => void;
}

const maxRedirects = 5;
const defaultSilenceMs = 30_000;
/** Their names have four digits. */
const maxFiles = 10_000;
const writeSome = promisify(write);

/**
 * The files of a set, as many as have `maxBytes` together; the first whatever its size. Its host has no list of them that a plain copy of it would
 * have, too: files are asked for by their numbers, until there is none. Throws what the host says.
 */
export async function hostedFiles(set: PublicSet, host: PublicHost, maxBytes: number): Promise<HostedFiles> {
  const { path, otherPath = path } = set;
  if (!isInParts(set)) return { files: [{ url: urlOf(set, path, host), sizeBytes: undefined }], isCut: false };
  const fileAt = (of: string, part: number): Promise<HostedFile | undefined> =>
    look(urlOf(set, pathOfPart(of, part), host), host);
  const own = await fileAt(path, 0);
  const first = own ?? (await fileAt(otherPath, 0));
  if (first === undefined) throw refusal(404);
  const files = [first];
  for (let sizeBytes = first.sizeBytes ?? 0; files.length < maxFiles; ) {
    const file = await fileAt(own === undefined ? otherPath : path, files.length);
    if (file === undefined) break;
    sizeBytes += file.sizeBytes ?? 0;
    if (sizeBytes > maxBytes) return { files, isCut: true };
    files.push(file);
  }
  return { files, isCut: false };
}

/** Writes a file's bytes. Throws what the host says, `data_loss` where others came than it says, `resource_exhausted`. */
export async function download({ url, sizeBytes }: HostedFile, host: PublicHost, to: Download): Promise<void> {
  const { silenceMs = defaultSilenceMs } = host;
  const silent = new AbortController();
  const silence = setTimeout(() => silent.abort(silenceError(silenceMs)), silenceMs);
  try {
    const signal = AbortSignal.any([host.signal, silent.signal]);
    const { response, sha256 } = await follow(url, { method: "GET", host, signal });
    if (!response.ok) throw refusal(response.status);
    const totalBytes = Number(response.headers.get("content-length") ?? sizeBytes ?? 0);
    if (totalBytes > to.maxBytes) throw tooLarge(to);
    const hash = createHash("sha256");
    let doneBytes = 0;
    for await (const piece of response.body ?? []) {
      silence.refresh();
      if (doneBytes + piece.length > to.maxBytes) throw tooLarge(to);
      hash.update(piece);
      for (let at = 0; at < piece.length; ) {
        at += (await writeSome(to.descriptor, piece, at, piece.length - at, doneBytes + at)).bytesWritten;
      }
      doneBytes += piece.length;
      to.onBytes(doneBytes, totalBytes);
    }
    if (sizeBytes !== undefined && doneBytes !== sizeBytes) {
      throw otherBytes(to, `${doneBytes} bytes came, its host says that it has ${sizeBytes}`);
    }
    if (sha256 !== undefined && hash.digest("hex") !== sha256) {
      throw otherBytes(to, "what came has another checksum than its host says");
    }
  } finally {
    clearTimeout(silence);
  }
}

function urlOf({ host }: PublicSet, path: string, { baseUrl }: PublicHost): URL {
  const base = host !== undefined && baseUrl === defaultPublicUrl ? host : baseUrl;
  return new URL(path, base.endsWith("/") ? base : `${base}/`);
}

/** Undefined: there is no such file. */
async function look(url: URL, host: PublicHost): Promise<HostedFile | undefined> {
  const { silenceMs = defaultSilenceMs } = host;
  const silent = new AbortController();
  const silence = setTimeout(() => silent.abort(silenceError(silenceMs)), silenceMs);
  try {
    const signal = AbortSignal.any([host.signal, silent.signal]);
    const { response, linkedBytes } = await follow(url, { method: "HEAD", host, signal });
    if (response.status === 404) return undefined;
    if (!response.ok && linkedBytes === undefined) throw refusal(response.status);
    const ownBytes = response.headers.get("content-length");
    return { url, sizeBytes: linkedBytes ?? (ownBytes === null ? undefined : Number(ownBytes)) };
  } finally {
    clearTimeout(silence);
  }
}

interface Asking {
  readonly method: "HEAD" | "GET";
  readonly host: PublicHost;
  readonly signal: AbortSignal;
}

interface Answered {
  /** The body of what is no success is gone. */
  readonly response: Response;
  /** What the first answer tells of what lies elsewhere. */
  readonly sha256: string | undefined;
  readonly linkedBytes: number | undefined;
}

/** Follows redirects by hand: the first answer says what lies elsewhere, and elsewhere nobody may be allowed to ask for it by HEAD. */
async function follow(start: URL, { method, host: { baseUrl, token }, signal }: Asking): Promise<Answered> {
  let url = start;
  const { host } = new URL(baseUrl);
  let sha256: string | undefined;
  let linkedBytes: number | undefined;
  for (let hop = 0; hop <= maxRedirects; hop++) {
    const authorization = token !== undefined && url.host === host ? { authorization: `Bearer ${token}` } : {};
    // Compressed on its way, a file has another size than its host says.
    const headers = { "accept-encoding": "identity", ...authorization };
    const response = await fetch(url, { method, headers, signal, redirect: "manual" });
    const named = response.headers.get("x-linked-etag")?.replaceAll('"', "");
    if (named !== undefined && /^[0-9a-f]{64}$/.test(named)) sha256 = named;
    const size = response.headers.get("x-linked-size");
    if (size !== null && /^\d+$/.test(size)) linkedBytes = Number(size);
    if (response.ok) return { response, sha256, linkedBytes };
    await response.body?.cancel();
    const location = response.headers.get("location");
    const isElsewhere = response.status >= 300 && response.status < 400 && location !== null;
    if (!isElsewhere || (method === "HEAD" && linkedBytes !== undefined)) return { response, sha256, linkedBytes };
    url = new URL(location, url);
  }
  throw new Error(`more than ${maxRedirects} redirects`);
}

function refusal(status: number): Error {
  return new Error(`HTTP ${status}${status === 401 || status === 403 ? " (HF_TOKEN may be needed)" : ""}`);
}

function silenceError(silenceMs: number): Error {
  return new Error(`nothing came for ${silenceMs / 1000} s`);
}

function otherBytes({ name }: Download, how: string): AssayError {
  return new AssayError("data_loss", `dataset.file.path: ${name}: ${how}`);
}

function tooLarge({ name, maxBytes }: Download): AssayError {
  const description = `public dataset: ${name} has more than ${maxBytes} bytes (--max-dataset-bytes)`;
  return new AssayError("resource_exhausted", `dataset.file.path: ${description}`, {
    violations: [{ field: "dataset.file.path", description }],
  });
}
