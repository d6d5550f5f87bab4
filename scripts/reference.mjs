// Writes docs/reference.md from the tables of the program. Run by `npm run reference`; a test compares.
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { referencePage } from "../clients/cli/manual/reference.ts";
import { manualPages } from "../services/manual.ts";
import { rootFolder } from "./setup.mjs";

await writeFile(join(rootFolder, "docs/reference.md"), referencePage(manualPages()));
