/** Files of this machine that a suite elsewhere is to read: sent to it, and named as it calls them then. */
import { createHash } from "node:crypto";
import { open, stat } from "node:fs/promises";
import { basename, isAbsolute } from "node:path";
import type { JsonObject, JsonValue, MessageInitShape } from "@bufbuild/protobuf";
import { DatasetService, type UploadDatasetRequestSchema } from "../../../gen/assay/dataset/v1/dataset_service_pb.js";
import { AssayError, messageOf } from "../../../services/common/errors.ts";
import type { SuiteClient } from "../suite-client.ts";
import { uploadPath } from "./dataset-paths.ts";

const pieceBytes = 256 * 1024;
/** Beyond this it takes a while, and that is said. */
const saidBytes = 16 << 20;

export interface UploadOptions {
  readonly signal: AbortSignal;
  /** Told what is uploaded. */
  readonly say: (text: string) => void;
}

/**
 * The same RunSpec, in proto JSON, with an upload in the place of a dataset's file that is on this machine. What is not here, or no
 * file, is taken for a path of the suite's host, as is all where the suite keeps no uploads. Fails as the upload does, and names the field.
 */
export async function withUploads(spec: JsonObject, client: SuiteClient, options: UploadOptions): Promise<JsonObject> {
  const { dataset } = spec;
  const file = isObject(dataset) ? dataset.file : undefined;
  if (!isObject(dataset) || !isObject(file) || typeof file.path !== "string" || !isAbsolute(file.path)) return spec;
  // Files beside it stay here.
  const { media_folder: _, ...sent } = file;
  const { path, name = basename(file.path) } = file;
  const size = await stat(path).then(
    (found) => (found.isFile() ? found.size : undefined),
    () => undefined,
  );
  if (size === undefined) return spec;
  if (size > saidBytes) options.say(`uploading ${path} (${Math.round(size / 2 ** 20)} MiB)`);
  try {
    const datasetId = await upload(client, { path, name: String(name), size }, options.signal);
    return { ...spec, dataset: { ...dataset, file: { ...sent, path: uploadPath(datasetId), name } } };
  } catch (error) {
    if (error instanceof AssayError && (error.code === "failed_precondition" || error.code === "unimplemented")) return spec;
    if (!(error instanceof AssayError) || error.code === "cancelled") throw error;
    const violations = [{ field: "dataset.file.path", description: `cannot be uploaded: ${error.message}` }];
    throw new AssayError(error.code, error.message, { cause: error, violations });
  }
}

interface LocalFile {
  readonly path: string;
  readonly name: string;
  readonly size: number;
}

async function upload(client: SuiteClient, file: LocalFile, signal: AbortSignal): Promise<string> {
  const datasets = await client.serviceOf(DatasetService);
  const { datasetId } = await datasets.uploadDataset(messagesOf(file), { signal });
  return datasetId;
}

async function* messagesOf({ path, name, size }: LocalFile): AsyncGenerator<MessageInitShape<typeof UploadDatasetRequestSchema>> {
  yield { message: { case: "start", value: { name, sizeBytes: BigInt(size) } } };
  const hash = createHash("sha256");
  const file = await open(path).catch((error: unknown) => {
    throw new AssayError("invalid_argument", `${path} cannot be read: ${messageOf(error)}`, { cause: error });
  });
  try {
    for await (const piece of file.createReadStream({ highWaterMark: pieceBytes, autoClose: false })) {
      hash.update(piece);
      yield { message: { case: "data", value: piece } };
    }
  } finally {
    await file.close();
  }
  yield { message: { case: "sha256", value: hash.digest() } };
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
