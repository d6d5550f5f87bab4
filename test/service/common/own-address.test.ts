import { networkInterfaces } from "node:os";
import { expect } from "chai";
import { hostOf, isWildcard, ownHost } from "../../../services/common/member/own-address.ts";
import { failureOf } from "../rpc/harness.ts";

const addresses = Object.values(networkInterfaces()).flatMap((found) => found ?? []);
const hasLoopback6 = addresses.some(({ address }) => address === "::1");
const soon = () => AbortSignal.timeout(10_000);

describe("a wildcard", () => {
  for (const [host, expected] of [
    ["0.0.0.0", true],
    ["0", true],
    ["::", true],
    ["[::]", true],
    ["0:0:0:0:0:0:0:0", true],
    ["::ffff:0.0.0.0", true],
    ["127.0.0.1", false],
    ["::1", false],
    ["bench.example", false],
    ["", false],
    ["a b", false],
  ] as const) {
    it(`is ${expected ? "" : "not "}${JSON.stringify(host)}`, () => {
      expect(isWildcard(host)).to.equal(expected);
    });
  }

  it("is told from an address by its host alone", () => {
    expect(["h:7400", "[::1]:7400", "[::]:1", "::1", "h"].map(hostOf)).to.deep.equal(["h", "::1", "::", "::1", "h"]);
  });
});

describe("the host by which others reach a process", () => {
  it("is the one that it listens on, whatever leads to the controller", async () => {
    for (const host of ["127.0.0.1", "bench.example"]) {
      expect(await ownHost({ host, controller: "255.255.255.255:7400", signal: soon() })).to.equal(host);
    }
  });

  it("is, where it listens on all, the host's own towards the controller", async () => {
    const towards = (controller: string, host = "0.0.0.0") => ownHost({ host, controller, signal: soon() });
    expect(await towards("127.0.0.1:7400")).to.equal("127.0.0.1");
    expect(await towards("localhost:7400")).to.equal("127.0.0.1");
    for (const { address } of addresses.filter(({ family }) => family === "IPv4")) {
      expect(await towards(`${address}:7400`)).to.equal(address);
      expect(await towards(`${address}:7400`, "::")).to.equal(address);
    }
  });

  it("may be of IPv6", async function () {
    if (!hasLoopback6) this.skip();
    expect(await ownHost({ host: "::", controller: "[::1]:7400", signal: soon() })).to.equal("::1");
  });

  it("is one of its own where it serves the controller itself, and never a wildcard", async () => {
    for (const host of ["0.0.0.0", "::"]) {
      const own = await ownHost({ host, controller: undefined, signal: soon() });
      expect(addresses.map(({ address }) => address)).to.include(own);
      expect(isWildcard(own)).to.equal(false);
    }
  });

  it("is none where what it listens on cannot lead to the controller", async () => {
    const error = await failureOf(ownHost({ host: "0.0.0.0", controller: "[2001:db8::7]:7400", signal: soon() }));
    expect(error).to.include({ code: "invalid_argument" });
    expect(error.message).to.equal(
      "--host 0.0.0.0: others would be given no address of this host that leads to the controller at [2001:db8::7]:7400; --advertise says one",
    );
  });

  it("is waited for no longer than the signal says", async () => {
    // Nobody may connect to this one.
    const signal = AbortSignal.timeout(300);
    const error = await failureOf(ownHost({ host: "0.0.0.0", controller: "255.255.255.255:7400", signal }));
    expect(error).to.include({ code: "unavailable" });
    expect(error.message).to.match(/leads to the controller at 255\.255\.255\.255:7400: .+; --advertise says one$/);
  });
});
