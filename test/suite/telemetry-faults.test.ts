/** Exporters that die, lie and stall, beside one that does not: what stands in the file and in the exports of their run. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { type Answer, endless, gpuPage, half, hang, html, OddExporter, type Script } from "../support/odd-exporter.ts";
import { type ExportedGpus, exportedGpus, exportedServer, type ScrapedRow, scrapesIn } from "../support/scraped-run.ts";
import { type Command, endsWithinMs, type RunFile, runFile, type Stage, useStages } from "../support/suite.ts";

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
  killed: (asked) => (asked === 4 ? (_, exporter) => void exporter.die(2000) : page("killed", asked)),
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

interface Seen extends ExportedGpus, Pick<RunFile, "state"> {
  readonly failed: RunFile["errors"];
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
    const command = start(stage, mock.url, [...pages, "--benchmark-duration", "600"]);
    const isDone = (): boolean => [...exporters, server].every(({ asked }) => asked > lastPage);
    let peakBytes = 0;
    await endWhen(command, () => {
      if (isDone()) peakBytes = 1024 * peakKibOf(command.pidOf("suite"));
      return peakBytes > 0;
    });
    const folder = join(stage.folder, "out");
    const { state, errors: failed } = runFile(folder);
    return {
      state,
      failed,
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

/** Ends a run in order when it is done. */
async function endWhen(command: Command, isDone: () => boolean): Promise<void> {
  await command.until("every exporter to be at its end", isDone, 2 * endsWithinMs);
  command.signal("SIGINT", command.pid);
  const { code, stderr } = await command.exit();
  expect(code, stderr).to.equal(130);
}

function peakKibOf(pid: number): number {
  return Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0);
}

const readIn = (rows: readonly ScrapedRow[], fromNs = 0, toNs = 0) =>
  rows.filter(({ gap, endNs }) => gap === null && endNs > fromNs && endNs < toNs);
const joulesOf = ({ gpus }: Seen, uuid: string): number => Math.round(1e6 * (gpus[uuid]?.nvidia_energy_consumption?.avg ?? 0));

describe("telemetry of exporters in trouble", function () {
  this.timeout(4 * endsWithinMs);
  const test = useStages();
  const seen = Promise.withResolvers<Seen>();
  // Who waits for it is told; the first test is its own.
  seen.promise.catch(() => {});

  test("does not fail the run, nor keep what nobody said: power is what whole pages say", async (stage) => {
    await seenOf(stage).then(seen.resolve, seen.reject);
    const { gpus, scrapes, state, failed } = await seen.promise;
    expect([state, Object.keys(failed)]).to.deep.equal(["CANCELLED", [""]]);
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
    const refused = killed.filter(({ gap }) => gap?.includes("ECONNREFUSED"));
    const [first, last] = [refused.at(0)?.startNs, refused.at(-1)?.endNs];
    expect(readIn(killed, first, last)).to.deep.equal([]);
    const again = killed.find(({ gap, endNs }) => gap === null && endNs > (last ?? 0));
    expect(refused.length).to.be.within(1, readIn(steady, first, again?.startNs).length - 1);
    expect(killed.at(-1)?.gap).to.equal(null);
    expect(all.errors.some(({ message }) => message.includes("ECONNREFUSED"))).to.equal(true);
    expect(joulesOf(all, "killed")).to.equal(allJoules);
  });

  it("lets an exporter that hangs delay nobody", async () => {
    const all = await seen.promise;
    const { hanging, steady } = all.scrapes;
    const hung = hanging.filter(({ gap }) => gap === "no page within 2000 ms");
    const meanwhile = hung.map(({ startNs, endNs }) => readIn(steady, startNs, endNs).length);
    expect(Math.max(...meanwhile)).to.be.at.least(4);
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
      expect(all.scrapes[name].some(({ gap }) => reason.test(gap ?? ""))).to.equal(true);
      expect(joulesOf(all, name)).to.equal(allJoules);
      expect(all.errors.some(({ message }) => reason.test(message))).to.equal(true);
    });
  }

  it("stops reading at the limit, and has no more memory than that takes", async () => {
    const { endlessBytes, peakBytes } = await seen.promise;
    expect(endlessBytes).not.to.be.empty;
    // The limit of 16 MiB, and what the buffers of both ends hold.
    for (const bytes of endlessBytes) expect(bytes).to.be.below(64e6);
    expect(peakBytes).to.be.within(1, 700e6);
  });

  it("counts a GPU from its first page to its last, and not over the time that it was away", async () => {
    const all = await seen.promise;
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
    const ahead = jumping.flatMap(({ aheadNs }) => (aheadNs === null ? [] : Math.round(aheadNs / 60e9)));
    expect(new Set(ahead)).to.deep.equal(new Set([0, 60]));
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
      const pages = ["--gpu-telemetry", steady.url, stuck.url, "--benchmark-duration", "600"];
      const command = start(stage, mock.url, pages, { NODE_OPTIONS: `--require=${preload}` });
      await endWhen(command, () => steady.asked > lastPage && stuck.asked > 2);
      const folder = join(stage.folder, "out");
      const { state, errors } = runFile(folder);
      expect(state).to.equal("CANCELLED");
      // A jump looks like a sleep of the machine to workers, which do not send what was due before it.
      expect(["", "fenced"]).to.include.members(Object.keys(errors));
      const profile = JSON.parse(readFileSync(join(folder, "profile_export_aiperf.json"), "utf8"));
      expect(profile.benchmark_duration.avg).to.be.within(0, 600);
      expect(profile.request_latency.max).to.be.below(600_000);
      const rows = scrapesIn(folder, steady.url);
      expect((rows.at(-1)?.endNs ?? 0) - (rows.at(0)?.startNs ?? 0)).to.be.within(1, 600e9);
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
