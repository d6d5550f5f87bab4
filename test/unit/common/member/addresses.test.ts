import { create } from "@bufbuild/protobuf";
import { expect } from "chai";
import { ServiceKind } from "../../../../gen/assay/common/v1/common_pb.js";
import { type Directory, DirectorySchema } from "../../../../gen/assay/controller/v1/controller_pb.js";
import { type Addresses, createAddresses, serviceKinds } from "../../../../services/common/member/addresses.ts";
import { serviceNames } from "../../../../services/common/module.ts";

function directoryOf(...entries: [ServiceKind, string][]): Directory {
  return create(DirectorySchema, {
    version: 1n,
    entries: entries.map(([service, address], index) => ({ service, address, memberId: `m-${index}` })),
  });
}

describe("the addresses of a suite", () => {
  let addresses: Addresses;
  beforeEach(() => {
    addresses = createAddresses({ token: undefined });
  });
  afterEach(() => addresses.close());
  const open = new AbortController().signal;

  it("are waited for until the service has joined", async () => {
    const waiting = addresses.channelTo("timing", open);
    addresses.update(directoryOf([ServiceKind.DATASET, "d:1"]));
    addresses.update(directoryOf([ServiceKind.DATASET, "d:1"], [ServiceKind.TIMING, "t:1"]));
    expect((await waiting).address).to.equal("t:1");
  });

  it("are waited for no longer than the signal says, which names the service", async () => {
    const abort = new AbortController();
    const waiting = addresses.channelTo("records-manager", abort.signal).catch((error: unknown) => error);
    abort.abort();
    expect(await waiting).to.include({ code: "deadline_exceeded", message: "no records-manager has joined the suite" });
    const late = addresses.channelTo("records-manager", AbortSignal.abort()).catch((error: unknown) => error);
    expect(await late).to.have.property("code", "deadline_exceeded");
  });

  it("are found at once when they are there, even with a signal that has aborted", async () => {
    addresses.update(directoryOf([ServiceKind.TIMING, "t:1"]));
    expect((await addresses.channelTo("timing", AbortSignal.abort())).address).to.equal("t:1");
  });

  it("lead to a service where it is now, and while it is nowhere, to where it was", async () => {
    const waiting = addresses.routeTo("records-manager", open);
    addresses.update(directoryOf([ServiceKind.RECORDS_MANAGER, "r:1"]));
    const route = await waiting;
    expect(route().address).to.equal("r:1");
    addresses.update(directoryOf([ServiceKind.TIMING, "t:1"]));
    expect(route().address).to.equal("r:1");
    addresses.update(directoryOf([ServiceKind.RECORDS_MANAGER, "r:2"]));
    expect(route().address).to.equal("r:2");
    expect(route()).to.equal(addresses.channel("r:2"));
  });

  it("leave out members that nobody can reach", () => {
    addresses.update(directoryOf([ServiceKind.TIMING, ""], [ServiceKind.TIMING, "t:2"]));
    expect(addresses.entriesOf("timing").map(({ address }) => address)).to.deep.equal(["t:2"]);
  });

  it("give one of several by place, one after the other", async () => {
    const all = ["p:1", "p:2", "p:3"];
    addresses.update(directoryOf(...all.map((address): [ServiceKind, string] => [ServiceKind.RECORD_PROCESSOR, address])));
    for (const place of [0, 1, 2, 3, 7]) {
      expect((await addresses.channelTo("record-processor", open, { place })).address).to.equal(all[place % 3]);
    }
  });

  it("find the one of a shard, and the first where none is named", async () => {
    const entries = ["r:2", "r:0", "r:1"].map((address, index) => {
      return { service: ServiceKind.RECORDS_MANAGER, address, memberId: `m-${index}`, shard: Number(address.slice(2)) };
    });
    addresses.update(create(DirectorySchema, { version: 1n, entries }));
    for (const shard of [0, 1, 2]) {
      expect((await addresses.channelTo("records-manager", open, { shard })).address).to.equal(`r:${shard}`);
    }
    expect((await addresses.channelTo("records-manager", open)).address).to.equal("r:0");
    const error = await addresses.channelTo("records-manager", AbortSignal.abort(), { shard: 3 }).catch((caught) => caught);
    expect(error).to.include({ code: "deadline_exceeded", message: "no records-manager of shard 3 has joined the suite" });
  });

  it("share one channel an address", () => {
    expect(addresses.channel("a:1")).to.equal(addresses.channel("a:1"));
    expect(addresses.channel("a:1")).to.not.equal(addresses.channel("a:2"));
  });

  it("know every service by name", () => {
    expect(Object.keys(serviceKinds).sort()).to.deep.equal([...serviceNames].sort());
    expect(new Set(Object.values(serviceKinds)).size).to.equal(serviceNames.length);
  });
});
