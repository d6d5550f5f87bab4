/** Pages whose commands are run as they are written. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";

export interface ShellResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The blocks of a Markdown file in one language, in order. */
export async function blocksOf(path: string, language: string): Promise<string[]> {
  const text = await readFile(path, "utf8");
  return [...text.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, "gms"))].map(([, block]) => block ?? "");
}

/** The `sh` blocks of a Markdown file, in order. Blocks of other languages are shown to people only. */
export function shellBlocksOf(path: string): Promise<string[]> {
  return blocksOf(path, "sh");
}

/** Runs a script with `bash`, which stops at the first command that fails. What it has started ends with it, however it ends; after `longestMs`, by default a minute, all ends. */
export async function runShell(script: string, env: NodeJS.ProcessEnv, cwd: string, longestMs = 60_000): Promise<ShellResult> {
  const child = spawn("bash", ["-euo", "pipefail", "-c", script], { cwd, env: { ...process.env, ...env }, detached: true });
  const late = setTimeout(() => endGroup(child), longestMs);
  child.stdin.end();
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text) => (stderr += text));
  const closed = once(child, "close");
  const [code] = await once(child, "exit");
  clearTimeout(late);
  // What it left behind holds its pipes open.
  endGroup(child);
  await closed;
  return { code, stdout, stderr };
}

function endGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // Nothing of it is left.
  }
}
