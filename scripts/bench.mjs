// Runs the benchmarks named as arguments (`npm run bench -- parse`), or all of them, one after the other.
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { rootFolder } from "./setup.mjs";

const folder = join(rootFolder, "bench");
const known = readdirSync(folder).flatMap((file) => (file.endsWith(".ts") ? [file.slice(0, -3)] : []));
const names = process.argv.slice(2);
const unknown = names.filter((name) => !known.includes(name));
if (unknown.length > 0) {
  console.error(`unknown benchmark ${unknown.join(", ")}; there are ${known.join(", ")}`);
  process.exitCode = 2;
} else {
  for (const name of names.length > 0 ? names : known) {
    console.log(`\n${name}`);
    const { status } = spawnSync(process.execPath, [join(folder, `${name}.ts`)], { stdio: "inherit" });
    if (status !== 0) process.exitCode = 1;
  }
}
