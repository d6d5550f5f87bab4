/** Takes a client's file into the store, as it comes. */
import { createHash } from "node:crypto";
import { fsync, write } from "node:fs";
import { promisify } from "node:util";
import type { UploadDatasetRequest, UploadStart } from "../../../gen/assay/dataset/v1/dataset_service_pb.js";
import { AssayError, messageOf } from "../../common/errors.ts";
import type { DatasetStore } from "./dataset-store.ts";

export interface Uploaded {
  readonly datasetId: string;
  readonly sizeBytes: bigint;
}

const writeSome = promisify(write);
const flush = promisify(fsync);
const maxNameLength = 255;

/** As the proto says. Of what does not come to its end nothing is left. */
export async function takeUpload(
  requests: AsyncIterable<UploadDatasetRequest>,
  store: DatasetStore,
  maxBytes: number,
): Promise<Uploaded> {
  const messages = requests[Symbol.asyncIterator]();
  const start = startOf((await messages.next()).value, maxBytes);
  const file = newFile(store);
  let isCommitted = false;
  try {
    const { sha256, sizeBytes } = await takeBytes(messages, { start, descriptor: file.descriptor, maxBytes });
    await flush(file.descriptor);
    const datasetId = `upload-${sha256.slice(0, 32)}`;
    isCommitted = true;
    file.commit(datasetId, { description: start.name, format: start.format, conversations: 0, turns: 0 });
    return { datasetId, sizeBytes: BigInt(sizeBytes) };
  } catch (error) {
    throw asUploadError(error);
  } finally {
    if (!isCommitted) file.discard();
    await messages.return?.();
  }
}

function startOf(first: UploadDatasetRequest | undefined, maxBytes: number): UploadStart {
  if (first?.message.case !== "start") throw new AssayError("invalid_argument", "an upload must begin with start");
  const { name, sizeBytes } = first.message.value;
  if (name === "" || name.length > maxNameLength) {
    const description = `must have 1 to ${maxNameLength} characters, got ${name.length}`;
    throw new AssayError("invalid_argument", `start.name: ${description}`, {
      violations: [{ field: "start.name", description }],
    });
  }
  if (sizeBytes > BigInt(maxBytes)) throw tooLarge(maxBytes, `${name} has ${sizeBytes}`);
  return first.message.value;
}

interface Taking {
  readonly start: UploadStart;
  readonly descriptor: number;
  readonly maxBytes: number;
}

async function takeBytes(
  messages: AsyncIterator<UploadDatasetRequest>,
  { start: { name, sizeBytes: announced }, descriptor, maxBytes }: Taking,
): Promise<{ readonly sha256: string; readonly sizeBytes: number }> {
  const hash = createHash("sha256");
  let sizeBytes = 0;
  let expected: Uint8Array | undefined;
  for (let next = await messages.next(); next.done !== true; next = await messages.next()) {
    const { message } = next.value;
    if (expected !== undefined) throw new AssayError("invalid_argument", "nothing may follow the checksum of an upload");
    if (message.case === "sha256") expected = message.value;
    else if (message.case === "data") {
      if (sizeBytes + message.value.length > maxBytes) throw tooLarge(maxBytes, `${name} has more`);
      hash.update(message.value);
      for (let at = 0; at < message.value.length; ) {
        const { bytesWritten } = await writeSome(descriptor, message.value, at, message.value.length - at, sizeBytes + at);
        at += bytesWritten;
      }
      sizeBytes += message.value.length;
    } else throw new AssayError("invalid_argument", `a second ${message.case ?? "empty message"} may not come in an upload`);
  }
  if (announced > 0n && BigInt(sizeBytes) !== announced) {
    throw new AssayError("data_loss", `${name}: ${announced} bytes were announced, ${sizeBytes} came`);
  }
  const sha256 = hash.digest();
  if (expected !== undefined && Buffer.compare(sha256, expected) !== 0) {
    throw new AssayError("data_loss", `${name}: what came has another checksum than the file`);
  }
  return { sha256: sha256.toString("hex"), sizeBytes };
}

function newFile(store: DatasetStore) {
  try {
    return store.create();
  } catch (error) {
    throw asUploadError(error);
  }
}

function tooLarge(maxBytes: number, what: string): AssayError {
  return new AssayError("resource_exhausted", `an upload may have ${maxBytes} bytes at most (--max-upload-bytes): ${what}`);
}

function asUploadError(error: unknown): AssayError {
  if (error instanceof AssayError) return error;
  const code = typeof error === "object" && error !== null && "code" in error ? error.code : undefined;
  const isFull = code === "ENOSPC" || code === "EDQUOT" || code === "EFBIG";
  return new AssayError(isFull ? "resource_exhausted" : "internal", `the upload cannot be kept: ${messageOf(error)}`, {
    cause: error,
  });
}
