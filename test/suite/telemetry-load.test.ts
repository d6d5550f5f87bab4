/** GPUs of the built-in server, whose power follows its load: what a run says of them, beside what their pages say to somebody else. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import Database from "better-sqlite3";
import { expect } from "chai";
import { monotonicNs } from "../../services/common/clock.ts";
import { sumOf } from "../real/metrics-page.ts";
import { endsWithinMs, useStages } from "../support/suite.ts";

const concurrencies = [1, 4, 16] as const;
/** Answers take two seconds: what a busy machine puts between them does not count beside that. */
const requestsEach = { 1: 2, 4: 8, 16: 32 } as const;
const tokensEach = 20;
const pollMs = 20;

const file = `models: [mock]
endpoint: { streaming: true, use_server_token_count: true }
dataset: { synthetic: { input_tokens: { mean: 20 }, output_tokens: { mean: ${tokensEach} } } }
phases:
${concurrencies
  .map(
    (limit) =>
      `  - { name: c${limit}, kind: PHASE_KIND_PROFILING, concurrency: { limit: ${limit} }, stop: { request_count: ${requestsEach[limit]} } }`,
  )
  .join("\n")}
`;

interface Timeline {
  readonly buckets: readonly { readonly in_flight: number }[];
  readonly series: readonly { readonly buckets: readonly number[]; readonly mean: readonly number[] }[];
}

/** Reads the energy of all GPUs now and then until it is stopped; ends with what it has read: moments, and joules. */
async function energyWatched(url: string, signal: AbortSignal): Promise<(readonly [ns: number, joules: number])[]> {
  const seen: (readonly [number, number])[] = [];
  while (!signal.aborted) {
    const page = await (await fetch(url, { signal: AbortSignal.timeout(5000) })).text();
    seen.push([monotonicNs(), sumOf(page, "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION") / 1000]);
    await delay(pollMs, undefined, { signal }).catch(() => {});
  }
  return seen;
}

/** On the line between the readings before and after. */
function energyAt(seen: readonly (readonly [ns: number, joules: number])[], ns: number): number {
  const after = seen.findIndex(([readNs]) => readNs >= ns);
  const [[fromNs, from], [toNs, to]] = [
    seen[after - 1] ?? expect.fail("not read before"),
    seen[after] ?? expect.fail("not read after"),
  ];
  return from + ((to - from) * (ns - fromNs)) / (toNs - fromNs);
}

/** When the GPUs were scraped that a phase's energy is counted from and to: at its start or just before, at its end or just after. */
function enclosingScrapes(database: string, phase: string): [startNs: number, endNs: number] {
  const db = new Database(database, { readonly: true });
  try {
    const scrapes = "FROM samples JOIN sources USING (source), phases WHERE sources.kind = 'dcgm' AND phases.name = ?";
    const one = (what: string): number => db.prepare(`SELECT ${what}`).pluck().get(phase) as number;
    return [one(`max(end_ns) ${scrapes} AND end_ns <= started_ns`), one(`min(end_ns) ${scrapes} AND end_ns >= ended_ns`)];
  } finally {
    db.close();
  }
}

/** Cells of the rows of the table with this title. */
function tableOf(stdout: string, title: string): string[][] {
  const lines = stdout.split("\n");
  const start = lines.findIndex((line) => line.trim() === title);
  expect(start, `${title} in ${stdout}`).to.be.at.least(0);
  const end = lines.findIndex((line, at) => at > start && line.startsWith("└"));
  return lines.slice(start, end).flatMap((line) =>
    line.startsWith("│")
      ? [
          line
            .split("│")
            .slice(1, -1)
            .map((cell) => cell.trim()),
        ]
      : [],
  );
}

const numberIn = (cell: string | undefined): number => Number(cell?.replaceAll(",", ""));
const meanOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

describe("GPUs beside their load", function () {
  this.timeout(3 * endsWithinMs);
  const test = useStages();

  test("have more power with more concurrency, and the energy for each token that their own counters say", async (stage) => {
    const mock = await stage.mock({ ttftMs: 20, itlMs: 100, dcgmIntervalMs: 5 });
    writeFileSync(join(stage.folder, "run.yaml"), file);
    const telemetry = ["--gpu-telemetry", mock.dcgmUrl, "--telemetry-interval", "50", "--no-probe"];
    const command = stage.start(["run", "-f", "run.yaml", "-u", mock.url, ...telemetry, "--artifact-dir", "out"]);
    const over = new AbortController();
    const watching = energyWatched(mock.dcgmUrl, over.signal);
    const { code, stdout, stderr } = await command.exit().finally(() => over.abort());
    const seen = await watching;
    expect(code, stderr).to.equal(0);

    const tables = concurrencies.map((limit) => tableOf(stdout, `Assay | GPU Telemetry: c${limit}`));
    for (const rows of tables)
      expect(rows.map(([host, gpu]) => [host, gpu])).to.deep.equal([
        ["mock", "0"],
        ["mock", "1"],
      ]);
    for (const column of [3, 5]) {
      const [low = 0, middle = 0, high = 0] = tables.map((rows) => meanOf(rows.map((row) => numberIn(row[column]))));
      expect(middle, `column ${column} of ${stdout}`).to.be.above(1.2 * low);
      expect(high).to.be.above(1.2 * middle);
    }

    const timeline = await stage
      .start(["runs", "timeline", "out", "--step", "250ms", "--series", "nvidia_power_usage", "--json"])
      .exit();
    expect(timeline.code, timeline.stderr).to.equal(0);
    const { buckets, series } = JSON.parse(timeline.stdout) as Timeline;
    const powerAt = (limit: number): number => {
      const found = series.flatMap(({ buckets: known, mean }) =>
        mean.filter((_, at) => Math.abs((buckets[known[at] ?? -1]?.in_flight ?? 0) - limit) < 0.1 * limit),
      );
      expect(found, `${limit} in flight: ${timeline.stdout}`).not.to.be.empty;
      return meanOf(found);
    };
    expect(powerAt(4)).to.be.above(1.2 * powerAt(1));
    expect(powerAt(16)).to.be.above(1.2 * powerAt(4));

    const [startNs, endNs] = enclosingScrapes(join(stage.folder, "out/run.db"), "c16");
    const joules = energyAt(seen, endNs) - energyAt(seen, startNs);
    const efficiency = tableOf(stdout, "Assay | NVIDIA GPU Power Efficiency: c16");
    const told = numberIn(efficiency.find(([name]) => name?.startsWith("Energy per Output Token"))?.[1]);
    const counted = (1000 * joules) / (requestsEach[16] * tokensEach);
    expect(told / counted, `told ${told} mJ a token, counted ${counted}`).to.be.closeTo(1, 0.01);
  });
});
