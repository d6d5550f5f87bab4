/** From the name of a tokenizer to one that counts: finds its file, reads it, says what is wrong with it. */
import { readFile, realpath, stat } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { AssayError, messageOf } from "../errors.ts";
import { createChatTemplate, type TemplateMessage, templateText } from "./chat-template.ts";
import { createEncodingCounter } from "./encodings.ts";
import { type HubModel, hubSnapshot } from "./hub-cache.ts";
import { createHuggingFaceCounter } from "./hugging-face.ts";
import type { TokenCounter, TokenizerSource } from "./source.ts";

/** The real path of a file or folder that may be read; rejects where it may not. */
export type ResolvePath = (path: string) => Promise<string>;

/** Tokens of messages as a model is given them. */
export type ChatCounter = (messages: readonly TemplateMessage[]) => number;

/** Vocabularies have tens of MB. */
const maxFileBytes = 256 << 20;
const fileName = "tokenizer.json";

/**
 * @param resolve applied to every path that a spec names; default: any may be read
 * @returns undefined for `none`
 * @throws `not_found` with what was tried, `invalid_argument` for what is no tokenizer; both name `tokenizer.name`
 */
export async function loadTokenizer(source: TokenizerSource, resolve: ResolvePath = realpath): Promise<TokenCounter | undefined> {
  switch (source.kind) {
    case "none":
      return undefined;
    case "encoding":
      return createEncodingCounter(source.name);
    default: {
      const place = await placeOf(source, resolve);
      return loadFile(place.path, place.resolve);
    }
  }
}

/**
 * Counts messages in the chat template of a tokenizer, as a model is given them. Undefined: it has none.
 * @throws as `loadTokenizer`, and `invalid_argument` for what is no template
 */
export async function loadChatCounter(
  source: TokenizerSource,
  resolve: ResolvePath = realpath,
): Promise<ChatCounter | undefined> {
  if (source.kind === "none" || source.kind === "encoding") return undefined;
  const place = await placeOf(source, resolve);
  const config = await besideOf(place, "tokenizer_config.json", readJson);
  const text = (await besideOf(place, "chat_template.jinja", readText)) ?? templateText(config);
  if (text === undefined) return undefined;
  const [template, count] = await Promise.all([createChatTemplate(text, config), loadFile(place.path, place.resolve)]);
  return (messages) => count(template(messages));
}

/** A tokenizer.json, and how what stands beside it is resolved. */
interface Place {
  readonly path: string;
  readonly resolve: ResolvePath;
}

async function placeOf(
  source: Extract<TokenizerSource, { kind: "path" | "package" | "hub" }>,
  resolve: ResolvePath,
): Promise<Place> {
  // What the Hub's cache has is this host's own choice, wherever it is: no spec names its files.
  if (source.kind === "hub") return { path: await locateInHubCache(source), resolve: realpath };
  return { path: await locateTokenizer(source, resolve), resolve };
}

/** A file beside a tokenizer.json that may be missing. */
async function besideOf<T>({ path, resolve }: Place, name: string, read: (path: string) => Promise<T>): Promise<T | undefined> {
  return resolve(join(dirname(path), name)).then(read, (error: unknown) => {
    if (isMissing(error)) return undefined;
    throw error;
  });
}

/** The tokenizer.json that a path or a package stands for. Throws as `loadTokenizer` does. */
export async function locateTokenizer(
  source: Extract<TokenizerSource, { kind: "path" | "package" }>,
  resolve: ResolvePath = realpath,
): Promise<string> {
  if (source.kind === "package") return locateInPackages(source.name);
  const path = await resolved(source.path, resolve, `there is no ${source.path}; models are not fetched`);
  if (!(await stat(path)).isDirectory()) return path;
  return resolved(join(path, fileName), resolve, `the folder ${source.path} has no ${fileName}`);
}

async function resolved(path: string, resolve: ResolvePath, ifMissing: string): Promise<string> {
  try {
    return await resolve(path);
  } catch (error) {
    if (isMissing(error)) throw refusal("not_found", ifMissing, error);
    if (error instanceof AssayError) throw error;
    throw refusal("invalid_argument", `${path} cannot be read: ${messageOf(error)}`, error);
  }
}

async function locateInHubCache(model: HubModel): Promise<string> {
  const { name } = model;
  const found = await hubSnapshot(model);
  const advice = `models are not fetched: \`hf download ${name} ${fileName} tokenizer_config.json\` brings it, or give the path of a folder that has it`;
  if ("missing" in found)
    throw refusal("not_found", `${name} is not in the cache of the Hugging Face Hub: ${found.missing}; ${advice}`);
  const path = join(found.folder, fileName);
  if (await is("file", path)) return path;
  throw refusal("not_found", `${name} has no ${fileName} in ${found.folder}; ${advice}`);
}

/** Beside whoever started this process, as npm finds packages, then beside this program. */
async function locateInPackages(name: string): Promise<string> {
  const bases = [join(process.cwd(), "package.json"), import.meta.url];
  const folders = new Set(bases.flatMap((base) => createRequire(base).resolve.paths(name) ?? []));
  const tried: string[] = [];
  for (const folder of folders) {
    for (const place of [fileName, join("models", fileName)]) {
      const path = join(folder, name, place);
      if (await is("file", path)) return path;
    }
    if (await is("folder", folder)) tried.push(folder);
  }
  const where =
    tried.length === 0 ? "there is no node_modules" : `${tried.join(" and ")} ${tried.length === 1 ? "has" : "have"} none`;
  throw refusal("not_found", `neither ${name}/${fileName} nor ${name}/models/${fileName} is installed: ${where}`);
}

async function loadFile(path: string, resolve: ResolvePath): Promise<TokenCounter> {
  const definition = await readJson(path);
  // It says little about how text is cut.
  const config = await besideOf({ path, resolve }, "tokenizer_config.json", readJson);
  try {
    return await createHuggingFaceCounter(definition, config);
  } catch (error) {
    if (error instanceof AssayError) throw error;
    throw refusal("invalid_argument", `${path} is no tokenizer: ${messageOf(error)}`, error);
  }
}

async function readJson(path: string): Promise<unknown> {
  const text = await readText(path);
  try {
    return JSON.parse(text);
  } catch (error) {
    throw refusal("invalid_argument", `${path} cannot be read as JSON: ${messageOf(error)}`, error);
  }
}

async function readText(path: string): Promise<string> {
  try {
    const found = await stat(path);
    if (!found.isFile()) throw refusal("invalid_argument", `${path} is no file`);
    if (found.size > maxFileBytes) {
      throw refusal("invalid_argument", `${path} has ${found.size} bytes, the limit is ${maxFileBytes}`);
    }
    return await readFile(path, "utf8");
  } catch (error) {
    if (error instanceof AssayError) throw error;
    throw refusal("invalid_argument", `${path} cannot be read: ${messageOf(error)}`, error);
  }
}

async function is(kind: "file" | "folder", path: string): Promise<boolean> {
  try {
    const found = await stat(path);
    return kind === "file" ? found.isFile() : found.isDirectory();
  } catch {
    // Whatever is in the way: it is not to be had there.
    return false;
  }
}

function isMissing(error: unknown): boolean {
  if (error instanceof AssayError) return error.code === "not_found";
  return typeof error === "object" && error !== null && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR");
}

function refusal(code: "not_found" | "invalid_argument", description: string, cause?: unknown): AssayError {
  const violations = [{ field: "tokenizer.name", description }];
  return new AssayError(code, `tokenizer.name: ${description}`, { violations, ...(cause === undefined ? {} : { cause }) });
}
