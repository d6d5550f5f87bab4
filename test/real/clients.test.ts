/** The clients for Python and Go: their own tests and their examples against a suite, whose figures are those of the command line. */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { parse } from "csv-parse/sync";
import { createCertWorkshop } from "../support/certs.ts";
import { type Ended, expectRun, root, runProgram } from "../support/installed.ts";
import { program, type ServedSuite, startServedSuite } from "../support/served-suite.ts";
import { blocksOf } from "../support/shell-page.ts";

const servers = process.env.ASSAY_SERVERS ?? join(homedir(), ".cache/assay-servers");
const python = join(servers, "python-client/bin/python");

/** A client, and how its examples are run. */
interface Client {
  readonly folder: string;
  isThere(): Promise<boolean>;
  /** Makes it usable from a folder of the test. Resolves with the environment that it needs. */
  install(folder: string): Promise<NodeJS.ProcessEnv>;
  /** Program and arguments of an example. */
  example(folder: string, name: string): readonly [string, ...string[]];
  /** Runs what a page shows: a whole program, or the body of a function of a context and a spec that returns an error. */
  runBlock(text: string, folder: string, env: NodeJS.ProcessEnv): Promise<Ended>;
  /** Its own tests, and the checks of its sources. */
  readonly checks: readonly (readonly [string, ...string[]])[];
}

const clients: Readonly<Record<string, Client>> = {
  Python: {
    folder: join(root, "clients/python"),
    isThere: async () => existsSync(join(servers, "python-client/.installed")),
    // As `pip install ./clients/python` does, but that what it needs is there already.
    async install(folder) {
      const target = join(folder, "python");
      const args = [
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--target",
        target,
        "./clients/python",
      ];
      await expectRun(python, args, { cwd: root });
      return { PYTHONPATH: target, PYTHONDONTWRITEBYTECODE: "1" };
    },
    example: (_folder, name) => [python, join(root, "clients/python/examples", `${name}.py`)],
    runBlock: (text, folder, env) => runProgram(python, ["-c", text], { cwd: folder, env }),
    checks: [
      [python, "-m", "unittest", "discover", "--start-directory", "tests"],
      [python, "-m", "ruff", "check", "--no-cache", "."],
      [python, "-m", "ruff", "format", "--no-cache", "--check", "."],
      [python, "-m", "mypy", "--cache-dir", "/dev/null", "assay_client", "examples", "tests"],
    ],
  },
  Go: {
    folder: join(root, "clients/go"),
    isThere: () => new Promise((resolve) => execFile("go", ["version"], (error) => resolve(error === null))),
    async install(folder) {
      await expectRun("go", ["build", "-o", `${join(folder, "go")}/`, "./examples/..."], { cwd: join(root, "clients/go") });
      return {};
    },
    example: (folder, name) => [join(folder, "go", name === "records" ? "csv" : name)],
    // In a module of its own, as a user's is.
    async runBlock(text, folder, env) {
      const cwd = join(folder, "page");
      await mkdir(cwd);
      await copyFile(join(root, "clients/go/go.sum"), join(cwd, "go.sum"));
      const spec =
        (await readFile(join(root, "clients/go/examples/gate/main.go"), "utf8")).match(/const spec = `.*?`/s)?.[0] ?? "";
      await writeFile(join(cwd, "main.go"), goProgram(spec, text));
      await expectRun("go", ["mod", "init", "page"], { cwd });
      await expectRun("go", ["mod", "edit", "-require=assay@v0.0.0", `-replace=assay=${join(root, "clients/go")}`], { cwd });
      return runProgram("go", ["run", "-mod=mod", "."], { cwd, env });
    },
    checks: [
      ["go", "test", "-count=1", "."],
      ["go", "vet", "./..."],
      ["bash", "-c", 'unformatted=$(gofmt -l *.go examples) && echo "$unformatted" && [ -z "$unformatted" ]'],
    ],
  },
};

function goProgram(spec: string, body: string): string {
  return `package main

import (
	"assay"
	common "assay/gen/assay/common/v1"
	"context"
	"fmt"
	"os"

	"google.golang.org/protobuf/encoding/protojson"
)

${spec}

func run(ctx context.Context, spec *common.RunSpec) error {
${body}
	fmt.Println(summary.GetPhases()[0].GetName())
	return nil
}

func main() {
	parsed := &common.RunSpec{}
	err := protojson.Unmarshal(fmt.Appendf(nil, spec, os.Getenv("TARGET_URL")), parsed)
	if err == nil {
		err = run(context.Background(), parsed)
	}
	if err != nil {
		panic(err)
	}
}
`;
}

for (const [language, client] of Object.entries(clients)) {
  describe(`the client for ${language}`, function () {
    this.timeout(300_000);
    let suite: ServedSuite;
    let guarded: ServedSuite;
    let folder: string;
    let env: NodeJS.ProcessEnv;
    const workshop = createCertWorkshop();

    before(async function () {
      if (!(await client.isThere())) {
        // Its tools cannot be had here: test/real/prepare says so.
        this.skip();
      }
      folder = await mkdtemp(join(tmpdir(), "assay-client-"));
      const ca = workshop.ca("a suite's");
      const own = ca.issue("suite", "IP:127.0.0.1", "URI:assay:role:member");
      const operator = ca.issue("operator", "URI:assay:role:operator");
      const tls = ["--tls-cert", own.certPath, "--tls-key", own.keyPath, "--tls-ca", ca.certPath];
      suite = await startServedSuite();
      guarded = await startServedSuite({ args: [...tls, "--tls-client-certificates", "required"] });
      env = {
        ...(await client.install(folder)),
        ASSAY_CONTROLLER: suite.address,
        ASSAY_TOKEN_FILE: suite.tokenFile,
        TARGET_URL: suite.targetUrl,
        ASSAY_TLS_ADDRESS: guarded.address,
        ASSAY_TLS_FILES: [ca.certPath, operator.certPath, operator.keyPath, guarded.tokenFile].join(":"),
      };
    });

    after(async () => {
      await Promise.all([suite?.stop(), guarded?.stop()]);
      if (folder !== undefined) await rm(folder, { recursive: true });
      workshop.remove();
    });

    const run = (name: string, ...args: readonly string[]): Promise<Ended> => {
      const [file, ...before] = client.example(folder, name);
      return runProgram(file, [...before, ...args], { cwd: folder, env });
    };

    /** What the command line says of a run of the suite. */
    const said = async (...args: readonly string[]): Promise<string> => {
      const suiteArgs = ["--controller", suite.address, "--token-file", suite.tokenFile];
      const { stdout } = await expectRun(process.execPath, [program, "runs", ...args, ...suiteArgs], { cwd: folder });
      return stdout;
    };

    for (const [file, ...args] of client.checks) {
      it(`passes ${[file === python ? "python" : file, ...args.slice(0, 3)].join(" ")}`, async () => {
        const { code, stdout, stderr } = await runProgram(file, args, { cwd: client.folder, env });
        expect(code, `${stdout}${stderr}`).to.equal(0);
      });
    }

    const drive = async (): Promise<{ runId: string; stdout: string }> => {
      const { code, stdout, stderr } = await run("drive", suite.targetUrl);
      expect(code, stderr).to.equal(0);
      const [, runId = "", state] = /^(\S+) RUN_STATE_(\w+)$/m.exec(stdout) ?? [];
      expect(state).to.equal("COMPLETED");
      return { runId, stdout };
    };

    it("drives a run, whose figures are those of the command line", async () => {
      const { runId, stdout } = await drive();
      expect(stdout).to.contain("phase profiling began");
      const told = [...stdout.matchAll(/^(\w+) (\w+): p50 (\S+) ms, p99 (\S+) ms$/gm)];
      expect(told).to.have.length(4);
      const { phases } = JSON.parse(await said("summary", runId, "--json"));
      for (const [, phase, tag = "", p50, p99] of told) {
        const { metrics } = phases.find(({ name }: { name: string }) => name === phase);
        expect([Number(p50), Number(p99)]).to.deep.equal([metrics[tag].p50, metrics[tag].p99]);
      }
    });

    it("changes the load of a run while it goes on, and ends it", async () => {
      const { code, stdout, stderr } = await run("adjust", suite.targetUrl);
      expect(code, stderr).to.equal(0);
      for (const rate of [20, 40, 80]) expect(stdout).to.contain(`rate ${rate} per second`);
      const [, runId = "", count] = /^(\S+): (\d+) requests/m.exec(stdout) ?? [];
      const { state, phases } = JSON.parse(await said("summary", runId, "--json"));
      expect(state).to.equal("cancelled");
      expect(phases[0].identity.succeeded).to.equal(Number(count)).and.at.least(50);
    });

    it("reads the records that the command line does", async () => {
      const { runId } = await drive();
      const wanted = ["--phase", "profiling", "--where", "ttft > 0ms", "--format", "csv"];
      const rows = parse(await said("records", runId, ...wanted), { columns: true }) as Record<string, string>[];
      const { code, stdout, stderr } = await run("records", runId, "ttft > 0ms");
      expect(code, stderr).to.equal(0);
      expect(rows).to.have.length(50);
      if (language === "Go") {
        const own = parse(stdout, { columns: true }) as Record<string, string>[];
        const pick = ({ credit_id, status, time_to_first_token, request_latency }: Record<string, string>) =>
          [credit_id, status, time_to_first_token, request_latency].map(Number);
        expect(own.map(pick)).to.deep.equal(rows.map(pick));
      } else {
        const { request_latency: described } = JSON.parse(stdout);
        const values = rows.map(({ request_latency }) => Number(request_latency));
        expect(described).to.include({ count: 50, min: Math.min(...values), max: Math.max(...values) });
      }
    });

    it("does what its page shows", async () => {
      const blocks = await blocksOf(join(root, "docs/clients.md"), language.toLowerCase());
      expect(blocks).to.have.length(1);
      const text = (blocks[0] ?? "").replaceAll("http://127.0.0.1:8000", suite.targetUrl);
      const { code, stdout, stderr } = await client.runBlock(text, folder, env);
      expect(code, `${stdout}${stderr}`).to.equal(0);
      expect(stdout).to.contain("profiling");
    });

    it("gates a job by its exit code", async () => {
      const codes = [];
      for (const objective of ["ttft:p99 < 60s", "ttft:p99 < 0.001ms", "nonsense"]) {
        const { code } = await run("gate", suite.targetUrl, objective);
        codes.push(code);
      }
      expect(codes).to.deep.equal([0, 1, 2]);
    });
  });
}
