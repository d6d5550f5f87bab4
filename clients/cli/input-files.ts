/** Files of this host that options name: looked at before anything is started, and named as the suite's processes find them. */
import { open, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { RunOptions } from "./flags.ts";

/** The options with every path made absolute, relative to `cwd`. */
export function withAbsolutePaths(options: RunOptions, cwd: string): RunOptions {
  const { inputFile, tokenizer } = options;
  return {
    ...options,
    ...(inputFile === undefined ? {} : { inputFile: resolve(cwd, inputFile) }),
    ...(tokenizer === undefined || !isPath(tokenizer) ? {} : { tokenizer: resolve(cwd, tokenizer) }),
  };
}

/** What is wrong with files that the suite on this host is going to read, one line each. */
export async function fileProblems(options: RunOptions, cwd: string): Promise<string[]> {
  const { inputFile, tokenizer } = options;
  const problems = await Promise.all([
    inputFile === undefined ? undefined : problemOf("--input-file", inputFile, resolve(cwd, inputFile)),
    tokenizer === undefined || !isPath(tokenizer) ? undefined : tokenizerProblem(tokenizer, resolve(cwd, tokenizer)),
  ]);
  return problems.filter((problem) => problem !== undefined);
}

/** `meta-llama/Llama-2` is a path, too: models are not fetched. */
function isPath(tokenizer: string): boolean {
  return !tokenizer.startsWith("npm:") && (/[/\\]/.test(tokenizer) || /^\.|\.json$/.test(tokenizer));
}

async function tokenizerProblem(given: string, path: string): Promise<string | undefined> {
  const isFolder = await stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
  const problem = await problemOf("--tokenizer", given, isFolder ? join(path, "tokenizer.json") : path);
  return problem === undefined ? undefined : `${problem}; models are not fetched, a tokenizer.json is needed`;
}

async function problemOf(flag: string, given: string, path: string): Promise<string | undefined> {
  try {
    const found = await stat(path);
    if (found.isDirectory()) return `${flag} ${given}: ${path} is a folder, expected a file`;
    // Opening a pipe would wait for whoever writes into it.
    if (!found.isFile()) return `${flag} ${given}: ${path} is no file`;
    await (await open(path)).close();
    return undefined;
  } catch (error) {
    return `${flag} ${given}: ${path} ${reasonOf(error)}`;
  }
}

function reasonOf(error: unknown): string {
  const code = typeof error === "object" && error !== null && "code" in error ? String(error.code) : String(error);
  if (code === "ENOENT" || code === "ENOTDIR") return "is not there";
  return code === "EACCES" ? "may not be read" : `cannot be read: ${code}`;
}
