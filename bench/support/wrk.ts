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

export const hasWrk = spawnSync("wrk", ["-v"]).error === undefined;
export const noWrk = "wrk is not installed (Debian has it as a package): nothing to compare with";

/** Requests per second of wrk with one thread; NaN where it is not installed. `cpu`: the only core that it may use. */
export function wrkRate(url: string, connections: number, sec: number, cpu?: number): number {
  if (!hasWrk) return Number.NaN;
  const folder = mkdtempSync(join(tmpdir(), "assay-wrk-"));
  const script = join(folder, "post.lua");
  writeFileSync(
    script,
    `wrk.method = "POST"\nwrk.headers["content-type"] = "application/json"\nwrk.body = ${JSON.stringify(smallBody)}\n`,
  );
  const args = ["-t1", `-c${connections}`, `-d${Math.ceil(sec)}s`, "-s", script, `${url}/v1/chat/completions`];
  const pinned = cpu === undefined ? (["wrk", args] as const) : (["taskset", ["-c", String(cpu), "wrk", ...args]] as const);
  const { stdout } = spawnSync(pinned[0], pinned[1], { encoding: "utf8", timeout: (sec + 20) * 1000 });
  rmSync(folder, { recursive: true });
  return Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout ?? "")?.[1] ?? Number.NaN);
}

/** Requests per second of autocannon in this process, by duration: with a count it reports whole seconds. */
export async function cannonRate(url: string, connections: number, sec: number): Promise<number> {
  const result = await autocannon({
    url: `${url}/v1/chat/completions`,
    connections,
    duration: sec,
    method: "POST",
    headers: { "content-type": "application/json" },
    body: smallBody,
  });
  return result["2xx"] / result.duration;
}
