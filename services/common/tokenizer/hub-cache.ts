/** Tokenizers of models by their names on the Hugging Face Hub, out of the Hub's cache on this host. Nothing is fetched. */
import { readFile, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";

export interface HubModel {
  /** `organisation/model`. */
  readonly name: string;
  /** Branch, tag or commit. */
  readonly revision: string;
}

/** Where the Hub's own programs keep what they have fetched. */
export function hubCacheFolder(env: NodeJS.ProcessEnv = process.env): string {
  const { HF_HUB_CACHE, HUGGINGFACE_HUB_CACHE, HF_HOME, XDG_CACHE_HOME } = env;
  if (HF_HUB_CACHE) return HF_HUB_CACHE;
  if (HUGGINGFACE_HUB_CACHE) return HUGGINGFACE_HUB_CACHE;
  return join(HF_HOME || join(XDG_CACHE_HOME || join(homedir(), ".cache"), "huggingface"), "hub");
}

/** The folder of a model's files in the cache, or what is missing there. */
export async function hubSnapshot(
  { name, revision }: HubModel,
  cache: string = hubCacheFolder(),
): Promise<{ readonly folder: string } | { readonly missing: string }> {
  const model = join(cache, `models--${name.replace("/", "--")}`);
  if (!(await isFolder(model))) return { missing: `there is no ${model}` };
  const commit = isCommit(revision) ? revision : await commitOf(join(model, "refs", revision));
  if (commit === undefined) return { missing: `${model} has no revision ${revision}` };
  const folder = join(model, "snapshots", commit);
  return (await isFolder(folder)) ? { folder } : { missing: `${model} has no files of revision ${revision}` };
}

async function commitOf(path: string): Promise<string | undefined> {
  try {
    const text = (await readFile(path, "utf8")).trim();
    return isCommit(text) ? text : undefined;
  } catch {
    // No such branch or tag was ever fetched.
    return undefined;
  }
}

function isCommit(text: string): boolean {
  return /^[0-9a-f]{40}$/.test(text);
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch {
    // Whatever is in the way: it is not to be had there.
    return false;
  }
}
