/** Files that a RunSpec names: named as the suite's processes find them, and looked at before anything is started. */
import { existsSync } from "node:fs";
import { access, constants, open, stat } from "node:fs/promises";
import { isAbsolute, join, resolve } from "node:path";
import type { JsonObject, JsonValue } from "@bufbuild/protobuf";
import type { Complaint } from "../complaints.ts";
import { isStoredPath } from "./dataset-paths.ts";
import { standardInput } from "./piped-input.ts";

/** A RunSpec in proto JSON whose paths are absolute, relative to `cwd` before. */
export function withAbsolutePaths(spec: JsonObject, cwd: string): JsonObject {
  const path = inputFileOf(spec);
  const tokenizer = tokenizerOf(spec);
  const { dataset } = spec;
  const images = picturesOf(spec);
  const replay = isObject(dataset) ? replayOf(dataset, cwd) : undefined;
  return {
    ...spec,
    ...(replay === undefined || !isObject(dataset) ? {} : { dataset: { ...dataset, replay } }),
    ...(path === undefined || isNoPath(path) || !isObject(dataset)
      ? {}
      : { dataset: { ...dataset, file: absoluteFile(dataset.file as JsonObject, path, cwd) } }),
    ...(images === undefined || !isObject(dataset)
      ? {}
      : {
          dataset: {
            ...dataset,
            synthetic: { ...(dataset.synthetic as JsonObject), images: { ...images, source: resolve(cwd, images.source) } },
          },
        }),
    ...(tokenizer === undefined || !isPath(tokenizer, cwd)
      ? {}
      : { tokenizer: { ...(spec.tokenizer as JsonObject), name: resolve(cwd, tokenizer) } }),
  };
}

function absoluteFile(file: JsonObject, path: string, cwd: string): JsonObject {
  const { media_folder: folder } = file;
  const media = typeof folder === "string" && folder !== "" ? { media_folder: resolve(cwd, folder) } : {};
  return { ...file, ...media, path: resolve(cwd, path) };
}

/** What is wrong with files that a suite on this host is going to read. Their paths are absolute. */
export async function fileComplaints(spec: JsonObject): Promise<Complaint[]> {
  const path = inputFileOf(spec);
  const tokenizer = tokenizerOf(spec);
  const pictures = picturesOf(spec)?.source;
  const [ofFile, ofPictures, ofTokenizer] = await Promise.all([
    path === undefined || isNoPath(path) ? undefined : problemOf(path, { mayBeFolder: true, mayBePipe: true }),
    pictures === undefined ? undefined : folderProblem(pictures),
    tokenizer === undefined || !isAbsolute(tokenizer) ? undefined : tokenizerProblem(tokenizer),
  ]);
  return [
    ...(ofFile === undefined ? [] : [{ field: "dataset.file.path", description: ofFile }]),
    ...(ofPictures === undefined ? [] : [{ field: "dataset.synthetic.images.source", description: ofPictures }]),
    ...(ofTokenizer === undefined ? [] : [{ field: "tokenizer.name", description: ofTokenizer }]),
  ];
}

/** Standard input, an upload, a public dataset. */
function isNoPath(path: string): boolean {
  return path === standardInput || isStoredPath(path);
}

/** A run that is named by a path, with that; undefined: none is. An id has no slash, and no dot at its beginning. */
function replayOf({ replay }: JsonObject, cwd: string): JsonObject | undefined {
  if (!isObject(replay)) return undefined;
  const { run_id: id, path = id } = replay;
  if (typeof path !== "string") return undefined;
  const isPath = replay.path !== undefined || /[/\\]|^\.|\.db$/.test(path) || existsSync(resolve(cwd, path, "run.db"));
  return isPath ? { path: resolve(cwd, path) } : undefined;
}

function inputFileOf({ dataset }: JsonObject): string | undefined {
  const path = isObject(dataset) && isObject(dataset.file) ? dataset.file.path : undefined;
  return typeof path === "string" && path !== "" ? path : undefined;
}

/** Images that are made of the pictures of a folder; undefined: none are. */
function picturesOf({ dataset }: JsonObject): (JsonObject & { readonly source: string }) | undefined {
  const synthetic = isObject(dataset) ? dataset.synthetic : undefined;
  const images = isObject(synthetic) ? synthetic.images : undefined;
  if (!isObject(images) || typeof images.source !== "string") return undefined;
  const { source } = images;
  return ["", "noise", "assets"].includes(source) ? undefined : { ...images, source };
}

async function folderProblem(path: string): Promise<string | undefined> {
  const problem = await problemOf(path, { mayBeFolder: true });
  const isFolder = problem === undefined && (await stat(path)).isDirectory();
  return problem ?? (isFolder ? undefined : `${path} is a file, expected a folder of pictures`);
}

function tokenizerOf({ tokenizer }: JsonObject): string | undefined {
  const name = isObject(tokenizer) ? tokenizer.name : undefined;
  return typeof name === "string" ? name : undefined;
}

/** `meta-llama/Llama-2` is a name of the Hugging Face Hub, unless there is such a path. */
function isPath(tokenizer: string, cwd: string): boolean {
  if (tokenizer.startsWith("npm:")) return false;
  const isHubName = /^\w[\w.-]*\/\w[\w.-]*$/.test(tokenizer) && !tokenizer.endsWith(".json");
  if (isHubName) return existsSync(resolve(cwd, tokenizer));
  return /[/\\]/.test(tokenizer) || /^\.|\.json$/.test(tokenizer);
}

async function tokenizerProblem(path: string): Promise<string | undefined> {
  const isFolder = await stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
  const problem = await problemOf(isFolder ? join(path, "tokenizer.json") : path, { mayBeFolder: false });
  return problem === undefined ? undefined : `${problem}; models are not fetched, a tokenizer.json is needed`;
}

interface MayBe {
  readonly mayBeFolder: boolean;
  readonly mayBePipe?: boolean;
}

async function problemOf(path: string, { mayBeFolder, mayBePipe = false }: MayBe): Promise<string | undefined> {
  try {
    const found = await stat(path);
    if (found.isDirectory() && !mayBeFolder) return `${path} is a folder, expected a file`;
    if (found.isDirectory()) {
      await access(path, constants.R_OK | constants.X_OK);
      return undefined;
    }
    // Opening a pipe would wait for whoever writes into it.
    if (mayBePipe && found.isFIFO()) return undefined;
    if (!found.isFile()) return `${path} is no file`;
    await (await open(path)).close();
    return undefined;
  } catch (error) {
    return `${path} ${reasonOf(error)}`;
  }
}

function reasonOf(error: unknown): string {
  const code = typeof error === "object" && error !== null && "code" in error ? String(error.code) : String(error);
  if (code === "ENOENT" || code === "ENOTDIR") return "is not there";
  return code === "EACCES" ? "may not be read" : `cannot be read: ${code}`;
}

function isObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
