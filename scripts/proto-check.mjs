// Checks of the protos, each named as an argument: format, lint, breaking, generated. All named ones run; exit code 1 if any failed.
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { generate, targets } from "./proto-tools.mjs";
import { rootFolder } from "./setup.mjs";

/** Ours; what is vendored keeps its own form. */
const formatted = ["proto/assay", "proto/inference"];

/** @type {Record<string, () => boolean | Promise<boolean>>} */
const checks = { format, lint, breaking, generated };

const names = process.argv.slice(2);
const unknown = names.filter((name) => checks[name] === undefined);
if (names.length === 0 || unknown.length > 0) {
  console.error(`usage: node scripts/proto-check.mjs ${Object.keys(checks).join("|")} …`);
  process.exitCode = 2;
} else {
  for (const name of names) if (!(await checks[name]?.())) process.exitCode = 1;
}

function format() {
  const paths = formatted.filter((path) => existsSync(join(rootFolder, path))).flatMap((path) => ["--path", path]);
  return report("proto format", run("buf", ["format", "--diff", "--exit-code", ...paths]));
}

function lint() {
  return report("proto lint", run("buf", ["lint"]));
}

/** Against the newest release tag that this commit descends from. */
function breaking() {
  const tag = spawnSync("git", ["describe", "--tags", "--abbrev=0", "--match", "v*"], { cwd: rootFolder, encoding: "utf8" });
  if (tag.status !== 0) {
    console.log("proto breaking: no release tag yet");
    return true;
  }
  const name = tag.stdout.trim();
  return report(`proto breaking against ${name}`, run("buf", ["breaking", "--against", `.git#tag=${name}`]));
}

/** Whether what is generated is what the protos generate today; what there is no Python or no Go for is said, and not looked at. */
async function generated() {
  const folder = mkdtempSync(join(tmpdir(), "assay-gen-"));
  let isSame = true;
  try {
    for (const target of targets) {
      const outcome = await generate(target, folder);
      if (outcome === "missing")
        console.log(`generated code of ${target.out}: NOT CHECKED, there is no program to generate it with`);
      else
        isSame =
          outcome === "generated" && run("git", ["diff", "--no-index", "--stat", target.out, join(folder, target.out)]) && isSame;
    }
    return report("generated code up to date", isSame, "run `npm run proto` and commit what it makes");
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * @param {string} program
 * @param {readonly string[]} args
 */
function run(program, args) {
  const path = [join(rootFolder, "node_modules", ".bin"), process.env.PATH].join(":");
  return spawnSync(program, args, { cwd: rootFolder, stdio: "inherit", env: { ...process.env, PATH: path } }).status === 0;
}

/**
 * @param {string} what
 * @param {boolean} isGood
 * @param {string} [advice]
 */
function report(what, isGood, advice) {
  console.log(`${what}: ${isGood ? "ok" : "failed"}${isGood || advice === undefined ? "" : `; ${advice}`}`);
  return isGood;
}
