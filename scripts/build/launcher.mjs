// `assay` itself: refuses a Node that is too old, then loads the one bundle that its arguments need.
import { leanFlags, leanVariables } from "../../clients/cli/lean-process.ts";
import { bundles, everyOther } from "./processes.mjs";

/** Commands that stay up for long: what the program is started with then, it starts itself with, in the same process. */
const standing = ["serve", "mock"];

/**
 * The text of dist/assay.cjs.
 * @param {string} range `engines.node` of package.json, `>=MAJOR.MINOR`
 */
export function launcherText(range) {
  const [, major, minor] = /^>=(\d+)\.(\d+)$/.exec(range) ?? [];
  if (major === undefined) throw new Error(`engines.node: expected >=MAJOR.MINOR, got ${range}`);
  const entries = Object.entries(bundles);
  const byServices = entries.flatMap(([name, { services }]) => (services ? [[services, name]] : []));
  const byCommand = entries.flatMap(([name, { command }]) => (command ? [[command, name]] : []));
  // Syntax of old Nodes, so that their answer is one line, too.
  return `#!/usr/bin/env node
"use strict";
var node = process.versions.node.split(".").map(Number);
if (node[0] < ${major} || (node[0] === ${major} && node[1] < ${minor})) {
  console.error("assay needs Node ${major}.${minor} or newer, this is " + process.version);
  process.exitCode = 1;
} else {
  var lean = ${JSON.stringify(leanVariables)};
  var isStanding = ${JSON.stringify(standing)}.indexOf(process.argv[2]) >= 0 && process.argv.indexOf("--bootstrap") < 0;
  var isLean = Object.keys(lean).every(function (name) { return process.env[name] !== undefined; });
  // Where that is not to be had, it does without.
  if (isStanding && !isLean && process.platform === "linux" && process.execve) {
    var flags = process.execArgv.concat(${JSON.stringify(leanFlags)}, process.argv.slice(1));
    try { process.execve(process.execPath, [process.execPath].concat(flags), Object.assign({}, lean, process.env)); } catch (_) {}
  }
  require("node:module").enableCompileCache();
  var commands = new Map(${JSON.stringify(byCommand)});
  var services = new Map(${JSON.stringify(byServices)});
  var args = process.argv.slice(2);
  // As a process of the suite is started by another one.
  var started = /^serve --services=(\\S+) --bootstrap$/.exec(args.join(" "));
  var bundle = (started && services.get(started[1])) || commands.get(args[0]) || "${everyOther}";
  require("./" + bundle + ".cjs");
}
`;
}
