/**
 * A process started as a worker is: it writes `<member id>.json` (what it was told) into the folder of its first argument and
 * lives until its standard input ends. With a second argument `dies` it ends by itself with code 3, with `deaf` it outlives that, too.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";

const [folder = "", mode = ""] = process.argv.slice(2);
if (mode === "deaf") setInterval(() => {}, 1000);
createInterface({ input: process.stdin }).once("line", (line) => {
  const told = JSON.parse(line) as { memberId: string };
  writeFileSync(
    join(folder, `${told.memberId}.json`),
    JSON.stringify({ pid: process.pid, told, argv: process.argv, env: process.env }),
  );
  process.stderr.write(`${told.memberId} is here\n`);
  if (mode === "dies") process.exit(3);
});
if (mode !== "deaf") process.stdin.on("end", () => process.exit(0)).resume();
