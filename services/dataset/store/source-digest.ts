/**
 * What a file or folder says, in one digest. Reading all of a large file takes seconds: the digest is remembered with what the file
 * system says of the file, and believed as long as that is the same. Everything here may block.
 */
import { createHash } from "node:crypto";
import {
  type BigIntStats,
  closeSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  realpathSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { readError } from "../reading/file-errors.ts";
import { folderFiles } from "../reading/folder.ts";
import type { SourcePart } from "../reading/read-rows.ts";

export interface SourceDigest {
  /** Of the names and the contents of its files, hexadecimal. */
  readonly sha256: string;
  /** Of all files, as stored. */
  readonly sizeBytes: number;
}

export interface SourceWhere {
  /** As errors name it. */
  readonly path: string;
  readonly realPath: string;
  /** All of its files, where they are several and no folder's. */
  readonly parts?: readonly SourcePart[] | undefined;
  /** Folder that everything must be below, links followed. */
  readonly root: string;
  /** Folder where digests are remembered. */
  readonly memory: string;
  /** Hears of the bytes that were read, piece by piece. Default: nobody does. */
  readonly onBytes?: ((bytes: number) => void) | undefined;
}

/** One that changed so lately could change again and look the same. */
const settledMs = 2_000;
const pieceBytes = 1 << 20;
const digestShape = /^[0-9a-f]{64}$/;

/** Its size, without reading it; throws as reading it does. */
export function sourceSize(where: Omit<SourceWhere, "memory">): number {
  return filesOf(where).reduce((sum, { stats }) => sum + Number(stats.size), 0);
}

/** @param nowMs wall clock */
export function sourceDigest(where: SourceWhere, nowMs: number): SourceDigest {
  const all = createHash("sha256");
  let sizeBytes = 0;
  for (const { name, realPath, stats } of filesOf(where)) {
    sizeBytes += Number(stats.size);
    all.update(`${name}\0${digestOf(realPath, where, stats, nowMs)}\0`);
  }
  return { sha256: all.digest("hex"), sizeBytes };
}

interface SourceFile {
  /** Empty: the source itself. */
  readonly name: string;
  readonly realPath: string;
  readonly stats: BigIntStats;
}

function filesOf({ path, realPath, parts, root }: Omit<SourceWhere, "memory">): SourceFile[] {
  try {
    if (parts !== undefined) return parts.map((part) => ({ ...part, stats: statSync(part.realPath, { bigint: true }) }));
    const stats = statSync(realPath, { bigint: true });
    if (!stats.isDirectory()) return [{ name: "", realPath, stats }];
    const { names } = folderFiles(realPath, path, realpathSync(root));
    return names.map((name) => {
      const file = realpathSync(join(realPath, name));
      return { name, realPath: file, stats: statSync(file, { bigint: true }) };
    });
  } catch (error) {
    throw readError(path, error);
  }
}

function digestOf(realPath: string, { path, memory, onBytes }: SourceWhere, stats: BigIntStats, nowMs: number): string {
  const { size, mtimeNs, ctimeNs, ino, dev } = stats;
  const looks = [realPath, size, mtimeNs, ctimeNs, ino, dev].join("\n");
  const note = join(memory, createHash("sha256").update(realPath).digest("hex").slice(0, 32));
  const known = readNote(note);
  const remembered = known?.startsWith(`${looks}\n`) ? known.slice(looks.length + 1) : "";
  if (digestShape.test(remembered)) return remembered;
  const digest = hashOf(realPath, path, onBytes);
  if (nowMs - Number(mtimeNs / 1_000_000n) > settledMs) writeNote(memory, note, `${looks}\n${digest}`);
  return digest;
}

function hashOf(realPath: string, path: string, onBytes: SourceWhere["onBytes"]): string {
  const hash = createHash("sha256");
  try {
    const file = openSync(realPath, "r");
    try {
      const piece = new Uint8Array(pieceBytes);
      for (let read = readSync(file, piece); read > 0; read = readSync(file, piece)) {
        hash.update(piece.subarray(0, read));
        onBytes?.(read);
      }
    } finally {
      closeSync(file);
    }
  } catch (error) {
    throw readError(path, error);
  }
  return hash.digest("hex");
}

function readNote(note: string): string | undefined {
  try {
    return readFileSync(note, "utf8");
  } catch {
    return undefined;
  }
}

function writeNote(memory: string, note: string, text: string): void {
  try {
    mkdirSync(memory, { recursive: true, mode: 0o700 });
    writeFileSync(note, text, { mode: 0o600 });
  } catch {
    // It is read again the next time.
  }
}
