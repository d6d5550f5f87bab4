/** A server that others have made, as a process of its own on a free port of 127.0.0.1. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

const readyWithinMs = 60_000;
const endsWithinMs = 10_000;
const pollMs = 100;

export interface RealServer {
  readonly url: string;
  /** It has ended, whatever ended it. */
  readonly hasEnded: boolean;
  /** The text that it answers to a GET of this path. */
  page(path: string): Promise<string>;
  /** Ends it, by force when it does not listen. */
  stop(): Promise<void>;
}

/**
 * Runs `<folder>/start.sh`, which says where it listens and answers `healthPath` with 200 when it is ready. Rejects with what it wrote
 * when it ends before, or is not ready in time.
 */
export async function startRealServer(folder: string, env: NodeJS.ProcessEnv = {}, healthPath = "/health"): Promise<RealServer> {
  const script = join(import.meta.dirname, folder, "start.sh");
  const child = spawn(script, { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, ...env } });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text) => (output += text));
  await once(child, "spawn");
  const deadlineMs = performance.now() + readyWithinMs;
  let url: string | undefined;
  while (url === undefined || !(await answers(url + healthPath))) {
    if (hasEnded(child) || performance.now() > deadlineMs) {
      child.kill("SIGKILL");
      throw new Error(`${script} has not started its server; has test/real/prepare run?\n${output}`);
    }
    await delay(pollMs);
    url = /listening on (http:\/\/\S+)/.exec(output)?.[1];
  }
  const base = url;
  return {
    url,
    get hasEnded() {
      return hasEnded(child);
    },
    page: async (path) => (await fetch(`${base}${path}`, { signal: AbortSignal.timeout(endsWithinMs) })).text(),
    stop: () => end(child),
  };
}

async function end(child: ChildProcess): Promise<void> {
  if (hasEnded(child)) return;
  const exit = once(child, "exit");
  child.kill("SIGTERM");
  await Promise.race([exit, delay(endsWithinMs, undefined, { ref: false })]);
  if (!hasEnded(child)) child.kill("SIGKILL");
  await exit;
}

function hasEnded({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null;
}

async function answers(url: string): Promise<boolean> {
  // A connection that is kept would be waited for when the server is told to end.
  const options = { signal: AbortSignal.timeout(2000), headers: { connection: "close" } };
  const response = await fetch(url, options).catch(() => undefined);
  return response?.ok === true;
}
