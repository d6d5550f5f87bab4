import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { readFloor, writeFloor } from "../../../services/common/floor-store.ts";
import { goodFloor } from "../../unit/floors.ts";

describe("the store of floors", () => {
  let base: string;
  let folder: string;
  beforeEach(() => {
    base = mkdtempSync(join(tmpdir(), "assay-floors-"));
    folder = join(base, "assay", "runs");
  });
  afterEach(() => rmSync(base, { recursive: true, force: true }));

  it("keeps one floor a key, the latest, and makes its folder", () => {
    expect(readFloor(folder, "a")).to.equal(undefined);
    writeFloor(folder, goodFloor, "a");
    writeFloor(folder, { ...goodFloor, tookSec: 1 }, "b");
    writeFloor(folder, { ...goodFloor, tookSec: 2 }, "a");
    expect(readFloor(folder, "a")?.tookSec).to.equal(2);
    expect(readFloor(folder, "b")).to.deep.equal({ ...goodFloor, tookSec: 1 });
    expect(readdirSync(folder)).to.deep.equal(["floors.json"]);
  });

  it("is keyed by this boot, Node and version, and forgets the oldest", () => {
    writeFloor(folder, goodFloor);
    expect(readFloor(folder)).to.deep.equal(goodFloor);
    for (let index = 0; index < 8; index++) writeFloor(folder, goodFloor, `other ${index}`);
    expect(readFloor(folder)).to.equal(undefined);
  });

  it("takes a file that is not whole for none", () => {
    writeFloor(folder, goodFloor, "a");
    for (const text of ['[{"key":"a","flo', "{}", '[{"key":"a","floor":{}}, 7]']) {
      writeFileSync(join(folder, "floors.json"), text);
      expect(readFloor(folder, "a"), text).to.equal(undefined);
    }
    writeFloor(folder, goodFloor, "a");
    expect(readFloor(folder, "a")).to.deep.equal(goodFloor);
  });
});
