// Writes the reference part of docs/mock.md, which is made from the built-in server's option table.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { optionsPage } from "../mock/options/help.ts";
import { rootFolder } from "./setup.mjs";

const path = join(rootFolder, "docs/mock.md");
const page = readFileSync(path, "utf8");
const heading = "\n## Options\n";
const start = page.indexOf(heading);
if (start < 0) throw new Error(`no heading ## Options in ${path}`);
const end = page.indexOf("\n## ", start + heading.length);
writeFileSync(path, `${page.slice(0, start)}${heading}\n${optionsPage()}${end < 0 ? "" : page.slice(end)}`);
