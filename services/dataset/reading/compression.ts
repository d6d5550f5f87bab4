/** gzip and zstd in front of whatever a file is. */
import { pipeline, Readable } from "node:stream";
import { createGunzip, createZstdDecompress } from "node:zlib";
import { messageOf } from "../../common/errors.ts";

export type Compression = "gzip" | "zstd";

/** A file as it is stored. */
export interface StoredBytes {
  readonly sizeBytes: number;
  /** Bytes from a place on, for keeps; fewer at the end. */
  readonly bytesAt: (start: number, length: number) => Uint8Array<ArrayBuffer>;
}

const chunkSize = 256 * 1024;
const storedPieceBytes = 1 << 20;
const skippableHeaderBytes = 8;

/** By a file's first bytes; undefined: it is not compressed. */
export function compressionOf(head: Uint8Array): Compression | undefined {
  if (head[0] === 0x1f && head[1] === 0x8b) return "gzip";
  return isZstdFrame(head) || isSkippableFrame(head) ? "zstd" : undefined;
}

/** The bytes that were compressed. Throws where they are cut or damaged, saying so. */
export async function* decompressed(compression: Compression, stored: StoredBytes): AsyncGenerator<Uint8Array> {
  if (compression === "gzip") yield* through(createGunzip({ chunkSize }), streamOf(stored, 0), compression);
  else yield* zstdFrames(stored);
}

/** Node's decoder ends with the first frame and says nothing of those that follow: one is made for each. */
async function* zstdFrames(stored: StoredBytes): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < stored.sizeBytes; ) {
    const head = stored.bytesAt(start, skippableHeaderBytes);
    if (isSkippableFrame(head) && head.length === skippableHeaderBytes) {
      start += skippableHeaderBytes + new DataView(head.buffer, head.byteOffset).getUint32(4, true);
      continue;
    }
    if (!isZstdFrame(head)) throw damaged("zstd", `the ${stored.sizeBytes - start} bytes from byte ${start} on are no zstd`);
    const decoder = createZstdDecompress({ chunkSize });
    yield* through(decoder, streamOf(stored, start), "zstd");
    start += decoder.bytesWritten;
  }
}

function streamOf(stored: StoredBytes, start: number): Readable {
  function* pieces(): Generator<Uint8Array> {
    for (let at = start; at < stored.sizeBytes; at += storedPieceBytes) yield stored.bytesAt(at, storedPieceBytes);
  }
  return Readable.from(pieces());
}

async function* through(
  decoder: ReturnType<typeof createGunzip> | ReturnType<typeof createZstdDecompress>,
  stored: Readable,
  compression: Compression,
): AsyncGenerator<Uint8Array> {
  // A failure of either end reaches the one who reads, through the decoder.
  pipeline(stored, decoder, () => {});
  try {
    for await (const chunk of decoder) yield chunk;
  } catch (error) {
    throw damaged(compression, messageOf(error), error);
  } finally {
    stored.destroy();
    decoder.destroy();
  }
}

function damaged(compression: Compression, how: string, cause?: unknown): Error {
  return new Error(`its ${compression} data is cut or damaged: ${how}`, { cause });
}

function isZstdFrame(head: Uint8Array): boolean {
  return head[0] === 0x28 && head[1] === 0xb5 && head[2] === 0x2f && head[3] === 0xfd;
}

/** RFC 8878, section 3.1.2: bytes that are for others. */
function isSkippableFrame(head: Uint8Array): boolean {
  return ((head[0] ?? 0) & 0xf0) === 0x50 && head[1] === 0x2a && head[2] === 0x4d && head[3] === 0x18;
}
