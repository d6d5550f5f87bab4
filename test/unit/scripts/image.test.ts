import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";

const root = join(import.meta.dirname, "../../..");
/** Nothing of these is in the program. */
const tools = ["test", "bench", "scripts"];

describe("the image", () => {
  it("is built from every folder that has sources of the program", () => {
    const { include } = JSON.parse(readFileSync(join(root, "tsconfig.json"), "utf8")) as { include: string[] };
    const lines = readFileSync(join(root, ".dockerignore"), "utf8").split("\n");
    const sources = include.filter((folder) => !tools.includes(folder));
    expect(lines).to.include.members([...sources, "gen", "scripts/build", "scripts/build.mjs"].map((path) => `!${path}`));
  });
});
