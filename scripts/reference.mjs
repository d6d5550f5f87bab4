// Writes docs/reference.md, and the last part of docs/mock.md, from the tables of the program. Run by `npm run reference`; tests compare.
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { referencePage } from "../clients/cli/manual/reference.ts";
import { optionsPage } from "../mock/options/help.ts";
import { manualPages } from "../services/manual.ts";
import { rootFolder } from "./setup.mjs";

await writeFile(join(rootFolder, "docs/reference.md"), referencePage(manualPages()));

const mockPage = join(rootFolder, "docs/mock.md");
const heading = "\n## Options\n\n";
const [words = ""] = (await readFile(mockPage, "utf8")).split(heading);
await writeFile(mockPage, words + heading + optionsPage());
