import { expect } from "chai";
import { allowedTargets, wrongTarget } from "../../../services/common/allowed-targets.ts";

/** What comes of connecting: `dialled`, or `refused` at once, or `refused at ADDRESSES` when the name is resolved. */
async function outcome(entries: readonly string[], host: string, port: number): Promise<string> {
  let lookup: ReturnType<ReturnType<typeof allowedTargets>["lookupFor"]>;
  try {
    lookup = allowedTargets(entries).lookupFor(host, port);
  } catch {
    return "refused";
  }
  if (lookup === undefined) return "dialled";
  const look = lookup;
  return new Promise((resolve) => {
    look(host, { all: true }, (error) => {
      if (error === null) return resolve("dialled");
      resolve(`refused${/, which is (127\.0\.0\.1|::1)\b/.test(error.message) ? " as loopback" : error.message}`);
    });
  });
}

describe("the targets that a suite allows", () => {
  const rows: readonly (readonly [string, readonly string[], string, number, string])[] = [
    ["everything, where nothing is listed", [], "169.254.169.254", 80, "dialled"],
    ["an address of a network", ["10.0.0.0/8"], "10.1.2.3", 80, "dialled"],
    ["no address beside it", ["10.0.0.0/8"], "11.0.0.1", 80, "refused"],
    ["an address in IPv6's clothes", ["10.0.0.0/8"], "[::ffff:10.1.2.3]", 80, "dialled"],
    ["a single address", ["10.0.0.7"], "10.0.0.7", 443, "dialled"],
    ["no neighbour of it", ["10.0.0.7"], "10.0.0.8", 443, "refused"],
    ["an address at its port", ["10.0.0.7:8000"], "10.0.0.7", 8000, "dialled"],
    ["no other port", ["10.0.0.7:8000"], "10.0.0.7", 8001, "refused"],
    ["a network of IPv6 at a port", ["[fd00::]/8:8000"], "[fd00::1]", 8000, "dialled"],
    ["a bare address of IPv6", ["fd00::1"], "[fd00::1]", 8000, "dialled"],
    ["a bare network of IPv6", ["fd00::/8"], "[fd00::77]", 8000, "dialled"],
    ["a name", ["localhost"], "localhost", 8000, "dialled"],
    ["a name however it is written", ["LocalHost."], "LOCALHOST", 8000, "dialled"],
    ["a name at its port", ["localhost:8000"], "localhost", 8000, "dialled"],
    ["not at another", ["localhost:8000"], "localhost", 8001, "refused"],
    ["no name that is not listed", ["gpu.example"], "localhost", 80, "refused"],
    ["a name by what it stands for", ["127.0.0.0/8", "::1"], "localhost", 80, "dialled"],
    ["no name that stands for something else", ["10.0.0.0/8"], "localhost", 80, "refused as loopback"],
    ["no other port of a name by what it stands for", ["127.0.0.1:8000", "[::1]:8000"], "localhost", 80, "refused as loopback"],
    // The system's resolver takes this for an address, as it takes the name of a server that was made to lead here.
    ["no listed name that leads to this host", ["0x7f.1"], "0x7f.1", 80, "refused as loopback"],
    ["one that does, where that is listed, too", ["0x7f.1", "127.0.0.1"], "0x7f.1", 80, "dialled"],
    ["no spelling of an address for another", ["10.0.0.0/8"], "0x7f.1", 80, "refused as loopback"],
  ];
  for (const [what, entries, host, port, expected] of rows) {
    it(`are ${what}`, async () => expect(await outcome(entries, host, port)).to.equal(expected));
  }

  it("are resolved to what may be dialled alone, in either form of an answer", async () => {
    const lookup = allowedTargets(["127.0.0.1"]).lookupFor("localhost", 80);
    const found = await new Promise((resolve) => lookup?.("localhost", { all: false }, (...all) => resolve(all)));
    expect(found).to.deep.equal([null, "127.0.0.1", 4]);
    const list = await new Promise((resolve) => lookup?.("localhost", { all: true }, (...all) => resolve(all)));
    expect(list).to.deep.equal([null, [{ address: "127.0.0.1", family: 4 }]]);
  });

  it("are known by name behind a proxy, which resolves them", () => {
    const allowed = allowedTargets(["gpu.example:8000", "10.0.0.0/8"]);
    expect(() => allowed.checkBehindProxy("gpu.example", 8000)).to.not.throw();
    expect(() => allowed.checkBehindProxy("10.0.0.7", 80)).to.not.throw();
    expect(() => allowed.checkBehindProxy("gpu.example", 80)).to.throw("gpu.example:80 is not among the targets of this suite");
    expect(() => allowed.checkBehindProxy("other.example", 8000)).to.throw("--allow-targets");
  });

  it("are sockets by their path", () => {
    const allowed = allowedTargets(["unix:/run/vllm.sock"]);
    expect(() => allowed.checkSocket("/run/vllm.sock")).to.not.throw();
    expect(() => allowed.checkSocket("/run/docker.sock")).to.throw("unix:/run/docker.sock is not among the targets");
  });

  it("are refused by the first entry that is none", () => {
    for (const entry of ["", "a b", "http://a", "10.0.0.0/33", "10.0.0", "a/8", "a:0", "a:65536", "fd00::/129", "[a]", "*"]) {
      expect(wrongTarget(["localhost", entry]), entry).to.equal(entry);
      expect(() => allowedTargets([entry]), entry).to.throw("--allow-targets: must be HOST, HOST:PORT");
    }
  });
});
