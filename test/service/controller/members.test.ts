import { expect } from "chai";
import { ServiceKind } from "../../../gen/assay/common/v1/common_pb.js";
import type { MemberEvent } from "../../../gen/assay/controller/v1/controller_service_pb.js";
import { silentLogger } from "../../../services/common/logger.ts";
import { noTracer } from "../../../services/common/observe/tracing.ts";
import { createRpcServer, type RpcServer } from "../../../services/common/rpc/server.ts";
import { protocolVersion, version } from "../../../services/common/version.ts";
import { type MemberEntry, type MemberPatience, Members } from "../../../services/controller/members.ts";
import type { Runs } from "../../../services/controller/runs.ts";
import { createControllerServices } from "../../../services/controller/service.ts";
import { FakeMember, type FakeMemberOptions } from "../../support/fake-member.ts";
import { failureOf, until } from "../rpc/harness.ts";

const PATIENCE: MemberPatience = { brokenForNs: 0.2e9, silentForNs: 0.6e9 };
const finish = { case: "finish" as const, value: { $typeName: "assay.controller.v1.FinishRun" as const, state: 7, reason: "" } };
const order = { runId: "run-1", service: ServiceKind.TIMING, action: finish, timeoutMs: 2000 };

describe("the members of a suite", () => {
  let server: RpcServer;
  let members: Members;
  let address: string;
  const joined: MemberEntry[] = [];
  const lost: string[] = [];
  const events: MemberEvent[] = [];
  const fakes: FakeMember[] = [];

  beforeEach(async () => {
    for (const list of [joined, lost, events]) list.length = 0;
    members = new Members(
      {
        onJoined: (entry) => joined.push(entry),
        onEvent: (_entry, event) => events.push(event),
        onHeartbeat: () => {},
        onLost: (entry, reason) => lost.push(`${entry.member.memberId}: ${reason}`),
      },
      silentLogger,
      noTracer,
      PATIENCE,
    );
    // Nobody asks for runs here.
    const services = createControllerServices(members, {} as Runs, silentLogger);
    server = createRpcServer({ services, listen: {}, auth: { insecure: true }, log: silentLogger });
    address = (await server.start()).address;
  });
  afterEach(async () => {
    for (const fake of fakes.splice(0)) fake.close();
    members.close();
    await server.stop(0);
  });

  async function join(services: ServiceKind[], options: Partial<FakeMemberOptions> = {}): Promise<FakeMember> {
    const fake = await FakeMember.join({ address, services, ...options });
    fake.beatEvery(50);
    fakes.push(fake);
    return fake;
  }
  const entryOf = ({ id }: FakeMember): MemberEntry => {
    const entry = members.find(id);
    if (entry === undefined) throw new Error(`no member ${id}`);
    return entry;
  };

  describe("join", () => {
    it("and get a name from their services, or the one that they wish for", async () => {
      const names = [
        await join([ServiceKind.TIMING]),
        await join([ServiceKind.TIMING]),
        await join([ServiceKind.RECORDS_MANAGER, ServiceKind.RECORD_PROCESSOR]),
        await join([ServiceKind.WORKER], { hello: { memberId: "worker-abc" } }),
      ].map(({ id }) => id);
      expect(names).to.deep.equal(["timing-1", "timing-2", "records-manager+record-processor-1", "worker-abc"]);
    });

    it("and never get a name that another one has brought along", async () => {
      await join([ServiceKind.TIMING], { hello: { memberId: "timing-1" } });
      expect((await join([ServiceKind.TIMING])).id).to.equal("timing-2");
    });

    it("and are told the suite's id, its clock, how often to beat, and what was handled", async () => {
      const { welcome } = await join([ServiceKind.TIMING]);
      expect(welcome).to.include({ suiteId: members.suiteId, heartbeatMs: 500, lastEventSeq: 0n });
      expect(welcome?.clock?.bootId).to.match(/^[0-9a-f-]{36}$/);
    });

    it("only with the same protocol version, which is said with both versions", async () => {
      const error = await failureOf(
        join([ServiceKind.TIMING], { hello: { protocolVersion: protocolVersion + 1, version: "9.9" } }),
      );
      expect(error).to.include({ code: "failed_precondition" });
      expect(error.message)
        .to.include(`this member Assay 9.9 (protocol ${protocolVersion + 1}) on `)
        .and.include(`the controller is Assay ${version} (protocol ${protocolVersion})`);
      expect(await failureOf(join([ServiceKind.TIMING], { hello: { version: "9.9" } }))).to.include({
        code: "failed_precondition",
      });
    });

    it("only with a service to serve, and a hello to begin with", async () => {
      expect(await failureOf(join([]))).to.include({ code: "invalid_argument" });
      expect(members.all()).to.deep.equal([]);
    });

    it("only once by a name: a second process of it is refused while the first one stands", async () => {
      const first = await join([ServiceKind.WORKER], { hello: { memberId: "worker-a" } });
      expect(await failureOf(join([ServiceKind.WORKER], { hello: { memberId: "worker-a" } }))).to.include({
        code: "already_exists",
      });
      first.cut();
      await until("the first to be cut", () => members.find("worker-a")?.stream === undefined);
      const second = await join([ServiceKind.WORKER], { hello: { memberId: "worker-a" } });
      expect(entryOf(second).member.incarnation).to.equal(second.incarnation);
    });
  });

  describe("dial again", () => {
    it("and keep their name; the former stream ends", async () => {
      const fake = await join([ServiceKind.TIMING]);
      await fake.dial();
      expect(fake.id).to.equal("timing-1");
      expect(joined).to.have.length(1);
      expect(members.all()).to.have.length(1);
    });

    it("but not with a dial that was overtaken", async () => {
      const fake = await join([ServiceKind.TIMING]);
      await fake.dial({ dial: 7 });
      expect(await failureOf(fake.dial({ dial: 6 }))).to.include({ code: "aborted" });
      expect(await failureOf(fake.dial({ dial: 7 }))).to.include({ code: "aborted" });
      expect(entryOf(fake).stream).to.not.equal(undefined);
    });

    it("and get the commands that they have not answered, by their ids; the answer counts once", async () => {
      const fake = await join([ServiceKind.TIMING], { onCommand: () => "silence" });
      const result = members.command(entryOf(fake), order);
      await until("the command", () => fake.commands.length === 1);
      fake.cut();
      await fake.dial();
      await until("the command again", () => fake.commands.length === 2);
      const [first, second] = fake.commands;
      expect(second?.commandId).to.equal(first?.commandId);
      fake.reply(first!.commandId, { case: undefined });
      fake.reply(first!.commandId, { error: "twice" });
      expect((await result).error).to.equal("");
      await fake.dial();
      expect(fake.commands).to.have.length(2);
    });

    it("and are told how far their events were handled; repeated ones are dropped", async () => {
      const fake = await join([ServiceKind.TIMING]);
      fake.event("run-1", { case: "note", value: { message: "one" } });
      fake.event("run-1", { case: "note", value: { message: "two" } });
      await until("the events", () => events.length === 2);
      await fake.dial();
      expect(fake.welcome?.lastEventSeq).to.equal(2n);
      fake.event("run-1", { case: "note", value: { message: "two" } }, 2n);
      fake.event("run-1", { case: "note", value: { message: "three" } }, 3n);
      await until("the third event", () => events.length === 3);
      expect(events.map(({ event }) => event.case === "note" && event.value.message)).to.deep.equal(["one", "two", "three"]);
    });
  });

  describe("are asked", () => {
    it("and answer with what they have done, or with their error and its code", async () => {
      const fake = await join([ServiceKind.TIMING]);
      expect((await members.command(entryOf(fake), order)).outcome.case).to.equal(undefined);
      fake.onCommand = () => ({ error: "no such phase", errorCode: 5 });
      expect(await failureOf(members.command(entryOf(fake), order))).to.include({
        code: "not_found",
        message: "timing-1: no such phase",
      });
      expect(entryOf(fake).commands.size).to.equal(0);
    });

    it("within a deadline that names member and command", async () => {
      const fake = await join([ServiceKind.TIMING], { onCommand: () => "silence" });
      const error = await failureOf(members.command(entryOf(fake), { ...order, timeoutMs: 10 }));
      expect(error).to.include({ code: "deadline_exceeded", message: "timing-1 did not answer finish within 10 ms" });
      expect(fake.commands[0]).to.include({ timeoutMs: 10, runId: "run-1", service: ServiceKind.TIMING });
      expect(entryOf(fake).commands.size).to.equal(0);
    });

    it("no longer once they are taken for dead, removed, or the controller ends", async () => {
      const silent = await Promise.all([1, 2, 3].map(() => join([ServiceKind.TIMING], { onCommand: () => "silence" })));
      const [dead, removed, left] = silent as [FakeMember, FakeMember, FakeMember];
      const failures = silent.map((fake) => failureOf(members.command(entryOf(fake), order)));
      dead.cut();
      members.remove(removed.id);
      expect(await failures[0]).to.include({ code: "unavailable", message: `${dead.id}: its process is gone` });
      expect(await failures[1]).to.include({ code: "unavailable" });
      expect(left.closed).to.equal(undefined);
      members.close();
      expect(await failures[2]).to.include({ code: "unavailable" });
    });

    it("not at all where nobody could hear it any more", async () => {
      const [removed, left] = [await join([ServiceKind.TIMING]), await join([ServiceKind.TIMING])].map(entryOf);
      members.remove("timing-1");
      expect(await failureOf(members.command(removed!, order))).to.include({ message: "timing-1: it is gone" });
      members.close();
      expect(await failureOf(members.command(left!, order))).to.include({ message: "timing-2: the controller is ending" });
      expect([removed, left].map((entry) => entry?.commands.size)).to.deep.equal([0, 0]);
    });

    it("for a clock reading, which comes with both of the controller's stamps", async () => {
      const fake = await join([ServiceKind.TIMING]);
      fake.send({ message: { case: "clockPing", value: { memberSentNs: 5 } } });
      await until("the reading", () => fake.pongs.length === 1);
      const { memberSentNs, receivedNs, sentNs } = fake.pongs[0]!;
      expect(memberSentNs).to.equal(5);
      expect(receivedNs).to.be.greaterThan(0);
      expect(sentNs).to.be.at.least(receivedNs);
    });
  });

  describe("are known to each other", () => {
    it("by a directory that comes at once and at every change, with a growing version", async () => {
      const timing = await join([ServiceKind.TIMING], { hello: { address: "h:1" } });
      const records = await join([ServiceKind.RECORDS_MANAGER, ServiceKind.RECORD_PROCESSOR], { hello: { address: "h:2" } });
      await until("the directory of three entries", () => timing.directories.at(-1)?.entries.length === 3);
      expect(records.directories[0]?.entries.map(({ service, memberId, address: at }) => [service, memberId, at])).to.deep.equal([
        [ServiceKind.TIMING, "timing-1", "h:1"],
        [ServiceKind.RECORDS_MANAGER, "records-manager+record-processor-1", "h:2"],
        [ServiceKind.RECORD_PROCESSOR, "records-manager+record-processor-1", "h:2"],
      ]);
      records.leave();
      await until("the directory without them", () => timing.directories.at(-1)?.entries.length === 1);
      const versions = timing.directories.map(({ version }) => version);
      expect([...versions].sort((a, b) => Number(a - b))).to.deep.equal(versions);
      expect(new Set(versions).size).to.equal(versions.length);
    });

    it("by a directory that workers are not in, and that nobody is told anew when one comes", async () => {
      const timing = await join([ServiceKind.TIMING]);
      const worker = await join([ServiceKind.WORKER]);
      await until("the worker's directory", () => worker.directories.length === 1);
      expect(worker.directories[0]?.entries.map(({ service }) => service)).to.deep.equal([ServiceKind.TIMING]);
      await join([ServiceKind.DATASET]);
      await until("the next change", () => timing.directories.at(-1)?.entries.length === 2);
      expect(timing.directories).to.have.lengthOf(2);
    });

    it("by shards of records-managers, whose places are taken by those who come in their place", async () => {
      const timing = await join([ServiceKind.TIMING]);
      const [, second] = [
        await join([ServiceKind.RECORDS_MANAGER], { hello: { address: "h:1" } }),
        await join([ServiceKind.RECORDS_MANAGER], { hello: { address: "h:2" } }),
        await join([ServiceKind.RECORDS_MANAGER], { hello: { address: "h:3" } }),
      ];
      const shards = () =>
        timing.directories
          .at(-1)
          ?.entries.filter(({ service }) => service === ServiceKind.RECORDS_MANAGER)
          .map(({ address: at, shard }) => [at, shard]);
      const whole = [
        ["h:1", 0],
        ["h:2", 1],
        ["h:3", 2],
      ];
      await until("three", () => shards()?.length === 3);
      expect(shards()).to.deep.equal(whole);
      second?.leave();
      await until("two", () => shards()?.length === 2);
      await join([ServiceKind.RECORDS_MANAGER], { hello: { address: "h:4" } });
      await until("three again", () => shards()?.length === 3);
      expect(shards()).to.deep.equal([
        ["h:1", 0],
        ["h:3", 2],
        ["h:4", 1],
      ]);
    });

    it("by shards without gaps when a run begins", async () => {
      const [first, second] = [await join([ServiceKind.RECORDS_MANAGER]), await join([ServiceKind.RECORDS_MANAGER])];
      first?.leave();
      await until("one", () => members.serving(ServiceKind.RECORDS_MANAGER).length === 1);
      members.arrangeShards();
      await until("its place", () => second?.directories.at(-1)?.entries[0]?.shard === 0);
    });

    it("by a directory without those that are taken for dead, until they are heard again", async () => {
      const timing = await join([ServiceKind.TIMING]);
      const records = await join([ServiceKind.RECORDS_MANAGER]);
      await until("both", () => timing.directories.at(-1)?.entries.length === 2);
      records.quiet();
      await until("the directory without the silent one", () => timing.directories.at(-1)?.entries.length === 1);
      expect(entryOf(records).stream).to.not.equal(undefined);
      records.beatEvery(50);
      await until("the directory with it", () => timing.directories.at(-1)?.entries.length === 2);
    });
  });

  describe("are taken for dead", () => {
    it("once their stream has been broken for a while, and only once", async () => {
      const fake = await join([ServiceKind.TIMING]);
      await join([ServiceKind.DATASET]);
      fake.cut();
      await until("it to be lost", () => lost.length > 0);
      expect(lost).to.deep.equal(["timing-1: its process is gone"]);
      expect(members.serving(ServiceKind.TIMING)).to.deep.equal([]);
      expect(members.all().map(({ member }) => member.isConnected)).to.deep.equal([false, true]);
    });

    it("once they are silent on a stream that stands, and are back with their next word", async () => {
      const fake = await join([ServiceKind.TIMING]);
      fake.quiet();
      await until("it to be lost", () => lost.length > 0);
      expect(lost).to.deep.equal(["timing-1: it has said nothing for 0.6 s"]);
      expect(members.serving(ServiceKind.TIMING)).to.deep.equal([]);
      fake.beatEvery(50);
      await until("it to be back", () => members.serving(ServiceKind.TIMING).length === 1);
    });

    it("after the heartbeats that did not come were counted, each once", async () => {
      const fake = await join([ServiceKind.TIMING]);
      await until("a heartbeat", () => entryOf(fake).heartbeat !== undefined);
      expect(members.counts).to.deep.equal({ missedHeartbeats: 0, lostMembers: 0 });
      fake.quiet();
      await until("two missed heartbeats", () => members.counts.missedHeartbeats >= 2);
      const { missedHeartbeats, lostMembers } = members.counts;
      expect(missedHeartbeats).to.be.below(4);
      expect(lostMembers).to.equal(1);
      fake.beatEvery(50);
      await until("it to be back", () => members.serving(ServiceKind.TIMING).length === 1);
      fake.quiet();
      await until("another one", () => members.counts.missedHeartbeats > missedHeartbeats);
      expect(entryOf(fake).missedBeats).to.be.below(missedHeartbeats);
    });

    it("by when they promised the next heartbeat", async () => {
      const fake = await join([ServiceKind.TIMING]);
      fake.nextMs = 60_000;
      await until("the promise", () => entryOf(fake).heartbeat?.nextMs === 60_000);
      fake.quiet();
      await until("it to be lost", () => lost.length > 0);
      let looks = 0;
      await until("time for three heartbeats", () => ++looks > 300);
      expect(members.counts).to.deep.equal({ missedHeartbeats: 0, lostMembers: 1 });
    });

    it("even if they never said a word after their hello", async () => {
      const fake = new FakeMember({ address, services: [ServiceKind.TIMING] });
      fakes.push(fake);
      fake.beat = () => {};
      await fake.dial();
      await until("it to be lost", () => lost.length > 0);
    });

    it("not because this process was held up", async () => {
      await join([ServiceKind.TIMING]);
      const hold = new Int32Array(new SharedArrayBuffer(4));
      Atomics.wait(hold, 0, 0, 1300);
      let sweeps = 0;
      await until("some sweeps", () => ++sweeps > 100);
      expect(lost).to.deep.equal([]);
    });

    it("not when they dial again in time", async () => {
      const fake = await join([ServiceKind.TIMING]);
      for (let index = 0; index < 4; index++) {
        fake.cut();
        await fake.dial();
      }
      fake.beatEvery(50);
      let rounds = 0;
      await until("some sweeps", () => ++rounds > 100);
      expect(lost).to.deep.equal([]);
    });
  });

  it("say nothing else than what they may", async () => {
    for (const message of [{ case: "hello" as const, value: {} }, { case: undefined }]) {
      const fake = await join([ServiceKind.TIMING]);
      fake.send({ message });
      await until("the stream to end", () => fake.closed !== undefined);
      expect(fake.closed?.error).to.include({ code: "invalid_argument" });
    }
  });
});
