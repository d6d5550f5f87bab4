/** Exporters that die, lie and stall, beside one that does not: what stands in the file and in the exports of their run. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { type Answer, endless, gpuPage, half, hang, html, OddExporter, type Script } from "../support/odd-exporter.ts";
import { type ExportedGpus, exportedGpus, exportedServer, type ScrapedRow, scrapesIn } from "../support/scraped-run.ts";
import { type Command, endsWithinMs, runFile, type Stage, useStages } from "../support/suite.ts";

const hourMs = 3_600_000;
const watts = 100;
/** From this page on counters stand still: what they rose by does not depend on when they are read. */
const lastPage = 12;
const joulesAt = (asked: number): number => 1000 + 10 * Math.min(asked, lastPage);
const allJoules = 10 * lastPage;

const gpu = (uuid: string, energyJ: number) => ({ uuid, powerW: watts, energyJ });
const page = (uuid: string, asked: number): string => gpuPage([gpu(uuid, joulesAt(asked))]);

/** Pages, but for two in a row. */
const but = (uuid: string, odd: (page: string) => Answer): Script => {
  return (asked) => (asked === 3 || asked === 4 ? odd(page(uuid, asked)) : page(uuid, asked));
};

const scripts = {
  steady: (asked) => page("steady", asked),
  killed: (asked) => (asked === 4 ? (_, exporter) => void exporter.die(1000) : page("killed", asked)),
  hanging: (asked) => (asked === 4 ? hang : page("hanging", asked)),
  cut: but("cut", half),
  // What a proxy may make of it: an answer that is whole, of a page that is not.
  shortened: but("shortened", (whole) => whole.slice(0, -4)),
  html: but("html", () => html),
  endless: but("endless", () => endless),
  turned: but("turned", () => "up 1\n"),
  changing: (asked) => {
    const joules = joulesAt(asked);
    const leaves = asked < 4 || asked >= 8 ? [gpu("leaves", joules)] : [];
    return gpuPage([gpu("stays", joules), ...leaves, ...(asked >= 6 ? [gpu("comes", joules)] : [])]);
  },
  reset: (asked) => gpuPage([gpu("reset", asked < 5 ? joulesAt(asked) : joulesAt(asked) - joulesAt(5))]),
  jumping: (asked) => gpuPage([gpu("jumping", joulesAt(asked))], Date.now() + (asked >= 5 && asked < 9 ? hourMs : 0)),
} satisfies Record<string, Script>;

type Name = keyof typeof scripts;
const names = Object.keys(scripts) as Name[];

/** A server whose counters are away for two pages; one comes back as if nothing had been, and one from 0 on. */
const serverScript: Script = (asked) => {
  const counted = joulesAt(asked);
  const lost = asked < 4 ? counted : counted - joulesAt(6);
  const away = ["# TYPE kept_total counter", `kept_total ${counted}`, "# TYPE lost_total counter", `lost_total ${lost}`];
  return [...(asked === 4 || asked === 5 ? [] : away), "# TYPE whole_total counter", `whole_total ${counted}`, ""].join("\n");
};

interface Seen extends ExportedGpus {
  readonly scrapes: Readonly<Record<Name, readonly ScrapedRow[]>>;
  readonly server: Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** What went out of each endless answer. */
  readonly endlessBytes: readonly number[];
  /** The most memory that the suite's process has had. */
  readonly peakBytes: number;
}

function start(stage: Stage, url: string, telemetry: readonly string[], env: Readonly<Record<string, string>> = {}): Command {
  const load = ["--concurrency", "4", "--workers-max", "2", "--isl", "16", "--osl", "16"];
  const kept = ["--no-probe", "--artifact-dir", "out", "--log-file", "suite.log", "--quiet"];
  const run = ["run", "-m", "mock", "-u", url, "--streaming", ...load, ...kept, "--telemetry-interval", "100"];
  return stage.start([...run, ...telemetry], stage.folder, env);
}

async function seenOf(stage: Stage): Promise<Seen> {
  const mock = await stage.mock();
  const isUnderLoad = (): boolean => mock.stats().requests > 0;
  const exporters = await Promise.all(names.map((name) => OddExporter.start(scripts[name], isUnderLoad)));
  const server = await OddExporter.start(serverScript, isUnderLoad);
  try {
    const pages = ["--gpu-telemetry", ...exporters.map(({ url }) => url), "--server-metrics", server.url];
    const duration = ["--benchmark-duration", "4"];
    const command = start(stage, mock.url, [...pages, ...duration]);
    const peakBytes = await peakOf(command);
    for (const [at, name] of names.entries()) expect(exporters[at]?.asked, `pages of ${name}`).to.be.at.least(lastPage);
    const folder = join(stage.folder, "out");
    return {
      ...exportedGpus(folder),
      scrapes: scrapesBy((at) => scrapesIn(folder, exporters[at]?.url ?? "")),
      server: Object.fromEntries(["kept", "lost", "whole"].map((metric) => [metric, exportedServer(folder, metric)])),
      endlessBytes: exporters.flatMap(({ endless: sent }) => sent),
      peakBytes,
    };
  } finally {
    await Promise.all([...exporters, server].map((exporter) => exporter.close()));
  }
}

function scrapesBy(scrapesOf: (at: number) => readonly ScrapedRow[]): Seen["scrapes"] {
  return Object.fromEntries(names.map((name, at) => [name, scrapesOf(at)] as const)) as unknown as Seen["scrapes"];
}

/** Lets a command end well; the most memory that its suite has had, in bytes. */
async function peakOf(command: Command): Promise<number> {
  let peakKib = 0;
  const timer = setInterval(() => {
    for (const pid of command.pids("suite")) peakKib = Math.max(peakKib, peakKibOf(pid));
  }, 100);
  const { code, stderr } = await command.exit().finally(() => clearInterval(timer));
  expect(code, stderr).to.equal(0);
  return 1024 * peakKib;
}

function peakKibOf(pid: number): number {
  try {
    return Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0);
  } catch {
    // It has ended in the meantime.
    return 0;
  }
}

const gapsOf = (rows: readonly ScrapedRow[]) => rows.filter(({ gap }) => gap !== null);
/** Readings of one page from the first gap of another to its first reading afterwards. */
const during = (rows: readonly ScrapedRow[], other: readonly ScrapedRow[]) => {
  const fromNs = gapsOf(other)[0]?.startNs ?? 0;
  const toNs = other.find(({ gap, endNs }) => gap === null && endNs > fromNs)?.startNs ?? 0;
  return rows.filter(({ gap, endNs }) => gap === null && endNs > fromNs && endNs < toNs);
};
const joulesOf = ({ gpus }: Seen, uuid: string): number => Math.round(1e6 * (gpus[uuid]?.nvidia_energy_consumption?.avg ?? 0));

describe("telemetry of exporters in trouble", function () {
  this.timeout(4 * endsWithinMs);
  const test = useStages();
  const seen = Promise.withResolvers<Seen>();
  // Who waits for it is told; the first test is its own.
  seen.promise.catch(() => {});

  test("does not fail the run, nor keep what nobody said: power is what whole pages say", async (stage) => {
    await seenOf(stage).then(seen.resolve, seen.reject);
    const { gpus, scrapes } = await seen.promise;
    expect(Object.keys(gpus)).to.have.members([...names.filter((name) => name !== "changing"), "stays", "leaves", "comes"]);
    for (const [uuid, { nvidia_power_usage: power }] of Object.entries(gpus)) {
      expect(power, uuid).to.include({ avg: watts, std: 0 });
    }
    for (const name of names) {
      for (const { gap, values } of scrapes[name]) expect(gap === null, name).to.equal(values.length > 0);
    }
  });

  it("marks the time in which an exporter is dead, asks ever less often, and counts energy on from the restart", async () => {
    const all = await seen.promise;
    const { killed, steady } = all.scrapes;
    const gaps = gapsOf(killed);
    expect(gaps.length).to.be.at.least(3);
    for (const { gap } of gaps.slice(1)) expect(gap).to.include("ECONNREFUSED");
    // One gap, with nothing in it.
    expect(killed.slice(killed.indexOf(gaps[0] as ScrapedRow)).slice(0, gaps.length)).to.deep.equal(gaps);
    expect(gaps.length).to.be.below(during(steady, killed).length / 2);
    expect(killed.at(-1)?.gap).to.equal(null);
    expect(all.errors.some(({ message }) => message.includes("ECONNREFUSED"))).to.equal(true);
    expect(joulesOf(all, "killed")).to.equal(allJoules);
  });

  it("lets an exporter that hangs delay nobody", async () => {
    const all = await seen.promise;
    const gaps = gapsOf(all.scrapes.hanging);
    expect(gaps.map(({ gap }) => gap)).to.deep.equal(["no page within 2000 ms"]);
    expect(during(all.scrapes.steady, all.scrapes.hanging).length).to.be.at.least(4);
    expect(gapsOf(all.scrapes.steady)).to.deep.equal([]);
    expect(joulesOf(all, "hanging")).to.equal(allJoules);
  });

  const garbled: readonly (readonly [Name, string, RegExp])[] = [
    ["cut", "half a page and a cut connection", /other side closed|terminated|ECONNRESET|aborted/],
    ["shortened", "a page without its end", /not in the Prometheus text format: line \d+.*end of the line, got nothing/],
    ["html", "HTML", /the answer is an HTML page, not metrics/],
    ["endless", "1 GB", /page is larger than 16777216 bytes/],
    ["turned", "a server's page in its place", /page of server metrics, and of no dcgm ones/],
  ];
  for (const [name, what, reason] of garbled) {
    it(`takes nothing of ${what}, and reads on afterwards`, async () => {
      const all = await seen.promise;
      const gaps = gapsOf(all.scrapes[name]);
      expect(gaps).to.have.lengthOf(2);
      for (const { gap } of gaps) expect(gap).to.match(reason);
      expect(joulesOf(all, name)).to.equal(allJoules);
      const said = all.errors.filter(({ message }) => reason.test(message));
      expect(said.reduce((sum, { count }) => sum + count, 0)).to.be.at.least(2);
    });
  }

  it("stops reading at the limit, and has no more memory than that takes", async () => {
    const { endlessBytes, peakBytes } = await seen.promise;
    expect(endlessBytes).to.have.lengthOf(2);
    // The limit of 16 MiB, and what the buffers of both ends hold.
    for (const bytes of endlessBytes) expect(bytes).to.be.below(64e6);
    expect(peakBytes).to.be.within(1, 700e6);
  });

  it("counts a GPU from its first page to its last, and not over the time that it was away", async () => {
    const all = await seen.promise;
    expect(gapsOf(all.scrapes.changing)).to.deep.equal([]);
    expect(["stays", "leaves", "comes"].map((uuid) => joulesOf(all, uuid))).to.deep.equal([120, 70, 60]);
    const { stays = 0, leaves = 0, comes = 0 } = all.lines;
    expect([stays - leaves, stays - comes >= 6]).to.deep.equal([4, true]);
  });

  it("leaves out the step in which an energy counter was set back, and says so", async () => {
    const all = await seen.promise;
    expect(joulesOf(all, "reset")).to.equal(allJoules - 10);
    // The one that was set back, and the one that was away.
    expect(all.notes.join()).to.include("2 of 13 GPUs: the energy counter was set back or absent 1 times");
  });

  it("leaves out what a server's counter does while the page is without it, wherever it goes on", async () => {
    const { server } = await seen.promise;
    expect(server.whole).to.include({ total: allJoules }).and.not.have.property("resets");
    expect(server.kept).to.include({ total: allJoules - 30, resets: 1 });
    expect(server.lost).to.include({ total: allJoules - 30, resets: 1 });
  });

  it("keeps to its own clock where a page's own times jump by an hour, and back", async () => {
    const all = await seen.promise;
    const { jumping, steady } = all.scrapes;
    const ahead = jumping.map(({ aheadNs }) => Math.round((aheadNs ?? Number.NaN) / 60e9));
    expect(new Set(ahead)).to.deep.equal(new Set([0, 60]));
    expect(gapsOf(jumping)).to.deep.equal([]);
    expect(joulesOf(all, "jumping")).to.equal(allJoules);
    const [first, last] = [steady.at(0)?.startNs ?? 0, steady.at(-1)?.endNs ?? 0];
    for (const { startNs, endNs } of jumping) expect(endNs - startNs).to.be.within(0, last - first);
  });

  test("ends with a source that never answers again, while this host's wall clock jumps by an hour", async (stage) => {
    const mock = await stage.mock();
    const isUnderLoad = (): boolean => mock.stats().requests > 0;
    const jumped = join(stage.folder, "jumped");
    const preload = join(stage.folder, "jump.cjs");
    writeFileSync(preload, jumpingClock(jumped));
    const steady = await OddExporter.start(scripts.steady, isUnderLoad);
    const stuck = await OddExporter.start((asked) => {
      if (asked > 2) writeFileSync(jumped, "");
      return asked > 2 ? hang : page("stuck", asked);
    }, isUnderLoad);
    try {
      const pages = ["--gpu-telemetry", steady.url, stuck.url, "--benchmark-duration", "2.5"];
      const command = start(stage, mock.url, pages, { NODE_OPTIONS: `--require=${preload}` });
      const { code, stderr } = await command.exit();
      expect(code, stderr).to.equal(0);
      const folder = join(stage.folder, "out");
      const { state, errors } = runFile(folder);
      expect(state).to.equal("COMPLETED");
      // A jump looks like a sleep of the machine to workers, which do not send what was due before it.
      expect(["", "fenced"]).to.include.members(Object.keys(errors));
      const profile = JSON.parse(readFileSync(join(folder, "profile_export_aiperf.json"), "utf8"));
      expect(profile.benchmark_duration.avg).to.be.within(1, 600);
      expect(profile.request_latency.max).to.be.below(600_000);
      const rows = scrapesIn(folder, steady.url);
      expect(gapsOf(rows)).to.deep.equal([]);
      expect((rows.at(-1)?.endNs ?? 0) - (rows.at(0)?.startNs ?? 0)).to.be.within(1e9, 600e9);
      expect(exportedGpus(folder).gpus.steady?.nvidia_energy_consumption?.avg).to.be.closeTo(1e-6 * allJoules, 1e-9);
      const told = readFileSync(`${jumped}.told`, "utf8");
      for (const services of ["controller", "timing", "records-manager", "worker"]) expect(told).to.include(`=${services}`);
    } finally {
      await Promise.all([steady, stuck].map((exporter) => exporter.close()));
    }
  });
});

/** A module that has `Date` say an hour more in its process, once a file is there; who has it adds a line to another one. */
function jumpingClock(file: string): string {
  return `const { appendFileSync, existsSync } = require("node:fs");
const RealDate = Date;
let hasJumped = false;
let lookedMs = 0;
const aheadMs = () => {
  if (!hasJumped && performance.now() - lookedMs > 20) {
    lookedMs = performance.now();
    hasJumped = existsSync(${JSON.stringify(file)});
    if (hasJumped) appendFileSync(${JSON.stringify(`${file}.told`)}, process.argv.join(" ") + "\\n");
  }
  return hasJumped ? ${hourMs} : 0;
};
globalThis.Date = class Date extends RealDate {
  constructor(...given) {
    super(...(given.length === 0 ? [RealDate.now() + aheadMs()] : given));
  }
  static now() {
    return RealDate.now() + aheadMs();
  }
};
`;
}
