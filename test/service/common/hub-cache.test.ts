import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { hubCacheFolder, hubSnapshot } from "../../../services/common/tokenizer/hub-cache.ts";
import { loadTokenizer } from "../../../services/common/tokenizer/load.ts";
import { failureOf } from "../rpc/harness.ts";

const tiny = join(import.meta.dirname, "../../fixtures/tokenizer/tiny");
const commit = "0123456789abcdef0123456789abcdef01234567";

describe("a tokenizer by its name on the Hugging Face Hub", () => {
  let cache: string;
  const former = process.env.HF_HUB_CACHE;
  beforeEach(async () => {
    cache = await mkdtemp(join(tmpdir(), "assay-hub-"));
    process.env.HF_HUB_CACHE = cache;
    const model = join(cache, "models--some-org--Model.7B");
    await mkdir(join(model, "refs"), { recursive: true });
    await mkdir(join(model, "blobs"));
    await mkdir(join(model, "snapshots", commit), { recursive: true });
    await writeFile(join(model, "refs", "main"), commit);
    // As the Hub's programs lay it out: files are links to their contents.
    await cp(join(tiny, "tokenizer.json"), join(model, "blobs", "t"));
    await symlink("../../blobs/t", join(model, "snapshots", commit, "tokenizer.json"));
  });
  afterEach(async () => {
    if (former === undefined) delete process.env.HF_HUB_CACHE;
    else process.env.HF_HUB_CACHE = former;
    await rm(cache, { recursive: true, force: true });
  });

  for (const revision of ["main", commit]) {
    it(`is found in the Hub's cache: ${revision}`, async () => {
      const count = await loadTokenizer({ kind: "hub", name: "some-org/Model.7B", revision });
      expect(count?.("The the x")).to.equal(4);
    });
  }

  it("is not there: what was looked for is said, and how to get it", async () => {
    const missing = async (name: string, revision: string) =>
      (await failureOf(loadTokenizer({ kind: "hub", name, revision }))).message;
    expect(await missing("other/model", "main")).to.contain(`there is no ${join(cache, "models--other--model")}`);
    expect(await missing("other/model", "main")).to.contain("hf download other/model tokenizer.json");
    expect(await missing("some-org/Model.7B", "v2")).to.contain("has no revision v2");
    expect(await missing("some-org/Model.7B", "f".repeat(40))).to.contain("has no files of revision");
    await rm(join(cache, "models--some-org--Model.7B", "snapshots", commit, "tokenizer.json"));
    expect(await missing("some-org/Model.7B", "main")).to.contain("has no tokenizer.json in");
  });

  it("has no revision where the reference names no commit", async () => {
    await writeFile(join(cache, "models--some-org--Model.7B", "refs", "odd"), "../../etc");
    expect(await hubSnapshot({ name: "some-org/Model.7B", revision: "odd" }, cache)).to.have.property("missing");
  });

  it("is looked for where the Hub's own programs keep it", () => {
    expect(hubCacheFolder({ HF_HUB_CACHE: "/a", HF_HOME: "/b" })).to.equal("/a");
    expect(hubCacheFolder({ HF_HOME: "/b" })).to.equal("/b/hub");
    expect(hubCacheFolder({ XDG_CACHE_HOME: "/c" })).to.equal("/c/huggingface/hub");
    expect(hubCacheFolder({})).to.match(/\.cache\/huggingface\/hub$/);
  });
});
