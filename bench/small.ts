/**
 * A small run from the shell prompt to the table: 20 requests, 4 at once, against a running local server.
 * `node bench/small.ts [repetitions]`. Prints the median and where the time goes; exit code 1 when a bar is missed.
 */
import Table from "cli-table3";
import { ensureBuilt, type FinishedRun, machineLine, openRun, runAssay, startServer } from "./support/assay.ts";
import { addFigures } from "./support/figures.ts";

const bars = { sec: 1.2, pssMb: 350 };
const repetitions = Number(process.argv[2] ?? 7);

ensureBuilt();
process.stdout.write(machineLine());
const server = await startServer(["--ttft", "10", "--itl", "2", "--osl", "16"]);
const args = [
  "-m",
  "mock-model",
  "-u",
  server.url,
  "--streaming",
  "--concurrency",
  "4",
  "--request-count",
  "20",
  "--isl",
  "64",
  "--osl",
  "16",
];
const runs: (FinishedRun & { steps: Map<string, number> })[] = [];
for (let index = 0; index < repetitions; index++) {
  const run = await runAssay(args);
  runs.push({ ...run, steps: stepsOf(run) });
  run.discard();
}
const sampled = await runAssay(args, { isMemorySampled: true });
sampled.discard();
await server.stop();

const bySec = [...runs].sort((a, b) => a.tableNs - a.startNs - (b.tableNs - b.startNs));
const median = bySec[Math.floor(bySec.length / 2)];
if (median === undefined) throw new Error("no run");
const sec = (median.tableNs - median.startNs) / 1e9;
const pssMb = sampled.peakPssBytes / 2 ** 20;

const table = new Table({ head: ["figure", "measured", "bar", "AIPerf 0.13", "met"], style: { head: [], border: [] } });
table.push(
  ["prompt to table, median", `${sec.toFixed(2)} s`, `${bars.sec} s`, "4.9 s", sec <= bars.sec ? "yes" : "no"],
  [
    "fastest, slowest (s)",
    bySec
      .map((run) => ((run.tableNs - run.startNs) / 1e9).toFixed(2))
      .filter((_, at) => at === 0 || at === bySec.length - 1)
      .join(", "),
    "",
    "",
    "",
  ],
  ["prompt to prompt, same run", `${((median.endNs - median.startNs) / 1e9).toFixed(2)} s`, "", "", ""],
  [
    "memory of all processes (PSS)",
    `${pssMb.toFixed(0)} MB in ${sampled.processes}`,
    `${bars.pssMb} MB`,
    "592 MB",
    pssMb <= bars.pssMb ? "yes" : "no",
  ],
);
process.stdout.write(`${table}\n`);

const steps = new Table({ head: ["until", "ms after the prompt", "took ms"], style: { head: [], border: [] } });
let before = 0;
for (const [name, atMs] of median.steps) {
  steps.push([name, atMs.toFixed(0), (atMs - before).toFixed(0)]);
  before = atMs;
}
process.stdout.write(`${steps}\n`);
addFigures("small", [
  { figure: "20 requests, prompt to table", measured: sec, unit: "s", bar: { of: "figure", atMost: bars.sec } },
  { figure: "memory of all processes", measured: pssMb, unit: "MB", bar: { of: "figure", atMost: bars.pssMb } },
]);
if (runs.some(({ exitCode }) => exitCode !== 0)) process.exitCode = 1;

/** Moments of a run, in ms after its process was started, in order. Events are stamped with the same clock as the bench reads. */
function stepsOf(run: FinishedRun): Map<string, number> {
  const db = openRun(run.folder);
  const events = db.prepare("SELECT kind, message, ns FROM events ORDER BY ns").all() as {
    kind: string;
    message: string;
    ns: number;
  }[];
  const span = db.prepare("SELECT min(sent_ns) AS first, max(sent_ns + end_ns) AS last FROM requests").get() as {
    first: number;
    last: number;
  };
  db.close();
  const at = (kind: string, message?: string): number =>
    events.find((event) => event.kind === kind && (message === undefined || event.message === message))?.ns ?? Number.NaN;
  const moments: [string, number][] = [
    ["the run is created (processes are up)", at("state", "state CONFIGURING")],
    ["all members are ready", at("state", "state READY")],
    ["the first request is sent", span.first],
    ["the last answer is there", span.last],
    ["the account is closed", at("records_complete")],
    ["the table is printed", run.tableNs],
    ["every process has ended", run.endNs],
  ];
  return new Map(moments.map(([name, ns]) => [name, (ns - run.startNs) / 1e6]));
}
