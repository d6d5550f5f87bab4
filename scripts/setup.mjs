// Installs what a command needs, and nothing when it is there already. Plain JavaScript for Node 20, no packages.
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { withLock } from "./lock.mjs";
import { bundled, shippedPaths } from "./packages.mjs";

export const rootFolder = dirname(dirname(fileURLToPath(import.meta.url)));

/** What a command needs: the packages of a run, or also those of development. @typedef {"start" | "all"} Scope */
/** @typedef {import("./packages.mjs").LockEntries} LockEntries */

/** The set-up failed; the message says at what, with npm's own words. */
export class SetupError extends Error {}

const modules = join(rootFolder, "node_modules");
/** A Node for `start` alone, beside the packages so that removing node_modules removes it too. */
const ownNode = join(modules, ".assay-node");
const scratch = join(rootFolder, ".assay", "setup");
const oldestNode = { major: 22, minor: 19 };
const npmDeadlineMs = 600_000;
/** Longer than npm may take, so that whoever waits outlives whoever works. */
const lockDeadlineMs = 660_000;

/**
 * Makes sure that the packages of `scope` and a Node that can run them are installed. Safe to run twice at once: the second
 * waits for the first. A set-up for `start` is completed, not repeated, when `all` is asked for later, so that a running
 * benchmark keeps its files.
 * @param {Scope} scope
 * @returns {Promise<string>} path of the Node to run everything with
 */
export async function setUp(scope) {
  const ready = () => (isInstalled(scope) ? usableNode() : undefined);
  const node = ready();
  if (node !== undefined) return node;
  mkdirSync(scratch, { recursive: true });
  return await withLock(join(scratch, "lock"), { deadlineMs: lockDeadlineMs, onWait: say, fail }, async () => {
    await install(scope, ready);
    const installed = ready();
    if (installed === undefined) throw fail("npm reported success, but packages or Node are missing");
    return installed;
  });
}

/**
 * @param {Scope} scope
 * @param {() => string | undefined} ready
 */
async function install(scope, ready) {
  // Whoever held the lock before us may have done it.
  if (ready() !== undefined) return;
  const work = [];
  if (!isInstalled(scope)) work.push(installPackages(scope));
  // `all` brings the package `node`; only where its install script was not allowed to run is one needed apart from it.
  if (scope === "start" && usableNode() === undefined) work.push(installNode());
  const results = await Promise.allSettled(work);
  for (const result of results) if (result.status === "rejected") throw result.reason;
  placeNode();
  if (scope === "all" && usableNode() === undefined) {
    await installNode();
    placeNode();
  }
}

/** @param {Scope} scope */
async function installPackages(scope) {
  if (scope === "start") return await installShipped();
  // `npm ci` begins by deleting node_modules; what is only to be completed must not vanish under a running benchmark.
  const command = isInstalled("start") ? ["install", "--no-save"] : ["ci"];
  await npm("packages of development", rootFolder, [...command, "--include=dev"]);
}

/**
 * The sources load the packages that the bundles hold, and those are packages of development: named with their versions, they are
 * installed without the others, and package.json and its lock file stay as they are.
 */
async function installShipped() {
  const lock = lockEntries("package-lock.json");
  const named = bundled.map((name) => `${name}@${lock[`node_modules/${name}`]?.version}`);
  // No package of a run needs an install script.
  await npm("packages", rootFolder, ["install", "--no-save", "--save-prod", "--omit=dev", "--ignore-scripts", ...named]);
}

/** Fetches the binary package itself, since `node`, which is a wrapper of it, would start a second npm. */
async function installNode() {
  const { version } = lockEntries("package-lock.json")["node_modules/node"] ?? {};
  const folder = join(scratch, "node");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  await npm(`Node ${version}`, folder, [
    "install",
    "--no-save",
    "--no-package-lock",
    "--ignore-scripts",
    `--prefix=${folder}`,
    `${nodePackage()}@${version}`,
  ]);
}

/** Moves the fetched Node into node_modules, which `npm ci` has just made anew. */
function placeNode() {
  const fetched = join(scratch, "node", "node_modules", nodePackage());
  if (!existsSync(fetched)) return;
  rmSync(ownNode, { recursive: true, force: true });
  renameSync(fetched, ownNode);
  rmSync(join(scratch, "node"), { recursive: true, force: true });
}

/** The names that the package `node` chooses from, too. */
function nodePackage() {
  const platform = process.platform === "win32" ? "win" : process.platform;
  const prefix = process.platform === "darwin" && process.arch === "arm64" ? "node-bin" : "node";
  return `${prefix}-${platform}-${process.arch}`;
}

/** Path of the first Node that can run the sources: the one of development, the running one, the one fetched for `start`. */
function usableNode() {
  const file = process.platform === "win32" ? "node.exe" : "node";
  const developers = join(modules, "node", "bin", file);
  if (isProgram(developers)) return join(modules, ".bin", process.platform === "win32" ? join("..", "node", "bin", file) : file);
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  if (major > oldestNode.major || (major === oldestNode.major && minor >= oldestNode.minor)) return process.execPath;
  const own = [join(ownNode, "bin", file), join(ownNode, file)];
  return own.find(isProgram);
}

/**
 * A blank file stands where the install script of the package `node` was not allowed to run.
 * @param {string} path
 */
function isProgram(path) {
  return (statSync(path, { throwIfNoEntry: false })?.size ?? 0) > 1_000_000;
}

/**
 * Whether npm's own account of node_modules, which it writes last, holds every package of package-lock.json.
 * @param {Scope} scope
 */
function isInstalled(scope) {
  const present = lockEntries("node_modules/.package-lock.json");
  const lock = lockEntries("package-lock.json");
  const shipped = shippedPaths(lock);
  return Object.entries(lock).every(([path, entry]) => {
    if (path === "" || (scope === "start" && !shipped.has(path))) return true;
    const found = present[path];
    return found === undefined
      ? (entry.optional ?? entry.devOptional) === true
      : found.version === entry.version && found.integrity === entry.integrity;
  });
}

/**
 * @param {string} file
 * @returns {LockEntries}
 */
function lockEntries(file) {
  const path = join(rootFolder, file);
  return existsSync(path) ? JSON.parse(readFileSync(path, "utf8")).packages : {};
}

/**
 * Runs npm quietly; its output is shown only when it fails.
 * @param {string} what
 * @param {string} folder
 * @param {readonly string[]} args
 */
async function npm(what, folder, args) {
  say(`installing ${what} …`);
  const started = performance.now();
  // A user's engine-strict would stop here: the packages are for the Node that is being installed, not for the running one.
  const quiet = ["--no-audit", "--no-fund", "--no-progress", "--prefer-offline", "--engine-strict=false", "--loglevel=error"];
  const [program, before] = npmProgram();
  const child = spawn(program, [...before, ...args, ...quiet], {
    cwd: folder,
    stdio: ["ignore", "pipe", "pipe"],
    timeout: npmDeadlineMs,
    shell: before.length === 0 && process.platform === "win32",
  });
  const stop = () => child.kill();
  process.once("exit", stop);
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (bytes) => (output += bytes));
  const end = await new Promise((resolve) => {
    child.once("error", (error) => resolve(error.message));
    child.once("close", (code, signal) => resolve(signal ?? code));
  });
  process.off("exit", stop);
  if (end !== 0) throw fail(`npm ${args[0]} for ${what} failed (${end}):\n${output.trimEnd()}`);
  say(`${what} installed in ${((performance.now() - started) / 1000).toFixed(1)} s`);
}

/**
 * The npm that started us, so that its settings hold; another package manager's path in the same variable does not count.
 * @returns {[string, string[]]}
 */
function npmProgram() {
  const path = process.env.npm_execpath ?? "";
  return basename(path) === "npm-cli.js" ? [process.execPath, [path]] : ["npm", []];
}

/** @param {string} line */
function say(line) {
  process.stderr.write(`setup: ${line}\n`);
}

/** @param {string} message */
function fail(message) {
  return new SetupError(message);
}
