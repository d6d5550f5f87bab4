// What is generated from the protos, and by what. The generators for Python and Go are installed when they are first asked for, in versions
// that are pinned here and in clients/go/tools, under ASSAY_SERVERS (default: ~/.cache/assay-servers).
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import { withLock } from "./lock.mjs";
import { rootFolder } from "./setup.mjs";

const toolsFolder = join(process.env.ASSAY_SERVERS ?? join(homedir(), ".cache", "assay-servers"), "proto-tools");
const installDeadlineMs = 1_200_000;

/** Older ones ask less of whoever runs the code: it needs a grpcio and a protobuf that are not older. */
const pythonPackages = ["grpcio-tools==1.76.0", "mypy-protobuf==5.1.0"];
const goModule = join(rootFolder, "clients", "go", "tools");

/**
 * What one template of buf generates: where, from the repository's root, what installs its generators, and what is mended of a file.
 * @typedef {{ template: string, out: string, tools?: () => Promise<string | undefined>, mend?: (text: string) => string }} Target
 */

/** @type {readonly Target[]} */
export const targets = [
  { template: "buf.gen.yaml", out: "gen" },
  { template: "clients/python/buf.gen.yaml", out: "clients/python/assay_client/gen", tools: pythonTools },
  { template: "clients/go/buf.gen.yaml", out: "clients/go/gen", tools: goTools },
  { template: "clients/openapi/buf.gen.yaml", out: "docs/openapi.yaml", tools: goTools, mend: withOneofs },
];

/**
 * Generates into `folder`. `missing`: there is no Python or no Go here to do it with.
 * @param {Target} target
 * @param {string} folder the repository's root, or another one
 * @returns {Promise<"generated" | "failed" | "missing">}
 */
export async function generate({ template, out, tools, mend }, folder) {
  const extra = await tools?.();
  if (tools !== undefined && extra === undefined) return "missing";
  const path = [extra, join(rootFolder, "node_modules", ".bin")].filter((part) => part !== undefined);
  if (!(await run("buf", ["generate", "--template", template, "--output", folder], path))) return "failed";
  const file = join(folder, out);
  if (mend !== undefined) writeFileSync(file, mend(readFileSync(file, "utf8")));
  return "generated";
}

/**
 * The fields of a oneof stand in `allOf`, which `additionalProperties` does not look into: no message with a oneof would ever fit.
 * @param {string} page
 */
function withOneofs(page) {
  return page.replaceAll("additionalProperties: false", "unevaluatedProperties: false");
}

/** Folder of a Python that has the packages. */
async function pythonTools() {
  const folder = join(toolsFolder, "python");
  const python = join(folder, "bin", "python");
  const pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", ...pythonPackages];
  const install = async () => (await run("python3", ["-m", "venv", folder])) && (await run(python, pip));
  return (await isInstalled("python3", folder, pythonPackages.join(" "), install)) ? join(folder, "bin") : undefined;
}

/** Folder of the programs that clients/go/tools names. */
async function goTools() {
  const folder = join(toolsFolder, "go");
  const pins = readFileSync(join(goModule, "go.mod"), "utf8");
  const install = () => run("go", ["install", "-C", goModule, "tool"], [], { GOBIN: folder });
  return (await isInstalled("go", folder, pins, install)) ? folder : undefined;
}

/**
 * Installs what is not there in this version. False: the program that it takes is missing. Throws where it cannot be installed.
 * @param {string} program
 * @param {string} folder
 * @param {string} version
 * @param {() => Promise<boolean>} install
 */
async function isInstalled(program, folder, version, install) {
  const stamp = join(folder, ".installed");
  const isThere = () => existsSync(stamp) && readFileSync(stamp, "utf8") === version;
  if (isThere()) return true;
  if (spawnSync(program, ["--help"], { stdio: "ignore" }).error !== undefined) return false;
  mkdirSync(folder, { recursive: true });
  const say = (/** @type {string} */ line) => process.stderr.write(`proto: ${line}\n`);
  const fail = (/** @type {string} */ message) => new Error(message);
  return await withLock(`${folder}.lock`, { deadlineMs: installDeadlineMs, onWait: say, fail }, async () => {
    if (isThere()) return true;
    say(`installing generators into ${folder} …`);
    if (!(await install())) throw fail(`installing generators by ${program} into ${folder} failed`);
    // Written last: an installation that was cut off is done again.
    writeFileSync(stamp, version);
    return true;
  });
}

/**
 * Whether a program ended well; what it says is shown.
 * @param {string} program
 * @param {readonly string[]} args
 * @param {readonly string[]} [path] before that of the environment
 * @param {Readonly<Record<string, string>>} [env]
 */
async function run(program, args, path = [], env = {}) {
  const PATH = [...path, process.env.PATH].join(delimiter);
  // Beside the loop, which keeps the lock.
  const child = spawn(program, args, { cwd: rootFolder, stdio: "inherit", env: { ...process.env, ...env, PATH } });
  const [code] = await once(child, "close");
  return code === 0;
}
