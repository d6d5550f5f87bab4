import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import { expect } from "chai";
import { PhaseKind, ServiceKind } from "../../../gen/assay/common/v1/common_pb.js";
import { RunState } from "../../../gen/assay/controller/v1/controller_pb.js";
import { CommandSchema, RunService } from "../../../gen/assay/controller/v1/controller_service_pb.js";
import { silentLogger } from "../../../services/common/logger.ts";
import type { ServiceModule } from "../../../services/common/module.ts";
import { createClient } from "../../../services/common/rpc/client.ts";
import { createRpcServer, type RpcServer } from "../../../services/common/rpc/server.ts";
import type { Members } from "../../../services/controller/members.ts";
import type { Runs } from "../../../services/controller/runs.ts";
import { createControllerServices } from "../../../services/controller/service.ts";
import { createDatasetModule } from "../../../services/dataset/module.ts";
import { closePhases, endPhase, FakeMember, playPhases, startPhase } from "../../support/fake-member.ts";
import { failureOf, until } from "../rpc/harness.ts";
import { QUICK, type SpecInit, specOf, TestSuite } from "./suite.ts";

const done = { case: undefined } as const;

/** A controller and a real dataset service; the other members are played. */
describe("a run whose spec names files", () => {
  let suite: TestSuite;
  let folder: string;
  let module: ServiceModule;
  let server: RpcServer;
  let dataset: FakeMember;
  let timing: FakeMember;
  const members: FakeMember[] = [];

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "assay-ahead-"));
    // Reading is done in this process, too: on a busy machine its members are silent for seconds.
    const patience = { brokenForNs: 0.3e9, silentForNs: 20e9 };
    suite = await TestSuite.start({ timeouts: { ...QUICK, datasetMs: 10_000 }, patience });
    module = createDatasetModule({ keptDatasets: 4, limits: { root: folder, maxFileBytes: 1 << 28 } });
    server = createRpcServer({ services: [...module.implementations], listen: {}, auth: { insecure: true }, log: silentLogger });
    const { address } = await server.start();
    // Its commands come over Join, and are the module's; its own calls are real.
    dataset = await enter(
      [ServiceKind.DATASET],
      async (command) => {
        const plain = create(CommandSchema, command);
        return (await module.onCommand?.(plain, AbortSignal.timeout(5000))) ?? done;
      },
      address,
    );
    timing = await enter([ServiceKind.TIMING], playPhases);
    await enter([ServiceKind.RECORD_PROCESSOR], undefined);
    await enter([ServiceKind.RECORDS_MANAGER], closePhases);
    await enter([ServiceKind.WORKER], undefined);
    await until("the directory", () => (dataset.directories.at(-1)?.entries.length ?? 0) >= 4);
    // The controller's own process follows the directory as any member does.
    const directory = dataset.directories.at(-1);
    if (directory !== undefined) suite.addresses.update(directory);
  });
  afterEach(async () => {
    for (const member of members.splice(0)) member.close();
    await server.stop(0);
    await suite.close();
    await rm(folder, { recursive: true, force: true });
  });

  async function enter(
    services: ServiceKind[],
    onCommand: FakeMember["onCommand"] | undefined,
    address = "",
  ): Promise<FakeMember> {
    const member = await FakeMember.join({
      address: suite.address,
      services,
      hello: { address },
      ...(onCommand === undefined ? {} : { onCommand }),
    });
    members.push(member);
    return member;
  }

  async function write(name: string, text: string): Promise<string> {
    await writeFile(join(folder, name), text);
    return join(folder, name);
  }

  const datasets = (): number => module.counters?.().datasets ?? -1;
  const fromFile = (path: string, value: object = {}): SpecInit => ({
    dataset: { source: { case: "file", value: { path, ...value } } },
  });
  const fileSpec = (path: string, value: object = {}) => specOf(fromFile(path, value));

  it("is accepted with what it warns of, uses what was prepared, and lets go of it", async () => {
    const path = await write("p.jsonl", '{"text":"a","id":1}\n{"text":"b"\n{"text":"c"}\n');
    const { run, warnings } = await suite.runs.createRun({ spec: fileSpec(path, { onBadRow: "skip" }) });
    expect(warnings).to.deep.equal([
      "p.jsonl: 1 of 3 rows were left out",
      "p.jsonl, line 2, column 12: expected a comma or }, got the end of the line",
      "p.jsonl: fields that single_turn does not have were left out: id (1 rows)",
    ]);
    await rm(path);
    const watch = suite.watch(run?.runId ?? "");
    const ended = await watch.end;
    expect([RunState[ended.state], ended.reason]).to.deep.equal(["COMPLETED", ""]);
    expect(watch.events.filter(({ kind }) => kind === "warning").map(({ message }) => message)).to.deep.equal(warnings);
    const configure = timing.commandsOf("configure")[0]?.action;
    expect(configure?.case === "configure" && configure.value.dataset?.conversations).to.equal(2n);
    expect(datasets()).to.equal(0);
  });

  const scheduled = (path: string, endOffsetMs: number): SpecInit => ({
    ...fromFile(path),
    phases: [
      {
        name: "profiling",
        kind: PhaseKind.PROFILING,
        load: { case: "schedule", value: { startOffsetMs: 200, endOffsetMs } },
      },
    ],
  });
  const timedRows = [0, 100, 900].map((timestamp) => `{"text":"a","timestamp":${timestamp}}\n`).join("");

  it("uses what was prepared where it asked for the sessions of a window, too", async () => {
    const path = await write("timed.jsonl", timedRows);
    const runId = await suite.create(specOf(scheduled(path, 900)));
    await rm(path);
    expect((await suite.watch(runId).end).state).to.equal(RunState.COMPLETED);
  });

  const refused: readonly (readonly [what: string, code: string, field: string, make: () => Promise<SpecInit>])[] = [
    ["a mistake in the file", "invalid_argument", "dataset.file.path", async () => fromFile(await write("p", '{"text":"a"}\n{'))],
    ["a file that is not there", "not_found", "dataset.file.path", async () => fromFile(join(folder, "gone"))],
    ["a file that may not be read", "permission_denied", "dataset.file.path", async () => fromFile("/etc/hostname")],
    [
      "a window of a schedule in which nothing begins",
      "invalid_argument",
      "phases[0].schedule.end_offset_ms",
      async () => scheduled(await write("timed.jsonl", timedRows), 400),
    ],
    [
      "a tokenizer that is none",
      "invalid_argument",
      "tokenizer.name",
      async () => ({ tokenizer: { name: await write("t", "{}") } }),
    ],
    ["a tokenizer that may not be read", "permission_denied", "tokenizer.name", async () => ({ tokenizer: { name: "/etc" } })],
    [
      "a package that is not installed",
      "not_found",
      "tokenizer.name",
      async () => ({ tokenizer: { name: "npm:no-such-package" } }),
    ],
  ];
  for (const [what, code, field, make] of refused) {
    it(`is refused before anything is made for ${what}, when created and when validated`, async () => {
      const spec = specOf(await make());
      for (const error of [
        await failureOf(suite.runs.createRun({ spec, runId: "refused" })),
        await failureOf(suite.runs.validateRun({ spec })),
      ]) {
        expect(error).to.include({ code });
        expect(error.violations.map((violation) => violation.field)).to.deep.equal([field]);
      }
      expect((await suite.runs.listRuns({})).runs).to.deep.equal([]);
      expect(datasets()).to.equal(0);
      for (const member of members) expect(member.commandsOf("configure")).to.deep.equal([]);
    });
  }

  it("is validated without keeping anything", async () => {
    const path = await write("p.jsonl", '{"text":"a","id":1}\n');
    const { effectiveSpec, warnings } = await suite.runs.validateRun({ spec: fileSpec(path) });
    expect(effectiveSpec?.dataset?.source.case).to.equal("file");
    expect(warnings).to.have.lengthOf(1);
    expect(datasets()).to.equal(0);
  });

  it("is not looked into for who may only look at runs", async () => {
    const asked: string[] = [];
    const answer = { spec: specOf(), warnings: [] };
    const runs = {
      compile: () => answer,
      validate: async () => {
        asked.push("files");
        return answer;
      },
    };
    const services = createControllerServices({} as Members, runs as unknown as Runs, silentLogger);
    const tokens = { "viewer-token": ["viewer"], "operator-token": ["operator"] } as const;
    const guarded = createRpcServer({ services, listen: {}, auth: { tokens }, log: silentLogger });
    const { address } = await guarded.start();
    const clients = Object.keys(tokens).map((token) => createClient(RunService, { address, token }));
    try {
      const asking = fileSpec("/etc/passwd");
      await clients[0]?.validateRun({ spec: asking });
      expect(asked).to.deep.equal([]);
      await clients[1]?.validateRun({ spec: asking });
      expect(asked).to.deep.equal(["files"]);
    } finally {
      for (const client of clients) client.close();
      await guarded.stop(0);
    }
  });

  it("lets go of what was prepared for it when it is cancelled before it began", async () => {
    timing.onCommand = ({ runId, action }, member) => {
      if (action.case === "startPhase") startPhase(member, runId, action.value.phase);
      if (action.case === "stopPhase") endPhase(member, runId, action.value.phase);
      return done;
    };
    const spec = fileSpec(await write("p.jsonl", '{"text":"a"}\n'));
    const first = await suite.create(spec, "first");
    const second = await suite.create(spec, "second");
    await suite.watch(first).seen(RunState.RUNNING);
    expect(datasets()).to.equal(2);
    await suite.runs.cancelRun({ runId: second });
    await until("the second to be forgotten", () => datasets() === 1);
    await suite.runs.cancelRun({ runId: first });
    await suite.watch(first).end;
    expect(datasets()).to.equal(0);
  });

  it("is made once where two ask for the same id while its file is read", async () => {
    const path = await write("many.jsonl", Array.from({ length: 50_000 }, (_, n) => `{"text":"prompt ${n}"}\n`).join(""));
    const both = await Promise.allSettled([1, 2].map(() => suite.create(fileSpec(path), "same")));
    const refusals = both.flatMap((each) => (each.status === "rejected" ? [each.reason.code] : []));
    expect(refusals).to.deep.equal(["already_exists"]);
    expect((await suite.watch("same").end).state).to.equal(RunState.COMPLETED);
  });

  it("is not made for a client that has gone while its file was read", async () => {
    const path = await write("many.jsonl", Array.from({ length: 400_000 }, (_, n) => `{"text":"prompt ${n}"}\n`).join(""));
    const given = new AbortController();
    const creating = failureOf(suite.runs.createRun({ spec: fileSpec(path), runId: "gone" }, { signal: given.signal }));
    given.abort();
    expect((await creating).code).to.equal("cancelled");
    await suite.runs.listRuns({});
    expect(await failureOf(suite.runs.getRun({ runId: "gone" }))).to.include({ code: "not_found" });
    expect(datasets()).to.equal(0);
  });

  it("is refused, naming who is missing, while no dataset service is there", async () => {
    suite.addresses.update({ $typeName: "assay.controller.v1.Directory", version: 9n, entries: [] });
    const spec = fileSpec(await write("p.jsonl", '{"text":"a"}\n'));
    const error = await failureOf(suite.runs.createRun({ spec }));
    expect(error).to.include({ code: "deadline_exceeded", message: "no dataset has joined the suite" });
  });

  it("is refused when the dataset service cannot be reached", async () => {
    await server.stop(0);
    const spec = fileSpec(await write("p.jsonl", '{"text":"a"}\n'));
    const error = await failureOf(suite.runs.createRun({ spec }, { timeoutMs: 15_000 }));
    expect(error.code).to.be.oneOf(["unavailable", "deadline_exceeded"]);
    expect((await suite.runs.listRuns({})).runs).to.deep.equal([]);
  });

  it("asks the dataset service for nothing ahead where the spec names no file", async () => {
    suite.addresses.update({ $typeName: "assay.controller.v1.Directory", version: 9n, entries: [] });
    for (const name of ["o200k_base", "builtin", "o200k_harmony", "none"]) {
      const { effectiveSpec } = await suite.runs.validateRun({ spec: specOf({ tokenizer: { name } }) });
      expect(effectiveSpec?.tokenizer?.name).to.equal(name === "builtin" ? "o200k_base" : name);
    }
  });
});
