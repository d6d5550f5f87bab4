/** Takes a client's file into the store, as it comes. */
import { createHash } from "node:crypto";
import { fsync, write } from "node:fs";
import { promisify } from "node:util";
import type { UploadDatasetRequest, UploadStart } from "../../../gen/assay/dataset/v1/dataset_service_pb.js";
import { AssayError, messageOf } from "../../common/errors.ts";
import type { NewDataset } from "./dataset-store.ts";
import type { UploadPlace, UploadRoom } from "./upload-room.ts";

export interface Uploaded {
  readonly datasetId: string;
  readonly sizeBytes: bigint;
}

const writeSome = promisify(write);
const flush = promisify(fsync);
const maxNameLength = 255;

/** As the proto says. Of what does not come to its end nothing is left. Throws what `room` does. */
export async function takeUpload(requests: AsyncIterable<UploadDatasetRequest>, room: UploadRoom): Promise<Uploaded> {
  const place = room.enter();
  const messages = requests[Symbol.asyncIterator]();
  try {
    const start = startOf((await messages.next()).value);
    place.reserve(Number(start.sizeBytes));
    return await keepUpload(messages, { start, place, file: room.store.create() });
  } catch (error) {
    throw asUploadError(error);
  } finally {
    place.leave();
    await messages.return?.();
  }
}

interface Taking {
  readonly start: UploadStart;
  readonly place: UploadPlace;
  readonly file: NewDataset;
}

async function keepUpload(messages: AsyncIterator<UploadDatasetRequest>, taking: Taking): Promise<Uploaded> {
  const { start, file } = taking;
  let isCommitted = false;
  try {
    const { sha256, sizeBytes } = await takeBytes(messages, taking);
    await flush(file.descriptor);
    const datasetId = `upload-${sha256.slice(0, 32)}`;
    isCommitted = true;
    file.commit(datasetId, { description: start.name, format: start.format, conversations: 0, turns: 0 });
    return { datasetId, sizeBytes: BigInt(sizeBytes) };
  } finally {
    if (!isCommitted) file.discard();
  }
}

function startOf(first: UploadDatasetRequest | undefined): UploadStart {
  if (first?.message.case !== "start") throw new AssayError("invalid_argument", "an upload must begin with start");
  const { name } = first.message.value;
  if (name === "" || name.length > maxNameLength) {
    const description = `must have 1 to ${maxNameLength} characters, got ${name.length}`;
    throw new AssayError("invalid_argument", `start.name: ${description}`, {
      violations: [{ field: "start.name", description }],
    });
  }
  return first.message.value;
}

async function takeBytes(
  messages: AsyncIterator<UploadDatasetRequest>,
  { start: { name, sizeBytes: announced }, place, file: { descriptor } }: Taking,
): Promise<{ readonly sha256: string; readonly sizeBytes: number }> {
  const hash = createHash("sha256");
  let sizeBytes = 0;
  let expected: Uint8Array | undefined;
  for (let next = await messages.next(); next.done !== true; next = await messages.next()) {
    const { message } = next.value;
    if (expected !== undefined) throw new AssayError("invalid_argument", "nothing may follow the checksum of an upload");
    if (message.case === "sha256") expected = message.value;
    else if (message.case === "data") {
      place.reserve(sizeBytes + message.value.length);
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

function asUploadError(error: unknown): AssayError {
  if (error instanceof AssayError) return error;
  const code = typeof error === "object" && error !== null && "code" in error ? error.code : undefined;
  const isFull = code === "ENOSPC" || code === "EDQUOT" || code === "EFBIG";
  return new AssayError(isFull ? "resource_exhausted" : "internal", `the upload cannot be kept: ${messageOf(error)}`, {
    cause: error,
  });
}
