import { execFile } from "node:child_process";
import { join } from "node:path";
import { expect } from "chai";
import { endsWithinMs, expectReconciled, runFile, useStages } from "../support/suite.ts";

const program = join(import.meta.dirname, "../../services/main.ts");
const maxFds = 256;

interface Exit {
  readonly code: number;
  readonly stderr: string;
}

/** `assay run` against the built-in server, whose processes may have so few descriptors. */
function runWithFewDescriptors(cwd: string, ...args: readonly string[]): Promise<Exit> {
  const words = ["run", "--no-gpu-telemetry", "--workers-max", "1", "--artifact-dir", "out", "--ui", "none", ...args];
  const { promise, resolve } = Promise.withResolvers<Exit>();
  const command = `ulimit -n ${maxFds}; exec "$0" "$@"`;
  const env = { ...process.env, XDG_DATA_HOME: join(cwd, "data"), XDG_RUNTIME_DIR: cwd };
  execFile("sh", ["-c", command, process.execPath, program, ...words], { cwd, env, timeout: endsWithinMs }, (error, _, stderr) =>
    resolve({ code: Number(error?.code ?? 0), stderr }),
  );
  return promise;
}

describe("a host with few file descriptors", function () {
  this.timeout(2 * endsWithinMs);
  const test = useStages();

  test("refuses a load that cannot open its connections, and says what there must be", async ({ folder, mock }) => {
    const { url } = await mock();
    const { code, stderr } = await runWithFewDescriptors(
      folder,
      "-m",
      "m",
      "-u",
      url,
      "--concurrency",
      "1000",
      "--num-requests",
      "900",
    );
    expect(stderr).to.match(
      /^assay run: --concurrency 1000: 900 connections on 1 worker need 964 file descriptors a process, \S+ gives 256: .*\(ulimit -n 964\).*\n$/,
    );
    expect(code).to.equal(2);
  });

  test("fails the requests that find none left, and goes on", async ({ folder, mock }) => {
    const server = await mock({ ttftMs: 2000 });
    const load = ["--request-rate", "400", "--request-count", "400", "--arrival-pattern", "constant"];
    const taken = ["--no-probe", "--failed-request-threshold", "1"];
    const { code, stderr } = await runWithFewDescriptors(folder, "-m", "m", "-u", server.url, ...taken, ...load);
    expect(code, stderr).to.equal(0);
    const file = runFile(join(folder, "out"));
    expect(file.events.filter(({ kind }) => kind === "worker_exited")).to.deep.equal([]);
    expect(file.rows).to.equal(400);
    expect(Object.keys(file.errors).sort()).to.deep.equal(["", "unsendable"]);
    expectReconciled(file, server.stats());
  });
});
