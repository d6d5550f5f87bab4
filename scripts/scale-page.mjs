// Writes the tables of docs/scale.md: how many cores a load needs of each service, by the costs in the page's own table, and which of them one process has not.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { rootFolder } from "./setup.mjs";

const page = join(rootFolder, "docs/scale.md");
const costsHead = "| cost | value | unit | from |";
const marks = /** @type {const} */ (["<!-- loads: made by scripts/scale-page.mjs -->\n", "<!-- end of loads -->"]);

/** Streams open at once, and how long each is open, in s: a row each. */
const loads = [
  [10_000, 10],
  [100_000, 10],
  [1_000_000, 120],
  [1_000_000, 30],
  [1_000_000, 10],
];

/** The page with its tables as they have to be. */
export function updatedPage() {
  const text = readFileSync(page, "utf8");
  const [start, end] = marks.map((mark) => text.indexOf(mark));
  if (start === undefined || end === undefined || start < 0 || end < start)
    throw new Error(`${page} has no place for the tables`);
  return {
    before: text,
    after: `${text.slice(0, start)}${marks[0]}\n${tableOf(costsIn(text))}\nOne process of a service gives at most:\n\n${wallsOf(costsIn(text))}\n\n${text.slice(end)}`,
  };
}

/**
 * The costs by name.
 * @param {string} text
 * @returns {ReadonlyMap<string, number>}
 */
export function costsIn(text) {
  const lines = text.split("\n");
  const costs = new Map();
  for (let at = lines.findIndex((line) => isSame(line, costsHead)) + 2; lines[at]?.startsWith("|"); at++) {
    const [, name = "", value = ""] = (lines[at] ?? "").split("|").map((cell) => cell.trim());
    const number = Number(value.replaceAll(" ", ""));
    if (!Number.isFinite(number)) throw new Error(`${page}: the cost of ${name} is no number: ${value}`);
    costs.set(name, number);
  }
  return costs;
}

/**
 * What a load needs, in cores of each service, and what of it is more than one process gives.
 * @param {number} streams open at once
 * @param {number} openSec how long each is open
 * @param {ReadonlyMap<string, number>} costs
 */
export function needOf(streams, openSec, costs) {
  const cost = (/** @type {string} */ name) => {
    const found = costs.get(name);
    if (found === undefined) throw new Error(`${page} has no cost of ${name}`);
    return found;
  };
  const perSec = streams / openSec;
  const chunksPerSec = streams * cost("chunks of a stream a second");
  const usable = cost("part of a core that a process may use");
  const cores = {
    timing: (perSec * cost("timing, a credit")) / 1e6,
    "record-processor": (perSec * cost("record-processor, a record") + chunksPerSec * cost("record-processor, a chunk")) / 1e6,
    "records-manager": (perSec * cost("records-manager, a record")) / 1e6,
    worker: (perSec * cost("worker, a request") + chunksPerSec * cost("worker, a chunk")) / 1e6,
  };
  const workers = Math.max(
    Math.ceil(cores.worker / usable),
    Math.ceil(streams / cost("streams of a worker")),
    Math.ceil(chunksPerSec / cost("chunks of a worker a second")),
  );
  return {
    perSec,
    cores,
    processes: {
      timing: Math.max(1, Math.ceil(cores.timing / usable)),
      "record-processor": Math.max(1, Math.ceil(cores["record-processor"] / usable)),
      "records-manager": Math.max(1, Math.ceil(cores["records-manager"] / usable)),
      worker: workers,
    },
    controllerCores: (workers * cost("controller, a worker that lives")) / 1e6,
    workerGb: (streams * cost("worker memory, a stream")) / 1e6,
    timingGb: (streams * cost("timing memory, a session")) / 1e9,
  };
}

/** @param {ReadonlyMap<string, number>} costs */
function tableOf(costs) {
  const rows = loads.map(([streams = 0, openSec = 0]) => {
    const { perSec, cores, processes, controllerCores, workerGb, timingGb } = needOf(streams, openSec, costs);
    const of = (/** @type {keyof typeof cores} */ name) => `${shown(cores[name])} (${processes[name]})`;
    return [
      spaced(streams),
      `${openSec} s`,
      `${spaced(perSec)} /s`,
      of("timing"),
      of("record-processor"),
      of("records-manager"),
      of("worker"),
      shown(controllerCores),
      `${shown(workerGb)} GB`,
      `${shown(timingGb)} GB`,
    ];
  });
  const head = [
    "streams at once",
    "each open",
    "requests",
    "timing",
    "record-processor",
    "records-manager",
    "workers",
    "controller",
    "memory of workers",
    "memory of timing",
  ];
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => (row[column] ?? "").length)));
  const line = (/** @type {string[]} */ cells) =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" | ")} |`;
  return [head, widths.map((width) => "-".repeat(width)), ...rows].map(line).join("\n").concat("\n");
}

/**
 * What one process of each service gives before it is a wall.
 * @param {ReadonlyMap<string, number>} costs
 */
function wallsOf(costs) {
  const usable = costs.get("part of a core that a process may use") ?? Number.NaN;
  const rate = (/** @type {string} */ name) => spaced((usable * 1e6) / (costs.get(name) ?? Number.NaN));
  return [
    `- record-processor: ${rate("record-processor, a chunk")} chunks a second`,
    `- records-manager: ${rate("records-manager, a record")} records a second`,
    `- timing: ${rate("timing, a credit")} credits a second`,
    `- controller: ${rate("controller, a worker that lives")} workers`,
  ].join("\n");
}

/** @param {number} value */
function shown(value) {
  return value >= 10 ? spaced(Math.round(value)) : value >= 0.01 ? value.toFixed(2) : "< 0.01";
}

/** @param {number} value */
function spaced(value) {
  return String(Math.round(value)).replaceAll(/\B(?=(\d{3})+$)/g, " ");
}

/**
 * @param {string} line
 * @param {string} head
 */
function isSame(line, head) {
  return line.replaceAll(/\s+/g, " ").trim() === head;
}

if (process.argv[1] === import.meta.filename) writeFileSync(page, updatedPage().after);
