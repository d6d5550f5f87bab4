import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { AssayError } from "../../../services/common/errors.ts";
import { createEncodingCounter } from "../../../services/common/tokenizer/encodings.ts";
import { loadTokenizer } from "../../../services/common/tokenizer/load.ts";
import { encodingNames, type TokenizerSource } from "../../../services/common/tokenizer/source.ts";
import { failureOf } from "../rpc/harness.ts";

const tiny = join(import.meta.dirname, "../../fixtures/tokenizer/tiny");

describe("counting tokens by an encoding", () => {
  const texts = ["hello world", "", "        return x", "naïve 🚂"];
  for (const [name, counts] of [
    ["o200k_base", [2, 0, 3, 5]],
    ["o200k_harmony", [2, 0, 3, 5]],
    ["cl100k_base", [2, 0, 3, 6]],
    ["p50k_base", [2, 0, 3, 5]],
    ["r50k_base", [2, 0, 9, 5]],
  ] as const) {
    it(`is over the whole text for ${name}`, () => {
      const count = createEncodingCounter(name);
      expect(texts.map(count)).to.deep.equal(counts);
    });
  }

  for (const name of encodingNames) {
    it(`takes the name of a special token for the text that it is: ${name}`, () => {
      expect(createEncodingCounter(name)("<|endoftext|>")).to.be.greaterThan(1);
    });
  }
});

describe("counting tokens by a tokenizer.json", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "assay-tokenizer-"));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  const path = (...parts: string[]): TokenizerSource => ({ kind: "path", path: join(...parts) });

  it("is over the whole text, without the special tokens that the model puts around it", async () => {
    const count = await loadTokenizer(path(tiny));
    // "The" and " the" are merged; the letters of " x" are not.
    expect(["The", " the", " x", "", "The the x"].map((text) => count?.(text))).to.deep.equal([1, 1, 2, 0, 4]);
  });

  it("finds the file itself, and in a folder, also by a link", async () => {
    await symlink(tiny, join(folder, "link"));
    for (const source of [path(tiny, "tokenizer.json"), path(folder, "link"), path(folder, "link", "tokenizer.json")]) {
      expect((await loadTokenizer(source))?.("The")).to.equal(1);
    }
  });

  it("reads a tokenizer_config.json beside it, and does without", async () => {
    const definition = { model: { type: "WordLevel", vocab: { a: 0, "[UNK]": 1 }, unk_token: "[UNK]" }, decoder: null };
    const json = JSON.stringify({
      ...definition,
      normalizer: null,
      pre_tokenizer: { type: "Whitespace" },
      post_processor: null,
      added_tokens: [],
    });
    await writeFile(join(folder, "tokenizer.json"), json);
    expect((await loadTokenizer(path(folder)))?.("a b, a")).to.equal(4);
    await writeFile(join(folder, "tokenizer_config.json"), "{}");
    expect((await loadTokenizer(path(folder)))?.("a b, a")).to.equal(4);
    await writeFile(join(folder, "tokenizer_config.json"), "{");
    expect((await failureOf(loadTokenizer(path(folder)))).message).to.contain("tokenizer_config.json cannot be read as JSON");
  });

  it("finds a package that is installed where the process was started", async () => {
    const here = process.cwd();
    await mkdir(join(folder, "node_modules/@scope/tokens/models"), { recursive: true });
    await symlink(join(tiny, "tokenizer.json"), join(folder, "node_modules/@scope/tokens/models/tokenizer.json"));
    process.chdir(folder);
    try {
      const count = await loadTokenizer({ kind: "package", name: "@scope/tokens" });
      expect(count?.("The")).to.equal(1);
    } finally {
      process.chdir(here);
    }
  });

  it("counts nothing where none is asked for", async () => {
    expect(await loadTokenizer({ kind: "none" })).to.equal(undefined);
  });

  const refused: readonly (readonly [what: string, code: string, message: RegExp, make: () => Promise<TokenizerSource>])[] = [
    [
      "a file that is not there",
      "not_found",
      /there is no .*gone\.json; models are not fetched/,
      async () => path(folder, "gone.json"),
    ],
    ["a folder without a tokenizer", "not_found", /the folder .* has no tokenizer\.json/, async () => path(folder)],
    [
      "a package that is not installed",
      "not_found",
      /neither no-such-package\/tokenizer\.json nor no-such-package\/models\/tokenizer\.json is installed: .*node_modules/,
      async () => ({ kind: "package", name: "no-such-package" }),
    ],
    ["what is no JSON", "invalid_argument", /cannot be read as JSON/, () => file("hello")],
    ["JSON that is no tokenizer", "invalid_argument", /is no tokenizer: .*model/, () => file("{}")],
    ["a list", "invalid_argument", /is no tokenizer/, () => file("[]")],
    ["null", "invalid_argument", /is no tokenizer/, () => file("null")],
    [
      "a tokenizer with broken parts",
      "invalid_argument",
      /is no tokenizer/,
      () => file('{"model":{"type":"BPE"},"decoder":null}'),
    ],
    ["a device", "invalid_argument", /is no file/, async () => path("/dev/null")],
  ];
  async function file(text: string): Promise<TokenizerSource> {
    await writeFile(join(folder, "x.json"), text);
    return path(folder, "x.json");
  }
  for (const [what, code, message, make] of refused) {
    it(`refuses ${what}, naming the field`, async () => {
      const error = await failureOf(loadTokenizer(await make()));
      expect(error).to.be.instanceOf(AssayError).and.include({ code });
      expect(error.message).to.match(message);
      expect(error.violations.map(({ field }) => field)).to.deep.equal(["tokenizer.name"]);
    });
  }

  it("reads no path that it may not, nor one that a folder leads to", async () => {
    const asked: string[] = [];
    const refuse = async (asking: string): Promise<string> => {
      asked.push(asking);
      if (asking.endsWith("tokenizer.json")) throw new AssayError("permission_denied", "not that one");
      return asking;
    };
    expect((await failureOf(loadTokenizer(path(tiny), refuse))).code).to.equal("permission_denied");
    expect(asked).to.deep.equal([tiny, join(tiny, "tokenizer.json")]);
  });
});
