import { expect } from "chai";
import { type GuardedRequest, hostsOf, refusalOf } from "../../../../services/common/rpc/guard.ts";

describe("the hosts of a server", () => {
  it("are loopback and the given names, with the port", () => {
    expect([...hostsOf(["Bench.Local"], 7000, false)]).to.deep.equal([
      "localhost:7000",
      "127.0.0.1:7000",
      "[::1]:7000",
      "bench.local:7000",
    ]);
  });

  it("go without a port where it is the scheme's own", () => {
    expect(hostsOf([], 80, false).has("localhost")).to.equal(true);
    expect(hostsOf([], 443, true).has("localhost")).to.equal(true);
    expect(hostsOf([], 443, false).has("localhost")).to.equal(false);
  });

  it("keep a port that a name brings, and put IPv6 addresses into brackets", () => {
    const hosts = hostsOf(["proxy:8443", "fd00::1", "[fd00::2]:9000"], 7000, false);
    expect(hosts.has("proxy:8443")).to.equal(true);
    expect(hosts.has("proxy:7000")).to.equal(false);
    expect(hosts.has("[fd00::1]:7000")).to.equal(true);
    expect(hosts.has("[fd00::2]:9000")).to.equal(true);
  });
});

describe("the guard", () => {
  const hosts = hostsOf([], 7000, false);
  const own: GuardedRequest = {
    method: "POST",
    isEncrypted: false,
    host: "localhost:7000",
    origin: undefined,
    fetchSite: undefined,
    fetchMode: undefined,
  };
  const rows: [string, Partial<GuardedRequest>, boolean][] = [
    ["a program, which sends none of the headers", {}, true],
    ["its own page", { origin: "http://localhost:7000", fetchSite: "same-origin" }, true],
    ["a host in capitals", { host: "LOCALHOST:7000" }, true],
    ["an address typed by the user", { fetchSite: "none" }, true],
    ["a link to a page", { method: "GET", fetchSite: "cross-site", fetchMode: "navigate" }, true],
    ["no host", { host: undefined }, false],
    ["a rebound host", { host: "evil.example:7000" }, false],
    ["another port's page", { origin: "http://localhost:7001" }, false],
    ["a page of the other scheme", { origin: "https://localhost:7000" }, false],
    ["a page under another of its names", { origin: "http://127.0.0.1:7000" }, false],
    ["a hidden origin", { origin: "null" }, false],
    ["another site's script", { fetchSite: "cross-site", fetchMode: "no-cors", method: "GET" }, false],
    ["another site's form", { fetchSite: "cross-site", fetchMode: "navigate" }, false],
  ];
  for (const [who, change, passes] of rows) {
    it(`${passes ? "lets pass" : "refuses"} ${who}`, () => {
      expect(refusalOf({ ...own, ...change }, hosts) === undefined).to.equal(passes);
    });
  }
});
