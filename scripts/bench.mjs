// Runs the benches named as arguments (`npm run bench -- pipeline pacing`), or all but those that want to be named, one after the other, each bounded in time, and
// prints one table of what they found. `--markdown`: once more as the table of bench/RESULTS.md. `--quick`: short runs that show whether the benches work; their figures mean little.
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { figuresVariable, isMet, markdownOf, tableOf } from "../bench/support/figures.ts";
import { rootFolder } from "./setup.mjs";

const folder = join(rootFolder, "bench");
const known = readdirSync(folder).flatMap((file) => (file.endsWith(".ts") ? [file.slice(0, -3)] : []));
const killDelayMs = 10_000;

/**
 * Seconds that a bench may take, and its arguments where the runs are to be short.
 * @type {Readonly<Record<string, { limitSec: number, quick: string[], isNamedOnly?: boolean }>>}
 */
const benches = {
  worker: { limitSec: 180, quick: ["1"] },
  pipeline: { limitSec: 240, quick: ["2"] },
  truth: { limitSec: 180, quick: ["60"] },
  stamps: { limitSec: 240, quick: ["3"] },
  pacing: { limitSec: 480, quick: ["2", "5"] },
  "closed-loop": { limitSec: 120, quick: ["2"] },
  memory: { limitSec: 420, quick: ["5", "500"] },
  credits: { limitSec: 120, quick: ["1"] },
  hosts: { limitSec: 240, quick: ["1"] },
  shards: { limitSec: 180, quick: ["15000"] },
  records: { limitSec: 120, quick: ["10000"] },
  mock: { limitSec: 120, quick: ["1"] },
  parse: { limitSec: 120, quick: ["0.3"] },
  store: { limitSec: 120, quick: ["10000"] },
  summary: { limitSec: 240, quick: ["20000"] },
  dataset: { limitSec: 420, quick: ["20000", "20000", "2000"] },
  grpc: { limitSec: 300, quick: ["1"] },
  small: { limitSec: 120, quick: ["1"] },
  telemetry: { limitSec: 120, quick: ["0.3"] },
  "telemetry-summary": { limitSec: 180, quick: ["30"] },
  // It needs the whole machine, 20 000 descriptors a process and minutes: it runs where it is named.
  streams: { limitSec: 420, quick: ["2000", "2", "2"], isNamedOnly: true },
  // It takes half an hour.
  soak: { limitSec: 2700, quick: ["1", "20"], isNamedOnly: true },
  // It takes as long as its trace.
  replay: { limitSec: 900, quick: ["20000"], isNamedOnly: true },
};

/** @type {import("node:child_process").ChildProcess | undefined} */
let running;
for (const signal of ["SIGINT", "SIGTERM"]) {
  process.once(signal, () => {
    running?.kill("SIGTERM");
    process.exit(130);
  });
}
process.exitCode = await main();

async function main() {
  /** @type {{ type: "boolean", default: boolean }} */
  const off = { type: "boolean", default: false };
  const { values, positionals } = parseArgs({ options: { quick: off, markdown: off }, allowPositionals: true });
  const unknown = positionals.filter((name) => !known.includes(name));
  if (unknown.length > 0) {
    console.error(`unknown bench ${unknown.join(", ")}; there are ${known.join(", ")}`);
    return 2;
  }
  const usual = [...new Set([...Object.keys(benches), ...known])].filter((name) => benches[name]?.isNamedOnly !== true);
  const names = positionals.length > 0 ? positionals : usual;
  const scratch = mkdtempSync(join(tmpdir(), "assay-bench-figures-"));
  const failed = [];
  const file = join(scratch, "figures.jsonl");
  for (const name of names) {
    console.log(`\n${name}`);
    const code = await runBench(name, values.quick, file);
    if (code !== 0 && code !== 1) failed.push(`${name} (${code})`);
  }
  const figures = figuresIn(file);
  rmSync(scratch, { recursive: true });
  console.log(`\n${tableOf(figures)}`);
  if (values.markdown) console.log(`\n${markdownOf(figures)}`);
  const missed = figures.filter((figure) => isMet(figure) === false).length;
  const met = figures.filter((figure) => isMet(figure) === true).length;
  console.log(`${met} bars met, ${missed} missed${failed.length === 0 ? "" : `; not finished: ${failed.join(", ")}`}`);
  return missed > 0 || failed.length > 0 ? 1 : 0;
}

/**
 * Resolves with its exit code, or with why it has none. 1: a bar is missed.
 * @param {string} name
 * @param {boolean} isQuick
 * @param {string} file
 * @returns {Promise<number | string>}
 */
function runBench(name, isQuick, file) {
  const { limitSec, quick } = benches[name] ?? { limitSec: 300, quick: [] };
  const child = spawn(process.execPath, [join(folder, `${name}.ts`), ...(isQuick ? quick : [])], {
    stdio: "inherit",
    env: { ...process.env, [figuresVariable]: file },
  });
  running = child;
  return new Promise((resolve) => {
    /** @type {string | undefined} */
    let why;
    const limit = setTimeout(() => {
      why = `over ${limitSec} s`;
      child.kill("SIGTERM");
      setTimeout(() => child.kill("SIGKILL"), killDelayMs).unref();
    }, limitSec * 1000);
    child.once("error", ({ message }) => resolve(message));
    child.once("exit", (code, signal) => {
      clearTimeout(limit);
      resolve(why ?? code ?? String(signal));
    });
  });
}

/**
 * @param {string} file
 * @returns {(import("../bench/support/figures.ts").Figure & { bench: string })[]}
 */
function figuresIn(file) {
  if (!existsSync(file)) return [];
  // JSON has null for NaN.
  const lines = readFileSync(file, "utf8").trim().split("\n");
  return lines.map((line) => JSON.parse(line, (_, value) => value ?? Number.NaN));
}
