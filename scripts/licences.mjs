// Checks package-lock.json: every package that ships, in a bundle or as a dependency, has a licence which an Apache-2.0 product may
// ship with, and no package is tied to the address of one registry.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { shippedPaths } from "./packages.mjs";
import { rootFolder } from "./setup.mjs";

const allowed = new Set([
  "0BSD",
  "Apache-2.0",
  "BlueOak-1.0.0",
  "BSD-2-Clause",
  "BSD-3-Clause",
  "CC0-1.0",
  "ISC",
  "MIT",
  "MIT-0",
  "Python-2.0",
  "Unicode-3.0",
  "Unlicense",
  "Zlib",
]);

/** @type {import("./packages.mjs").LockEntries} */
const packages = JSON.parse(readFileSync(join(rootFolder, "package-lock.json"), "utf8")).packages;
const shipped = [...shippedPaths(packages)].map((path) => ({ path, ...packages[path] }));

const problems = [
  ...shipped.flatMap(({ path, version, license = licenceOf(path) }) =>
    isAllowed(license) ? [] : [`${path} ${version}: licence ${license ?? "unknown"} is not in the list of allowed ones`],
  ),
  ...Object.entries(packages).flatMap(([path, { resolved }]) =>
    resolved === undefined ? [] : [`${path}: resolved ${resolved}`],
  ),
];
for (const problem of problems) console.error(problem);
console.log(`licences: ${shipped.length} packages, ${problems.length} problems`);
process.exitCode = problems.length === 0 ? 0 : 1;

/**
 * The lock file lacks what a package does not state in the modern form.
 * @param {string} path
 * @returns {string | undefined}
 */
function licenceOf(path) {
  const { license, licenses } = JSON.parse(readFileSync(join(rootFolder, path, "package.json"), "utf8"));
  const stated = license ?? licenses?.[0];
  return stated?.type ?? stated;
}

/**
 * Whether an SPDX expression of identifiers, AND, OR and brackets leaves a choice that is allowed.
 * @param {string | undefined} expression
 */
function isAllowed(expression) {
  if (expression === undefined) return false;
  const tokens = expression.match(/[()]|[^\s()]+/g) ?? [];
  const holds = anyOf();
  return holds && tokens.length === 0;

  /** @returns {boolean} */
  function anyOf() {
    let isGood = allOf();
    while (tokens[0] === "OR") {
      tokens.shift();
      isGood = allOf() || isGood;
    }
    return isGood;
  }
  /** @returns {boolean} */
  function allOf() {
    let isGood = one();
    while (tokens[0] === "AND") {
      tokens.shift();
      isGood = one() && isGood;
    }
    return isGood;
  }
  /** @returns {boolean} */
  function one() {
    const token = tokens.shift() ?? "";
    if (token !== "(") return allowed.has(token);
    const isGood = anyOf();
    return tokens.shift() === ")" && isGood;
  }
}
