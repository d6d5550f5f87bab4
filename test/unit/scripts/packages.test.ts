import { expect } from "chai";
import { bundled, shippedPaths } from "../../../scripts/packages.mjs";

const [inBundle = ""] = bundled;

describe("the packages that ship", () => {
  it("are dependencies and what the bundles hold, not tools", () => {
    const lock = {
      "": { dependencies: { kept: "1" }, devDependencies: { [inBundle]: "1", tool: "1" } },
      "node_modules/kept": {},
      [`node_modules/${inBundle}`]: {},
      "node_modules/tool": {},
    };
    expect([...shippedPaths(lock)]).to.deep.equal(["node_modules/kept", `node_modules/${inBundle}`]);
  });

  it("are also what those need, however far down, once each", () => {
    const lock = {
      "": { dependencies: { one: "1" } },
      "node_modules/one": { dependencies: { two: "1" }, peerDependencies: { peer: "1" } },
      "node_modules/two": { optionalDependencies: { three: "1" }, dependencies: { one: "1" } },
      "node_modules/three": {},
      "node_modules/peer": {},
    };
    const all = ["node_modules/one", "node_modules/two", "node_modules/peer", "node_modules/three"];
    expect([...shippedPaths(lock)])
      .to.have.members(all)
      .and.to.have.length(all.length);
  });

  it("are found where Node finds them: in the nearest node_modules up the tree", () => {
    const lock = {
      "": { dependencies: { "@a/one": "1" } },
      "node_modules/@a/one": { dependencies: { two: "2", three: "1" } },
      "node_modules/@a/one/node_modules/two": { dependencies: { three: "1" } },
      "node_modules/two": {},
      "node_modules/three": {},
    };
    expect([...shippedPaths(lock)]).to.deep.equal([
      "node_modules/@a/one",
      "node_modules/@a/one/node_modules/two",
      "node_modules/three",
    ]);
  });

  it("are none that the lock file lacks, as an optional package of another platform", () => {
    expect([...shippedPaths({ "": { dependencies: { absent: "1" } } })]).to.deep.equal([]);
  });
});
