import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { UrlStrategy } from "../../gen/assay/common/v1/run_spec_pb.js";
import { randomStream } from "../../services/common/random.ts";
import { TargetLoads, targetChoice } from "../../services/timing/core/targets.ts";
import { startRecordingServer } from "../support/recording-server.ts";
import { endsWithinMs, expectReconciled, rowsIn, runFile, type Stage, useStages } from "../support/suite.ts";

const requests = 60;
/** As the stage's own runs have it. */
const seed = 7;

interface Told {
  readonly phases: readonly {
    readonly targets: readonly { readonly label: string; readonly succeeded: number; readonly errored: number }[];
  }[];
}

/** Requests that each of two servers, the second of them slow, has seen of a run, and what the run tells of them. */
async function playTwo(stage: Stage, ...args: readonly string[]): Promise<{ seen: number[]; told: Told }> {
  const mocks = [await stage.mock({ ttftMs: 5, itlMs: 1 }), await stage.mock({ ttftMs: 150, itlMs: 1 })];
  const urls = mocks.slice(1).flatMap(({ url }) => ["-u", url]);
  const command = stage.run(mocks[0] as never, ...urls, "--request-count", String(requests), "--no-probe", "--json", ...args);
  const { code, stderr, stdout } = await command.exit();
  expect(code, stderr).to.equal(0);
  const seen = mocks.map((mock) => mock.stats().requests);
  expectReconciled(runFile(join(stage.folder, "out")), { requests: seen.reduce((sum, count) => sum + count, 0) });
  const told = JSON.parse(stdout) as Told;
  expect(told.phases[0]?.targets.map(({ label, succeeded }) => [label, succeeded])).to.deep.equal(
    mocks.map(({ url }, index) => [url, seen[index]]),
  );
  return { seen, told };
}

describe("a run against several targets", function () {
  this.timeout(4 * endsWithinMs);
  const test = useStages();

  test("asks them in turn and tells them apart", async (stage) => {
    const { seen } = await playTwo(stage);
    expect(seen).to.deep.equal([requests / 2, requests / 2]);
    const text = readFileSync(join(stage.folder, "out/profile_export_console.txt"), "utf8");
    expect(text).to.match(/Targets[\s\S]*Succeeded[\s\S]*│ +30 │ +0 │ 50\.0 % │/);
    const file = JSON.parse(readFileSync(join(stage.folder, "out/profile_export_aiperf.json"), "utf8"));
    expect(file.assay.phases[0].targets[1].request_latency.p50).to.be.above(150);
  });

  test("asks most of the one that answers fastest, where load decides", async (stage) => {
    const { seen } = await playTwo(stage, "--url-strategy", "least_loaded");
    expect(seen[0]).to.be.above(requests / 2 + 5);
    expect(seen[1]).to.be.above(0);
  });

  test("asks hardly anything of one that is not there, where load decides, though it answers fastest", async (stage) => {
    const mock = await stage.mock({ ttftMs: 5, itlMs: 1 });
    const gone = await stage.mock();
    await gone.stop();
    const command = stage.run(
      mock,
      "-u",
      gone.url,
      "--url-strategy",
      "least_loaded",
      "--request-count",
      "400",
      "--no-probe",
      "--json",
    );
    const { code, stderr, stdout } = await command.exit();
    expect(code, stderr).to.equal(0);
    const told = JSON.parse(stdout) as Told;
    const [good, bad] = told.phases[0]?.targets ?? [];
    expect((good?.succeeded ?? 0) + (bad?.errored ?? 0)).to.equal(400);
    // The first ones went out before any was back, and a try every 129 requests follows.
    expect(bad?.errored).to.be.within(1, 40);
  });

  test("draws them by weight, as the seed says", async (stage) => {
    const random = randomStream(seed, "targets", 0);
    const choose = targetChoice({
      strategy: UrlStrategy.WEIGHTED,
      urls: [{ weight: 3 }, { weight: 1 }],
      loads: new TargetLoads(2),
      random: () => random.next(),
      orderOf: () => [0, 1],
    });
    const drawn = Array.from({ length: requests }, () => choose({ session: 0, conversation: 0 }));
    const { seen } = await playTwo(stage, "--url-strategy", "weighted", "--url-weights", "3,1");
    expect(seen[1]).to.equal(drawn.filter((target) => target === 1).length);
  });

  test("keeps every conversation on one of them", async (stage) => {
    // Three conversations: the first and the third are the first target's.
    const { seen } = await playTwo(stage, "--url-strategy", "session", "--num-prompts", "3");
    expect(seen).to.deep.equal([(2 * requests) / 3, requests / 3]);
  });

  test("keeps each session on one of them, and on a connection of its own where that is asked for", async (stage) => {
    const servers = [await startRecordingServer(["a"]), await startRecordingServer(["b"])];
    try {
      const sessions = ["--conversation-turn-mean", "3", "--num-sessions", "10", "--concurrency", "4"];
      const urls = servers.slice(1).flatMap(({ url }) => ["-u", url]);
      const sticky = ["--connection-reuse-strategy", "sticky-user-sessions", "--no-probe", "--osl", "4"];
      const { code, stderr } = await stage.run(servers[0] as never, ...urls, ...sessions, ...sticky).exit();
      expect(code, stderr).to.equal(0);
      const seen = servers.flatMap(({ url, requests: asked }) =>
        asked.map(({ headers, fromPort }) => ({ session: headers["x-correlation-id"], connection: `${url} ${fromPort}` })),
      );
      expect(seen).to.have.lengthOf(30);
      const pairs = new Set(seen.map(({ session, connection }) => `${session} ${connection}`));
      const bySession = new Set(seen.map(({ session }) => session));
      const byConnection = new Set(seen.map(({ connection }) => connection));
      expect([bySession.size, byConnection.size, pairs.size]).to.deep.equal([10, 10, 10]);
      expect(servers.map((server) => server.requests.length)).to.deep.equal([15, 15]);
    } finally {
      await Promise.all(servers.map((server) => server.close()));
    }
  });

  test("leaves one of them that dies its share of the requests, which fail", async (stage) => {
    const mocks = [await stage.mock({ ttftMs: 30 }), await stage.mock({ ttftMs: 30 })];
    const urls = mocks.slice(1).flatMap(({ url }) => ["-u", url]);
    const out = join(stage.folder, "out");
    const command = stage.run(mocks[0] as never, ...urls, "--request-count", "200", "--no-probe", "--json");
    await command.until("rows of a run under way", () => rowsIn(out) >= 20);
    await mocks[1]?.stop();
    const { code, stdout, stderr } = await command.exit();
    expect(code, stderr).to.equal(4);
    const [alive, dead] = (JSON.parse(stdout) as Told).phases[0]?.targets ?? [];
    expect([alive?.succeeded, alive?.errored]).to.deep.equal([100, 0]);
    expect((dead?.succeeded ?? 0) + (dead?.errored ?? 0)).to.equal(100);
    expect(dead?.errored).to.be.above(0);
  });

  test("fails before its first request when one of them is not there, and names it", async (stage) => {
    const mock = await stage.mock();
    const { code, stderr } = await stage.run(mock, "-u", "http://127.0.0.1:1", "--ui", "none").exit();
    expect(code, stderr).to.equal(1);
    expect(stderr).to.match(
      /^assay run: the run failed: target not ready: GET http:\/\/127\.0\.0\.1:1\/v1\/models: connect_refused: .*\n$/,
    );
    expect(runFile(join(stage.folder, "out"))).to.include({ state: "FAILED", rows: 0 });
  });
});
