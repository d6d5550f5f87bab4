/** What `npm pack` makes, installed and used: the command, the library, the protos. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { basename, join, relative } from "node:path";
import { expect } from "chai";
import { leanFlags, leanVariables } from "../../clients/cli/lean-process.ts";
import { expectRun, type Installed, installPackage, root, runProgram } from "../support/installed.ts";
import { parseMetricsPage } from "../support/metrics-page.ts";
import { startCollector } from "../support/otlp-collector.ts";
import { type ServedSuite, startServedSuite } from "../support/served-suite.ts";
import { blocksOf } from "../support/shell-page.ts";

const manifest = JSON.parse(await readFile(join(root, "package.json"), "utf8"));

/** None of what a lean process is started with. */
const startedPlainly = Object.fromEntries(Object.keys(leanVariables).map((name) => [name, undefined]));

describe("the package", function () {
  this.timeout(120_000);
  let installed: Installed;

  before(async () => {
    installed = await installPackage();
  });

  after(async () => {
    await installed?.remove();
  });

  it("holds the bundles, the generated code, the protos and its papers, and nothing else", async () => {
    const { stdout } = await expectRun("tar", ["-tzf", installed.tarball], { cwd: installed.folder });
    const files = stdout.trimEnd().split("\n");
    const own = [...(await filesIn("gen")), ...(await filesIn("proto")), ...papers, ...built.map((file) => `dist/${file}`)];
    expect(files.sort()).to.deep.equal(own.map((file) => `package/${file}`).sort());
  });

  it("says nothing of the folder that it was built in", async () => {
    for (const file of built) expect(await readFile(join(installed.packageFolder, "dist", file), "utf8")).not.to.include(root);
  });

  it("names every package that its bundles hold, with its licence", async () => {
    const text = await readFile(join(installed.packageFolder, "dist/THIRD_PARTY_LICENSES"), "utf8");
    const sections = text.split(`\n${"-".repeat(80)}\n`).slice(1);
    const names = sections.map((section) => /^\n(\S+) \S+ \(\S.*\)\n\n\S/.exec(section)?.[1]);
    expect(names).to.include.members([
      "@bufbuild/protobuf",
      "@connectrpc/connect",
      "@grpc/grpc-js",
      "convict",
      "undici",
      "winston",
    ]);
    expect(names).not.to.include(undefined);
    expect(text).to.include("Copyright (c) 2010 Charlie Robbins").and.include("Copyright 2008 Google Inc.");
  });

  it("is installed with what its bundles do not hold, and with nothing else", () => {
    expect(installed.dependencies).to.deep.equal(["@bufbuild/protobuf", "better-sqlite3", "gpt-tokenizer", "node-addon-api"]);
  });

  it("brings protos that compile", async () => {
    await writeFile(
      join(installed.packageFolder, "buf.yaml"),
      "version: v2\nmodules: [{path: proto, excludes: [proto/vendor]}]\n",
    );
    const buf = join(root, "node_modules/@bufbuild/buf/bin/buf");
    await expectRun(process.execPath, [buf, "build", "--output", join(installed.folder, "protos.binpb")], {
      cwd: installed.packageFolder,
    });
  });

  it("installs a command that says its version, the commit of the build and its Node", async () => {
    const { stdout } = await expectRun(installed.command, ["--version"], { cwd: installed.folder });
    const commit = (await expectRun("git", ["rev-parse", "--short", "HEAD"], { cwd: root })).stdout.trim();
    expect(stdout).to.equal(`assay ${manifest.version} (commit ${commit}, Node ${process.version})\n`);
  });

  it("installs its manual page", async () => {
    const page = await readFile(join(installed.folder, "prefix/share/man/man1/assay.1"), "utf8");
    expect(page.split("\n")[0]).to.equal(`.TH ASSAY 1 "" "assay ${manifest.version}" "Assay manual"`);
  });

  it("refuses a Node that is too old, in one line", async () => {
    const pretend = `Object.defineProperty(process, "versions", { value: { ...process.versions, node: "22.18.9" } });`;
    await writeFile(join(installed.folder, "old.cjs"), pretend);
    const args = ["--require", "./old.cjs", installed.command, "run", "--mock"];
    const { code, stdout, stderr } = await runProgram(process.execPath, args, { cwd: installed.folder });
    expect({ code, stdout }).to.deep.equal({ code: 1, stdout: "" });
    expect(stderr).to.match(/^assay needs Node 22\.19 or newer, this is v\S+\n$/);
  });

  it("starts what stays up so that its memory stays small, in the process that was asked for", async function () {
    if (process.platform !== "linux") this.skip();
    const env: NodeJS.ProcessEnv = { ...process.env, ...startedPlainly };
    const child = spawn(installed.command, ["mock", "--port", "0"], { env, stdio: ["ignore", "pipe", "ignore"] });
    const ended = once(child, "exit");
    try {
      await Promise.race([once(child.stdout, "data"), ended]);
      const started = async (what: string) => (await readFile(`/proc/${child.pid}/${what}`, "utf8")).split("\0");
      expect(await started("cmdline")).to.include.members([...leanFlags, installed.command, "mock"]);
      expect(await started("environ")).to.include.members(Object.entries(leanVariables).map((entry) => entry.join("=")));
    } finally {
      child.kill("SIGTERM");
    }
    expect((await ended)[0]).to.equal(0);
  });

  it("runs a benchmark in processes and a thread that load one bundle each, and stores the version and the commit with it", async () => {
    const env = { NODE_V8_COVERAGE: join(installed.folder, "coverage"), XDG_DATA_HOME: installed.folder };
    const args = [
      "run",
      "--mock",
      "--streaming",
      "--request-count",
      "10",
      "--workers-max",
      "1",
      "--artifact-dir",
      "run",
      "--ui",
      "none",
    ];
    await expectRun(installed.command, args, { cwd: installed.folder, env });
    const loaded = await loadedFiles(env.NODE_V8_COVERAGE, join(installed.packageFolder, "dist"));
    const ofProcesses = ["cli", "mock", "records", "suite", "timing", "worker"].map((bundle) => `assay.cjs ${bundle}.cjs`);
    expect(loaded).to.deep.equal([...ofProcesses, "lease-thread.cjs"]);
    const summary = JSON.parse(await readFile(join(installed.folder, "run/profile_export_aiperf.json"), "utf8"));
    expect(summary.request_count.avg).to.equal(10);
    expect(summary.assay_version).to.equal(manifest.version);
    expect(summary.assay_commit).to.match(/^[0-9a-f]{7,}$/);
  });

  it("loads a user's own endpoints, from a file that awaits at its top level", async () => {
    const text = `await Promise.resolve();
      type Answer = { readonly choices: readonly { readonly message: { readonly content: string } }[] };
      export const endpoints = {
        mine: (_options: unknown, { encodeJson, parseAnswer }: any) => ({
          path: "/v1/chat/completions",
          canStream: false,
          formatBody: ({ messages, model }: any) => encodeJson({ messages, model, max_tokens: 2 }),
          parse: (response: unknown) =>
            parseAnswer(response, ({ choices }: Answer) => ({ outputText: choices[0]?.message.content ?? "", reasoningText: "" })),
        }),
      };`;
    await writeFile(join(installed.folder, "mine.ts"), text);
    const args = [
      "run",
      "--mock",
      "--no-streaming",
      "--endpoint-module",
      "mine.ts",
      "--endpoint-type",
      "mine",
      "--request-count",
      "10",
    ];
    await expectRun(installed.command, [...args, "--artifact-dir", "mine", "--ui", "none"], {
      cwd: installed.folder,
      env: { XDG_DATA_HOME: installed.folder },
    });
    const summary = JSON.parse(await readFile(join(installed.folder, "mine/profile_export_aiperf.json"), "utf8"));
    expect(summary.request_count.avg).to.equal(10);
    expect(summary.output_sequence_length.avg).to.be.greaterThan(0);
  });

  for (const protocol of ["http/json", "http/protobuf", "grpc"]) {
    it(`exports by OpenTelemetry, speaking ${protocol}, without a package of it`, async () => {
      const collector = await startCollector();
      try {
        const env = {
          OTEL_EXPORTER_OTLP_ENDPOINT: protocol === "grpc" ? collector.grpcUrl : collector.url,
          OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
          XDG_DATA_HOME: installed.folder,
        };
        const args = ["run", "--mock", "--request-count", "10", "--artifact-dir", "watched", "--ui", "none"];
        await expectRun(installed.command, args, { cwd: installed.folder, env });
        expect(collector.spans.filter(({ name }) => name.startsWith("chat "))).to.have.lengthOf(10);
        expect(collector.metrics().map(({ name }) => name)).to.include("assay.worker.sent_requests");
      } finally {
        await collector.stop();
      }
    });
  }

  it("serves its metrics page", async () => {
    const suite = await startServedSuite({ assay: installed.command, args: ["--metrics"] });
    try {
      const page = await fetch(`http://${suite.address}/metrics`, { signal: AbortSignal.timeout(10_000) });
      expect(page.status).to.equal(200);
      const { samples } = parseMetricsPage(await page.text());
      expect(samples.map(({ name }) => name)).to.include("assay_controller_created_runs_total");
    } finally {
      await suite.stop();
    }
  });

  describe("as a library", () => {
    let suite: ServedSuite;
    let consumer: string;

    before(async () => {
      suite = await startServedSuite({ assay: installed.command });
      consumer = await makeConsumer(installed);
    });

    after(async () => {
      await suite?.stop();
    });

    it("runs the program of its page, compiled as strict TypeScript", async () => {
      const page = join(root, "docs/library.md");
      await writeFile(join(consumer, "program.ts"), (await blocksOf(page, "ts")).join("\n"));
      await compile(consumer);
      const env = { XDG_RUNTIME_DIR: suite.folder, TARGET_URL: suite.targetUrl };
      const { stdout } = await expectRun(process.execPath, ["program.ts"], { cwd: consumer, env });
      expect(stdout).to.include(`Assay ${manifest.version}\n`);
      expect(stdout)
        .to.include("COMPLETED")
        .and.match(/^time_to_first_token: p50 [\d.]+ ms, p99 [\d.]+ ms$/m)
        .and.match(/rate 100 per second/);
      expect(stdout.match(/^request \d+: first token after [\d.]+ ms$/gm)).to.have.length(3);
      const exported = JSON.parse(await readFile(join(consumer, "profile_export_aiperf.json"), "utf8"));
      expect(exported.request_count.avg).to.equal(50);
    });
  });
});

/** What people read, and npm. */
const papers = ["package.json", "README.md", "LICENSE", "CHANGELOG.md"];

const built = [
  "THIRD_PARTY_LICENSES",
  "assay.1",
  "assay.cjs",
  ...[
    ...["alarm-thread", "cli", "compiled-checks", "dataset-thread", "doctor", "lease-thread", "media-thread", "metrics-page"],
    ...["mock", "otel", "otel-grpc", "query-thread", "records", "serve", "suite", "timing", "worker"],
  ].map((bundle) => `${bundle}.cjs`),
  "client.d.ts",
  "client.js",
  ...["@grpc-proto-loader", "@huggingface-tokenizers", "convict", "hdr-histogram-js", "winston", "yaml"].map(
    (name) => `packages/${name}.cjs`,
  ),
  "code.o200k.bin",
  "code.txt",
  "prose.o200k.bin",
  "prose.txt",
];

/** Files of a folder of the repository, by their paths in it. */
async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(join(root, folder), { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => relative(root, join(parentPath, name)));
}

/** What each process loaded of a folder, and every process once: Node's coverage names all scripts of a process. */
async function loadedFiles(coverage: string, folder: string): Promise<string[]> {
  const reports = await Promise.all((await readdir(coverage)).map((file) => readFile(join(coverage, file), "utf8")));
  const loaded = reports.map((report) => {
    const { result } = JSON.parse(report) as { result: { url: string }[] };
    const paths = result.flatMap(({ url }) => (url.startsWith("file:") ? [new URL(url).pathname] : []));
    return paths.filter((path) => path.startsWith(folder) && !path.includes("/packages/")).map((path) => basename(path));
  });
  return loaded.map((files) => files.sort().join(" ")).sort();
}

/** A project that has the package installed, and settings as strict as they come. */
async function makeConsumer({ folder, packageFolder }: Installed): Promise<string> {
  const consumer = join(folder, "consumer");
  await mkdir(join(consumer, "node_modules/@types"), { recursive: true });
  await symlink(packageFolder, join(consumer, "node_modules/assay"));
  await symlink(join(root, "node_modules/@types/node"), join(consumer, "node_modules/@types/node"));
  await writeFile(join(consumer, "package.json"), JSON.stringify({ name: "consumer", type: "module" }));
  const compilerOptions = {
    target: "ES2022",
    module: "NodeNext",
    types: ["node"],
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    skipLibCheck: false,
    noEmit: true,
  };
  await writeFile(join(consumer, "tsconfig.json"), JSON.stringify({ compilerOptions }));
  return consumer;
}

async function compile(folder: string): Promise<void> {
  await expectRun(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-p", "."], { cwd: folder });
}
