/** The package as a user gets it: packed, and installed into a prefix of its own. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { startRegistry } from "./registry.ts";

export const root = join(import.meta.dirname, "../..");

export interface Installed {
  /** Holds everything; anything may be put there. */
  readonly folder: string;
  /** What `npm pack` made. */
  readonly tarball: string;
  /** `assay` as npm links it into its `bin`. */
  readonly command: string;
  /** Where the package lies. */
  readonly packageFolder: string;
  /** Names of the packages that npm installed with it, sorted. */
  readonly dependencies: readonly string[];
  remove(): Promise<void>;
}

/** Builds, packs and installs: globally, without install scripts, with an empty cache, from a registry on loopback. */
export async function installPackage(): Promise<Installed> {
  const folder = await mkdtemp(join(tmpdir(), "assay-package-"));
  const prefix = join(folder, "prefix");
  await mkdir(prefix);
  await expectRun("npm", ["pack", "--pack-destination", folder], { cwd: root });
  const [name = ""] = (await readdir(folder)).filter((file) => file.endsWith(".tgz"));
  const tarball = join(folder, name);
  const registry = await startRegistry(join(root, "node_modules"));
  try {
    const from = ["--registry", registry.url, "--cache", join(folder, "cache")];
    const args = ["install", "--global", "--prefix", prefix, "--ignore-scripts", "--no-audit", "--no-fund", ...from, tarball];
    await expectRun("npm", args, { cwd: folder });
  } finally {
    await registry.stop();
  }
  return {
    folder,
    tarball,
    command: join(prefix, "bin", "assay"),
    packageFolder: join(prefix, "lib", "node_modules", "assay"),
    dependencies: registry.fetched(),
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly cwd: string;
  readonly env?: NodeJS.ProcessEnv;
}

const endsWithinMs = 120_000;

/** Runs a program to its end, which comes within two minutes. */
export async function runProgram(program: string, args: readonly string[], { cwd, env }: RunOptions): Promise<Ended> {
  const child: ChildProcess = spawn(program, args, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: endsWithinMs,
  });
  let [stdout, stderr] = ["", ""];
  child.stdout?.setEncoding("utf8").on("data", (text) => (stdout += text));
  child.stderr?.setEncoding("utf8").on("data", (text) => (stderr += text));
  const [code] = await once(child, "close");
  return { code, stdout, stderr };
}

/** The same, and fails with what the program wrote unless its exit code is 0. */
export async function expectRun(program: string, args: readonly string[], options: RunOptions): Promise<Ended> {
  const ended = await runProgram(program, args, options);
  expect(ended.code, `${program} ${args.join(" ")}\n${ended.stdout}${ended.stderr}`).to.equal(0);
  return ended;
}
