/** The yardsticks for small JSON: wrk, and autocannon, which is slower but always there. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import autocannon from "autocannon";

/** What both send. */
export const smallBody = JSON.stringify({
  model: "mock-model",
  messages: [{ role: "user", content: "x".repeat(256) }],
  max_completion_tokens: 8,
});

const timeoutSec = 20;
const hasWrk = spawnSync("wrk", ["-v"]).error === undefined;
export const noWrk = "wrk is not installed (Debian has it as a package): nothing to compare with";

export interface Yardstick {
  readonly requests: number;
  readonly ratePerSec: number;
}

/** wrk with one thread; undefined where it is not installed. */
export function runWrk(url: string, connections: number, sec: number): Yardstick | undefined {
  if (!hasWrk) return undefined;
  const folder = mkdtempSync(join(tmpdir(), "assay-wrk-"));
  const script = join(folder, "post.lua");
  const body = JSON.stringify(smallBody);
  writeFileSync(script, `wrk.method = "POST"\nwrk.headers["content-type"] = "application/json"\nwrk.body = ${body}\n`);
  const args = ["-t1", `-c${connections}`, `-d${Math.ceil(sec)}s`, "-s", script, `${url}/v1/chat/completions`];
  const { stdout } = spawnSync("wrk", args, { encoding: "utf8", timeout: (sec + timeoutSec) * 1000 });
  rmSync(folder, { recursive: true });
  const find = (pattern: RegExp): number => Number(pattern.exec(stdout)?.[1] ?? Number.NaN);
  return { requests: find(/(\d+) requests in/), ratePerSec: find(/Requests\/sec:\s+([\d.]+)/) };
}

/** autocannon in this process, by duration: with a count it reports whole seconds. */
export async function runCannon(url: string, connections: number, sec: number): Promise<Yardstick> {
  const result = await autocannon({
    url: `${url}/v1/chat/completions`,
    connections,
    duration: sec,
    method: "POST",
    headers: { "content-type": "application/json" },
    body: smallBody,
  });
  return { requests: result["2xx"], ratePerSec: result["2xx"] / result.duration };
}
