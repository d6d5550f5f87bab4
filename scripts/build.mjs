// Builds dist/, what the published package runs and exports: the program, one bundle for each kind of process; the library and its types;
// the licences of the packages in both; the manual page.
import { chmod, copyFile, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { manPage } from "../clients/cli/manual/man.ts";
import { commit, version } from "../services/common/version.ts";
import { manualPages } from "../services/manual.ts";
import { distFolder } from "./build/common.mjs";
import { launcherText } from "./build/launcher.mjs";
import { buildLibrary } from "./build/library.mjs";
import { licencesText } from "./build/licences.mjs";
import { buildPackages } from "./build/packages.mjs";
import { buildProcesses } from "./build/processes.mjs";
import { rootFolder } from "./setup.mjs";

/** Read at run time, from beside the bundle that reads them. */
const data = ["prose", "code"].flatMap((name) => [
  `services/dataset/corpus/${name}.txt`,
  `services/dataset/corpus/${name}.o200k.bin`,
]);

await rm(distFolder, { recursive: true, force: true });
await mkdir(distFolder, { recursive: true });

// REVISION: where the sources come without their repository, as into an image.
const revision = process.env.REVISION?.slice(0, 7) || commit();
const define = { ASSAY_BUILD: JSON.stringify({ version, commit: revision }) };
const built = (await Promise.all([buildProcesses(define), buildPackages(define), buildLibrary()])).flat();
const metafiles = built.flatMap(({ metafile }) => metafile ?? []);
await writeFile(join(distFolder, "THIRD_PARTY_LICENSES"), licencesText(metafiles));
await writeFile(join(distFolder, "assay.1"), manPage(manualPages(), version));

for (const file of data) await copyFile(join(rootFolder, file), join(distFolder, file.replace(/^.*\//, "")));
const { engines } = JSON.parse(await readFile(join(rootFolder, "package.json"), "utf8"));
await writeFile(join(distFolder, "assay.cjs"), launcherText(engines.node));
await chmod(join(distFolder, "assay.cjs"), 0o755);

const sizes = metafiles.flatMap(({ outputs }) => Object.values(outputs).map(({ bytes }) => bytes));
const total = sizes.reduce((sum, bytes) => sum + bytes, 0);
console.log(`dist: ${sizes.length} bundles, ${(total / 1024).toFixed(0)} KiB, commit ${revision}`);
