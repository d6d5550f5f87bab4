import { spawn } from "node:child_process";
import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { expect } from "chai";

const root = join(dirname(fileURLToPath(import.meta.url)), "../..");

/** One line of source in a file of some layer, and the rule that refuses it; none for what is allowed. */
interface Fixture {
  readonly file: string;
  readonly line: string;
  readonly refusedBy?: string;
}

const imports = "lint/style/noRestrictedImports";
const globals = "lint/style/noRestrictedGlobals";
/** Rules written for this repository report under this one name. */
const own = "plugin";

const impureModules = [
  "node:fs",
  "node:fs/promises",
  "@grpc/grpc-js",
  "@connectrpc/connect",
  "@connectrpc/connect-node",
  "undici",
  "better-sqlite3",
  "winston",
  "convict",
];

const fixtures: readonly Fixture[] = [
  ...[
    "services/timing/core/a.ts",
    "services/timing/core/deep/a.ts",
    "endpoints/openai/a.ts",
    "metrics/a.ts",
    "report/a.ts",
  ].flatMap((file) => [
    ...impureModules.map((name) => ({ file, line: `import "${name}";`, refusedBy: imports })),
    { file, line: "export const now = Date.now();", refusedBy: own },
    { file, line: "export const today = new Date();", refusedBy: own },
    { file, line: "export const drawn = Math.random();", refusedBy: own },
    { file, line: "export const read = performance.now();", refusedBy: globals },
    { file, line: "export const timer = setTimeout(String, 1);", refusedBy: globals },
    { file, line: "export const pid = process.pid;", refusedBy: globals },
    { file, line: "export const label = (ms: number) => new Date(ms).toISOString();" },
  ]),
  { file: "services/timing/core/b.ts", line: `import "../../common/errors.ts";` },
  { file: "services/timing/core/b.ts", line: `import "../../common/log.ts";`, refusedBy: imports },
  { file: "services/timing/core/b.ts", line: `import "../../common/rpc/client.ts";`, refusedBy: imports },
  { file: "services/timing/core/b.ts", line: `import "../../worker/core/pacer.ts";`, refusedBy: imports },
  { file: "services/timing/core/b.ts", line: `import "../../../gen/assay/worker/v1/worker_pb.js";` },
  { file: "services/timing/module.ts", line: `import "../worker/module.ts";`, refusedBy: imports },
  { file: "services/timing/module.ts", line: `export const load = () => import("../worker/module.ts");`, refusedBy: imports },
  { file: "services/timing/module.ts", line: `import type { A } from "../worker-manager/module.ts";`, refusedBy: imports },
  { file: "services/timing/module.ts", line: `import "../../clients/cli/run.ts";`, refusedBy: imports },
  { file: "services/timing/module.ts", line: `import "winston";`, refusedBy: imports },
  { file: "services/timing/module.ts", line: `import "node:net";` },
  { file: "services/timing/module.ts", line: `import "../../gen/assay/worker/v1/worker_pb.js";` },
  { file: "services/common/clock.ts", line: `import "../timing/core/pacer.ts";`, refusedBy: imports },
  { file: "services/common/rpc/server.ts", line: `import "../../controller/module.ts";`, refusedBy: imports },
  { file: "services/common/rpc/server.ts", line: `import "node:http2";` },
  { file: "services/common/log.ts", line: `import "winston";` },
  { file: "services/common/config.ts", line: `import "convict";` },
  { file: "services/common/config.ts", line: `import "../timing/config.ts";`, refusedBy: imports },
  { file: "services/main.ts", line: `import "./timing/module.ts";` },
  { file: "services/main.ts", line: `import "./common/log.ts";` },
  { file: "endpoints/b.ts", line: `import "../services/timing/core/pacer.ts";`, refusedBy: imports },
  { file: "endpoints/b.ts", line: `import "../services/common/errors.ts";` },
  { file: "metrics/b.ts", line: `import "../services/records-manager/module.ts";`, refusedBy: imports },
  { file: "report/b.ts", line: `import "../services/records-manager/module.ts";`, refusedBy: imports },
  { file: "report/b.ts", line: `import "../clients/cli/run.ts";`, refusedBy: imports },
  { file: "report/b.ts", line: `import "../gen/assay/controller/v1/controller_pb.js";` },
  { file: "services/records-manager/exports/a.ts", line: `import "../../../report/table.ts";` },
  { file: "clients/cli/a.ts", line: `import "../../services/common/errors.ts";` },
  { file: "clients/cli/a.ts", line: `import "../../services/common/rpc/client.ts";` },
  { file: "clients/cli/a.ts", line: `import "../../services/common/suite-files.ts";` },
  { file: "clients/cli/a.ts", line: `import "../../services/common/version.ts";` },
  { file: "clients/cli/a.ts", line: `import "../../services/common/run-id.ts";` },
  { file: "clients/cli/a.ts", line: `import "../../services/common/endpoint-module.ts";` },
  { file: "clients/cli/a.ts", line: `import "../../services/common/clock.ts";`, refusedBy: imports },
  { file: "clients/cli/a.ts", line: `import "../../gen/assay/common/v1/run_spec_pb.js";` },
  { file: "test/unit/a.test.ts", line: `import "../../services/timing/core/pacer.ts";` },
  { file: "test/unit/a.test.ts", line: "export const first = (x: any) => x!;" },
  { file: "services/timing/types.ts", line: "export const any = (x: any) => x;", refusedBy: "lint/suspicious/noExplicitAny" },
  { file: "services/timing/types.ts", line: "export const some = (x?: 1) => x!;", refusedBy: "lint/style/noNonNullAssertion" },
  { file: "services/timing/hen.ts", line: `import "./egg.ts";`, refusedBy: "lint/suspicious/noImportCycles" },
  { file: "services/timing/egg.ts", line: `import "./hen.ts";`, refusedBy: "lint/suspicious/noImportCycles" },
];

describe("who may import what", () => {
  /** By `file:line`, the rules that refused it. */
  let refusals: ReadonlyMap<string, readonly string[]>;

  before("lint all fixtures in one go", async () => {
    refusals = await lint(sources());
  });

  for (const { file, line, refusedBy } of fixtures) {
    it(`${refusedBy === undefined ? "lets" : "refuses"} ${line} in ${file}`, () => {
      const rules = refusals.get(`${file}:${linesOf(file).indexOf(line) + 1}`) ?? [];
      if (refusedBy === undefined) expect(rules).to.deep.equal([]);
      else expect(rules).to.include(refusedBy);
    });
  }
});

function linesOf(file: string): readonly string[] {
  return fixtures.filter((fixture) => fixture.file === file).map((fixture) => fixture.line);
}

function sources(): ReadonlyMap<string, string> {
  return new Map(fixtures.map(({ file }) => [file, `${linesOf(file).join("\n")}\n`]));
}

/** Lints files in a folder of their own that has this repository's rules. */
async function lint(files: ReadonlyMap<string, string>): Promise<ReadonlyMap<string, readonly string[]>> {
  const folder = await mkdtemp(join(tmpdir(), "assay-layers-"));
  try {
    for (const name of ["biome.json", ".gitignore", "scripts/lint"])
      await cp(join(root, name), join(folder, name), { recursive: true });
    for (const [file, source] of files) {
      await mkdir(dirname(join(folder, file)), { recursive: true });
      await writeFile(join(folder, file), source);
    }
    const biome = join(root, "node_modules/@biomejs/biome/bin/biome");
    const args = [biome, "lint", "--reporter=json", "--max-diagnostics=none", "."];
    const child = spawn(process.execPath, args, { cwd: folder, stdio: ["ignore", "pipe", "ignore"], timeout: 15_000 });
    const report = JSON.parse(await text(child.stdout)) as Report;
    const byPlace = Object.groupBy(report.diagnostics, ({ location }) => `${location.path}:${location.start.line}`);
    return new Map(Object.entries(byPlace).map(([place, found]) => [place, (found ?? []).map(({ category }) => category)]));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The part of Biome's JSON report that matters here. */
interface Report {
  readonly diagnostics: readonly {
    readonly category: string;
    readonly location: { readonly path: string; readonly start: { readonly line: number } };
  }[];
}
