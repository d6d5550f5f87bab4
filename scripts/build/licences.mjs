// The licences of what the bundles hold, as the file that dist/ carries.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { shippedPaths } from "../packages.mjs";
import { rootFolder } from "../setup.mjs";

/** The names that packages give to their licence, and to notices that it asks to be handed on. */
const licenceFile = /^(licen[cs]e|copying|notice)([.-].*)?$/i;

/**
 * Text of THIRD_PARTY_LICENSES. Throws where a package is none that `npm run licences` checks, or brings no words that could be
 * handed on.
 * @param {readonly import("esbuild").Metafile[]} metafiles
 */
export function licencesText(metafiles) {
  const packages = [...filesByPackage(metafiles)].sort(([one], [other]) => (one < other ? -1 : 1));
  const shipped = shippedPaths(JSON.parse(readFileSync(join(rootFolder, "package-lock.json"), "utf8")).packages);
  const unknown = packages.flatMap(([path]) => (shipped.has(path) ? [] : [path]));
  if (unknown.length > 0) throw new Error(`${unknown.join(", ")}: in a bundle, but not of \`bundled\` in scripts/packages.mjs`);
  const sections = packages.map(([path, files]) => {
    const { name, version, license } = JSON.parse(readFileSync(join(rootFolder, path, "package.json"), "utf8"));
    return [`${name} ${version} (${license})`, ...wordsOf(path, files, license)].join("\n\n");
  });
  const head = "The files of this folder hold code of the packages below, each under its licence.";
  return `${[head, ...sections].join(`\n\n${"-".repeat(80)}\n\n`)}\n`;
}

/** @param {readonly import("esbuild").Metafile[]} metafiles */
function filesByPackage(metafiles) {
  /** @type {Map<string, Set<string>>} */
  const found = new Map();
  for (const { inputs } of metafiles.flatMap(({ outputs }) => Object.values(outputs))) {
    for (const [file, { bytesInOutput }] of Object.entries(inputs)) {
      const path = /^(.*\bnode_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(file)?.[1];
      if (path === undefined || bytesInOutput === 0) continue;
      found.set(path, (found.get(path) ?? new Set()).add(file));
    }
  }
  return found;
}

/**
 * @param {string} path
 * @param {ReadonlySet<string>} files
 * @param {string} licence
 */
function wordsOf(path, files, licence) {
  const read = (/** @type {string} */ file) => readFileSync(join(rootFolder, file), "utf8").trim();
  const texts = readdirSync(join(rootFolder, path)).filter((file) => licenceFile.test(file));
  if (texts.length > 0) return texts.sort().map((file) => read(join(path, file)));
  // Some packages have them at the head of each file only.
  const heads = [...files].flatMap((file) => /^\/\/ Copyright.*\n(\/\/.*\n)*/.exec(read(file))?.[0] ?? []).sort();
  // A head with a comment of the file itself behind it comes after the same one without.
  const distinct = heads.filter((head, index) => !heads.slice(0, index).some((other) => head.startsWith(other)));
  if (distinct.length > 0) return distinct.map((head) => head.replaceAll(/^\/\/ ?/gm, "").trim());
  if (licence === "Apache-2.0") return ["Its text is that of LICENSE."];
  throw new Error(`${path}: ${licence}, but neither a text of it nor a notice`);
}
