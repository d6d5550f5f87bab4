/**
 * Holds runs against what vLLM counts of itself on its `/metrics` page, and prints both as Markdown. Started by hand, since vLLM needs
 * 6 GB and two minutes to start: `docs/servers.md` says how. Nobody else may use the server meanwhile.
 *
 *   node test/real/vllm/compare.ts URL MODEL REQUESTS [further arguments of assay run]
 */
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import Database from "better-sqlite3";
import { sumOf } from "../metrics-page.ts";

const program = join(import.meta.dirname, "../../../services/main.ts");
const deadlineMs = 600_000;

const loads: readonly { readonly title: string; readonly flags: readonly string[] }[] = [
  ...[1, 4, 16].map((limit) => ({
    title: `streams, ${limit} at once`,
    flags: ["--streaming", "--concurrency", String(limit)],
  })),
  { title: "documents, 4 at once", flags: ["--concurrency", "4"] },
];

/** What is compared: of the rows of successful requests, and of the difference of two pages. Times in ms. */
const figures: readonly { readonly title: string; readonly ours: string; readonly theirs: (of: Counted) => number }[] = [
  { title: "requests", ours: "count(*)", theirs: (of) => of.count("request_success_total") },
  { title: "ended by length", ours: "sum(finish_reason = 'length')", theirs: (of) => of.ended("length") },
  { title: "prompt tokens", ours: "sum(usage_prompt_tokens)", theirs: (of) => of.count("prompt_tokens_total") },
  { title: "output tokens", ours: "sum(usage_completion_tokens)", theirs: (of) => of.count("generation_tokens_total") },
  { title: "mean TTFT", ours: "avg(time_to_first_token)", theirs: (of) => of.meanMs("time_to_first_token_seconds") },
  {
    title: "mean gap between tokens",
    ours: "sum(decode_duration) / sum(output_sequence_length - 1)",
    theirs: (of) => of.meanMs("inter_token_latency_seconds"),
  },
  {
    title: "mean ITL of a request",
    ours: "avg(inter_token_latency)",
    theirs: (of) => of.meanMs("request_time_per_output_token_seconds"),
  },
  { title: "mean latency", ours: "avg(request_latency)", theirs: (of) => of.meanMs("e2e_request_latency_seconds") },
];

/** What the server has counted between two pages. */
interface Counted {
  count(name: string): number;
  ended(reason: string): number;
  meanMs(histogram: string): number;
}

function countedBetween(before: string, after: string): Counted {
  const count = (name: string, labels = {}): number =>
    sumOf(after, `vllm:${name}`, labels) - sumOf(before, `vllm:${name}`, labels);
  return {
    count,
    ended: (reason) => count("request_success_total", { finished_reason: reason }),
    meanMs: (histogram) => (1000 * count(`${histogram}_sum`)) / count(`${histogram}_count`),
  };
}

async function compare(
  url: string,
  flags: readonly string[],
): Promise<readonly (readonly [ours: number | null, theirs: number])[]> {
  const page = async (): Promise<string> => (await fetch(`${url}/metrics`, { signal: AbortSignal.timeout(10_000) })).text();
  const folder = await mkdtemp(join(tmpdir(), "assay-vllm-"));
  try {
    const before = await page();
    const args = ["run", "-u", url, "--output-artifact-dir", folder, "--no-gpu-telemetry", "--ui", "none", ...flags];
    const env = { ...process.env, XDG_DATA_HOME: folder, XDG_RUNTIME_DIR: folder };
    await promisify(execFile)(process.execPath, [program, ...args], { timeout: deadlineMs, env });
    const counted = countedBetween(before, await page());
    const db = new Database(join(folder, "run.db"), { readonly: true });
    try {
      const ours = (sql: string) =>
        db.prepare(`SELECT ${sql} FROM requests WHERE error_code IS NULL`).pluck().get() as number | null;
      return figures.map((figure) => [ours(figure.ours), figure.theirs(counted)]);
    } finally {
      db.close();
    }
  } finally {
    await rm(folder, { recursive: true });
  }
}

const [url = "", model = "", requests = "", ...more] = process.argv.slice(2);
const flags = ["-m", model, "--request-count", requests, "--random-seed", "11"];
flags.push("--extra-inputs", "ignore_eos:true", "--extra-inputs", "temperature:0", ...more);
const cells: string[][] = figures.map(({ title }) => [title]);
for (const load of loads) {
  for (const [index, pair] of (await compare(url, [...load.flags, ...flags])).entries()) {
    cells[index]?.push(pair.map((value) => (value === null ? "–" : String(Math.round(value * 10) / 10))).join(" / "));
  }
}
const rows = [["Assay / vLLM", ...loads.map(({ title }) => title)], ["---", ...loads.map(() => "---")], ...cells];
console.log(rows.map((row) => `| ${row.join(" | ")} |`).join("\n"));
