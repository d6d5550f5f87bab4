/** Who writes the rows of a run, over members that are there and go as the tests say. */
import { create } from "@bufbuild/protobuf";
import { expect } from "chai";
import { ServiceKind } from "../../../gen/assay/common/v1/common_pb.js";
import { MemberSchema } from "../../../gen/assay/controller/v1/controller_pb.js";
import { CommandResultSchema, FinishRunSchema } from "../../../gen/assay/controller/v1/controller_service_pb.js";
import { AssayError } from "../../../services/common/errors.ts";
import type { MemberEntry, Order } from "../../../services/controller/members.ts";
import { RunWriters } from "../../../services/controller/run-writers.ts";

function entryOf(memberId: string, shard: number): MemberEntry {
  const member = create(MemberSchema, { memberId, shard, services: [ServiceKind.RECORDS_MANAGER] });
  const rest = { stream: undefined, lastDial: 0, lastEventSeq: 0n, heartbeat: undefined, brokenNs: 0, missedBeats: 0 };
  return { member, ...rest, commands: new Map() };
}

describe("the writers of a run", () => {
  let heard: MemberEntry[];
  let told: string[];
  /** Called with each command before it is answered. */
  let onCommand: (entry: MemberEntry) => Promise<void>;
  let onConfigure: (entry: MemberEntry) => Promise<void>;

  beforeEach(() => {
    heard = [];
    told = [];
    onCommand = async () => {};
    onConfigure = async () => {};
  });

  function writers(shardCount: number): RunWriters {
    return new RunWriters({
      runId: "r",
      shardCount,
      members: {
        serving: () => heard,
        isHeard: (entry) => heard.includes(entry),
        async command(entry: MemberEntry, { action }: Order) {
          await onCommand(entry);
          told.push(`${entry.member.memberId} ${action.case}`);
          return create(CommandResultSchema, {});
        },
      },
      configure: (entry) => onConfigure(entry),
      async awaited(find, missing) {
        const found = find();
        if (found === undefined) throw new AssayError("unavailable", missing);
        return found;
      },
    });
  }

  const finish = create(FinishRunSchema, {});
  const action = { case: "finish", value: finish } as const;

  it("are the records-managers of the shards that the run has, and no others", () => {
    const two = writers(2);
    heard = [entryOf("a", 0)];
    expect([0, 1, 2].map((shard) => two.isWriter(entryOf("x", shard)))).to.deep.equal([true, true, false]);
    expect([0, 1].map((shard) => two.isWritten(shard))).to.deep.equal([true, false]);
  });

  it("finish the files of the other shards before one is made of all", async () => {
    heard = [entryOf("first", 0), entryOf("second", 1), entryOf("third", 2)];
    await writers(3).finish(finish, 1000);
    expect(told.slice(0, 2).toSorted()).to.deep.equal(["second finish", "third finish"]);
    expect(told.slice(2)).to.deep.equal(["first finish"]);
  });

  it("are asked again in the person of a successor where one dies over what it was asked", async () => {
    const old = entryOf("old", 0);
    heard = [old];
    onCommand = async (entry) => {
      if (entry !== old) return;
      heard = [entryOf("new", 0)];
      throw new AssayError("unavailable", "gone");
    };
    await writers(1).toAll(action, 1000);
    expect(told).to.deep.equal(["new finish"]);
  });

  it("are not asked again where one that lives refuses", async () => {
    heard = [entryOf("a", 0)];
    onCommand = () => Promise.reject(new AssayError("internal", "no"));
    const error = await writers(1)
      .toAll(action, 1000)
      .catch((failure: unknown) => failure);
    expect(error).to.include({ message: "no" });
  });

  it("hear nothing before they have their file", async () => {
    const successor = entryOf("new", 0);
    heard = [successor];
    const ready = Promise.withResolvers<void>();
    onConfigure = () => ready.promise;
    const one = writers(1);
    const prepared = one.prepare(successor);
    const asked = one.toAll(action, 1000);
    await new Promise((resolve) => setImmediate(resolve));
    expect(told).to.deep.equal([]);
    ready.resolve();
    await Promise.all([prepared, asked]);
    expect(told).to.deep.equal(["new finish"]);
  });

  it("are named with their shard where one is missing, if there are several", async () => {
    const missingOf = (shardCount: number) =>
      writers(shardCount)
        .prepareAll()
        .catch((failure: unknown) => (failure as AssayError).message);
    expect(await missingOf(1)).to.equal("no records-manager is in the suite");
    heard = [entryOf("a", 0)];
    expect(await missingOf(2)).to.equal("no records-manager of shard 1 is in the suite");
  });
});
