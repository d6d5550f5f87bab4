import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import { expect } from "chai";
import { filesIn, writeFile as writeFileOf, writeFiles } from "../../../clients/cli/run-files.ts";
import { ExportRunResponseSchema } from "../../../gen/assay/records_manager/v1/records_manager_service_pb.js";
import type { AssayError } from "../../../services/common/errors.ts";

async function* parts(...rows: readonly (readonly [file: string, text: string, isLast: boolean])[]) {
  for (const [file, text, isLast] of rows) {
    yield create(ExportRunResponseSchema, { file, data: new TextEncoder().encode(text), isLast });
  }
}

async function failureOf(promise: Promise<unknown>): Promise<AssayError> {
  return promise.then(
    () => expect.fail("it succeeded"),
    (error) => error,
  );
}

describe("files of a run that are fetched", () => {
  let folder = "";

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "assay-files-"));
  });

  afterEach(async () => rm(folder, { recursive: true }));

  it("are put together in a folder that is made, in place of older ones", async () => {
    const deep = join(folder, "a/b");
    await writeFiles(deep, parts(["x.json", "old and longer", true]));
    expect(await writeFiles(deep, parts(["x.json", "ne", false], ["x.json", "w", true], ["run.db", "", true]))).to.deep.equal([
      "x.json",
      "run.db",
    ]);
    expect(await readFile(join(deep, "x.json"), "utf8")).to.equal("new");
    expect(await filesIn(deep)).to.deep.equal(["run.db", "x.json"]);
  });

  it("leave the older one where they break off", async () => {
    await writeFile(join(folder, "x.json"), "old");
    expect((await failureOf(writeFiles(folder, parts(["x.json", "ne", false])))).code).to.equal("data_loss");
    expect((await failureOf(writeFiles(folder, parts(["x.json", "ne", false], ["y", "", true])))).message).to.equal(
      "x.json ended in the middle",
    );
    expect(await readFile(join(folder, "x.json"), "utf8")).to.equal("old");
    expect(await readdir(folder)).to.deep.equal(["x.json"]);
  });

  for (const name of ["../x", "/etc/x", "a/b", "..", ".", "", "a\\b"]) {
    it(`are never put where ${JSON.stringify(name)} says`, async () => {
      expect((await failureOf(writeFiles(folder, parts([name, "x", true])))).code).to.equal("data_loss");
      expect(await readdir(folder)).to.deep.equal([]);
    });
  }

  it("go to a path of one's own where they are one", async () => {
    const path = join(folder, "a/b.txt");
    await writeFileOf(path, parts(["x.json", "ne", false], ["x.json", "w", true]));
    expect(await readFile(path, "utf8")).to.equal("new");
    const several = parts(["x.json", "other", true], ["y.json", "", true]);
    expect((await failureOf(writeFileOf(path, several))).code).to.equal("data_loss");
  });

  it("take the place of no folder and of no device", async () => {
    for (const [path, what] of [
      [folder, "a folder"],
      ["/dev/null", "no file"],
    ] as const) {
      const error = await failureOf(writeFileOf(path, parts(["x.json", "", true])));
      expect([error.code, error.message]).to.deep.equal([
        "failed_precondition",
        `${path} is ${what}: expected the path of a file`,
      ]);
    }
    expect((await stat("/dev/null")).isFile()).to.equal(false);
  });

  it("name the folder that cannot be written", async () => {
    await writeFile(join(folder, "file"), "");
    const error = await failureOf(writeFiles(join(folder, "file"), parts(["x", "", true])));
    expect(error.message).to.match(/^writing into .*file: /);
  });

  it("are none in a folder that is not there", async () => {
    expect(await filesIn(join(folder, "none"))).to.deep.equal([]);
  });
});
