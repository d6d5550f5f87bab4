import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { loadEndpointModule } from "../../../services/common/endpoint-module.ts";
import { AssayError } from "../../../services/common/errors.ts";

const endpoint = `{ mine: () => ({ path: "/x", canStream: true, formatBody: () => new Uint8Array(1), parse: () => null }) }`;

describe("the file of --endpoint-module", () => {
  let folder: string;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "assay endpoint % "));
  });

  after(() => rm(folder, { recursive: true, force: true }));

  const load = async (name: string, text: string) => {
    const path = join(folder, name);
    await writeFile(path, text);
    return loadEndpointModule(path);
  };

  const good: readonly (readonly [name: string, text: string])[] = [
    ["a.mjs", `export const endpoints = ${endpoint};`],
    ["a.ts", `type Name = string;\nexport const endpoints: Record<Name, unknown> = ${endpoint};`],
    ["a.cjs", `exports.endpoints = ${endpoint};`],
    ["waits.mjs", `await Promise.resolve();\nexport const endpoints = ${endpoint};`],
  ];
  for (const [name, text] of good) {
    it(`is loaded: ${name}`, async () => {
      expect((await load(name, text)).names).to.include.members(["chat", "mine"]);
    });
  }

  const bad: readonly (readonly [name: string, text: string, reason: RegExp])[] = [
    ["throws.mjs", `throw new Error("boom\\nand more");`, /cannot be loaded: boom$/],
    ["throws-text.mjs", `throw "boom";`, /cannot be loaded: boom$/],
    ["syntax.mjs", "export const endpoints = ;", /cannot be loaded: Unexpected token/],
    ["enum.ts", `enum A { x }\nexport const endpoints = ${endpoint};`, /cannot be loaded: .*enum is not supported/],
    ["imports.mjs", `import "./gone.mjs";`, /cannot be loaded: Cannot find module .*gone\.mjs/],
    ["empty.mjs", "", /: must export endpoints/],
    ["taken.mjs", `export const endpoints = { chat: () => ({}) };`, /: there is an endpoint chat already/],
    ["data.txt", "hello", /cannot be loaded: Unknown file extension/],
  ];
  for (const [name, text, reason] of bad) {
    it(`is refused in one line that names it: ${name}`, async () => {
      const error = await load(name, text).then(
        () => expect.fail("it was loaded"),
        (thrown: unknown) => thrown,
      );
      expect(error).to.be.instanceOf(AssayError).with.property("code", "invalid_argument");
      const { message } = error as AssayError;
      expect(message).to.match(reason).and.not.include("\n");
      expect(message.startsWith(`--endpoint-module ${join(folder, name)}: `)).to.equal(true);
    });
  }

  it("is refused where there is none, or a folder", async () => {
    for (const path of [join(folder, "gone.mjs"), folder]) {
      const message = await loadEndpointModule(path).then(
        () => "loaded",
        (error: unknown) => (error as Error).message,
      );
      expect(message)
        .to.match(/^--endpoint-module .*: cannot be loaded: [^\n]+$/)
        .and.include(path);
    }
  });
});
