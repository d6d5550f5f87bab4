// Writes the tables of docs/faults.md from the titles of the tests in test/suite/faults.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { rootFolder } from "./setup.mjs";

const page = join(rootFolder, "docs/faults.md");
const marks = /** @type {const} */ (["<!-- faults: made by scripts/faults-page.mjs -->\n", "<!-- end of faults -->"]);
const folder = "test/suite/faults";
/** What happens: what then (accounts: which). */
const form = /^(.+?): (.+) \(accounts: (.+)\)$/;

/** The page with the tables as they have to be. */
export async function updatedPage() {
  const text = readFileSync(page, "utf8");
  const [start, end] = marks.map((mark) => text.indexOf(mark));
  if (start === undefined || end === undefined || start < 0 || end < start)
    throw new Error(`${page} has no place for the tables`);
  return { before: text, after: `${text.slice(0, start)}${marks[0]}\n${await tables()}\n${text.slice(end)}` };
}

async function tables() {
  const names = readdirSync(join(rootFolder, folder)).filter((name) => name.endsWith(".test.ts"));
  const sections = [];
  for (const name of names.sort()) {
    for (const [suite, titles] of await declaredIn(join(rootFolder, folder, name))) {
      const rows = titles.map((title) => {
        const [, fault, outcome, accounts] = form.exec(title) ?? [];
        if (fault === undefined || outcome === undefined || accounts === undefined) {
          throw new Error(
            `${folder}/${name}: a title must be "fault: what then (accounts: which)", got ${JSON.stringify(title)}`,
          );
        }
        return [fault, outcome, accounts].map((cell) => cell.replaceAll("|", "\\|"));
      });
      const link = `[${name}](../${folder}/${name})`;
      sections.push(`## ${capital(suite)}\n\n${link}\n\n${aligned([["fault", "what happens then", "accounts"], ...rows])}\n`);
    }
  }
  return sections.join("\n");
}

/**
 * Titles by suite, as mocha would be told of them: many come out of loops. The file is loaded anew, and none of its tests is played.
 * @param {string} path
 * @returns {Promise<Map<string, string[]>>}
 */
async function declaredIn(path) {
  /** @type {Map<string, string[]>} */
  const suites = new Map();
  let current = "";
  const context = { timeout: () => context, skip: () => context };
  const nothing = () => {};
  const stand = {
    describe(/** @type {string} */ title, /** @type {(this: object) => void} */ body) {
      current = title;
      suites.set(title, []);
      body.call(context);
    },
    it: (/** @type {string} */ title) => suites.get(current)?.push(title),
    before: nothing,
    after: nothing,
    beforeEach: nothing,
    afterEach: nothing,
  };
  const globals = /** @type {Record<string, unknown>} */ (globalThis);
  const own = Object.fromEntries(Object.keys(stand).map((name) => [name, globals[name]]));
  Object.assign(globals, stand);
  try {
    await import(`file://${path}?titles=${loads++}`);
  } finally {
    Object.assign(globals, own);
  }
  return suites;
}

let loads = 0;

const capital = (/** @type {string} */ text) => `${text.charAt(0).toUpperCase()}${text.slice(1)}`;

/**
 * As the formatter writes a table.
 * @param {readonly (readonly string[])[]} rows the first one is the head
 */
function aligned([head = [], ...rows]) {
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (/** @type {readonly string[]} */ cells) =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" | ")} |`;
  return [line(head), line(widths.map((width) => "-".repeat(width))), ...rows.map(line)].join("\n");
}

if (process.argv[1] === import.meta.filename) writeFileSync(page, (await updatedPage()).after);
