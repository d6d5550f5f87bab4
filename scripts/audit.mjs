// Asks npm's registry for known vulnerabilities of what package-lock.json has. Fails on any of a package that ships, and of other packages
// on high and critical ones, but for the exceptions of audit-exceptions.json, each with a reason and a last day. Exit code 0: nothing is known,
// or excepted; 1: something is; 3: nothing was audited, since the registry offers no audit or nobody answers.
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { shippedPaths } from "./packages.mjs";
import { rootFolder } from "./setup.mjs";

const deadlineMs = 120_000;
/** Neither clean nor not: whoever calls tells it apart from both. */
const notAudited = 3;
const severe = new Set(["high", "critical"]);

/**
 * @typedef {{ package: string, advisory: string, reason: string, until: string }} Exception `until`: the last day on which it holds
 * @typedef {{ url?: string, title?: string, severity: string }} Advisory
 * @typedef {{ vulnerabilities: Record<string, { via: (string | Advisory)[], nodes: string[] }> }} Report
 * @typedef {{ problems: string[], excused: string[], passedOver: string[] }} Verdict
 */

/**
 * What a report of npm's means. Pure.
 * @param {Report} report
 * @param {ReadonlySet<string>} shipped paths in the lock file
 * @param {readonly Exception[]} exceptions
 * @param {string} today `2026-11-30`
 * @returns {Verdict}
 */
export function judged(report, shipped, exceptions, today) {
  const problems = exceptions.flatMap((exception) => problemOf(exception, today));
  /** @type {string[]} */
  const excused = [];
  /** @type {string[]} */
  const passedOver = [];
  for (const [name, { via, nodes }] of Object.entries(report.vulnerabilities)) {
    const isShipped = nodes.some((path) => shipped.has(path));
    for (const advisory of via) {
      // A name: what it is vulnerable by is judged where it stands itself.
      if (typeof advisory === "string") continue;
      const id = advisory.url?.split("/").at(-1) ?? "";
      const line = `${name} (${isShipped ? "ships" : "does not ship"}): ${advisory.severity}: ${advisory.title ?? ""} ${advisory.url ?? ""}`;
      const exception = exceptions.find((one) => one.package === name && one.advisory === id && one.until >= today);
      if (exception !== undefined) excused.push(`${line}: excepted until ${exception.until}: ${exception.reason}`);
      else if (isShipped || severe.has(advisory.severity)) problems.push(line);
      else passedOver.push(line);
    }
  }
  return { problems, excused, passedOver };
}

/**
 * @param {Exception} exception
 * @param {string} today
 * @returns {string[]}
 */
function problemOf({ package: name = "", advisory = "", reason = "", until = "" }, today) {
  const what = `the exception for ${advisory || "no advisory"} of ${name || "no package"}`;
  if (name === "" || advisory === "" || reason.trim() === "") return [`${what} must name package, advisory and reason`];
  if (!/^\d{4}-\d\d-\d\d$/.test(until) || Number.isNaN(Date.parse(until)))
    return [`${what} must say until when, as 2027-01-31, got ${until}`];
  return until < today ? [`${what} was good until ${until}`] : [];
}

/**
 * Why npm has no report: what the registry or the network said. Undefined: another failure, which is one.
 * @param {unknown} answer what npm wrote
 * @returns {string | undefined}
 */
export function refusalOf(answer) {
  if (typeof answer !== "object" || answer === null || !("message" in answer)) return undefined;
  const message = String(answer.message);
  const isHttp = "statusCode" in answer && Number(answer.statusCode) >= 400;
  return isHttp || /^request to \S+ failed|network|E(NOTFOUND|AI_AGAIN|CONN|TIMEDOUT)/.test(message) ? message : undefined;
}

/** @returns {Promise<unknown>} */
async function npmReport() {
  const args = ["audit", "--json", "--package-lock-only", "--fetch-retries=0"];
  const npm = spawn("npm", args, { cwd: rootFolder, stdio: ["ignore", "pipe", "ignore"], timeout: deadlineMs });
  let text = "";
  npm.stdout.setEncoding("utf8").on("data", (piece) => (text += piece));
  await new Promise((resolve, reject) => {
    npm.once("error", reject);
    npm.once("close", resolve);
  });
  try {
    return JSON.parse(text);
  } catch {
    throw new Error(`npm audit within ${deadlineMs / 1000} s gave no report: ${text.slice(0, 200)}`);
  }
}

/** @param {string} path */
function readJson(path) {
  return JSON.parse(readFileSync(path, "utf8"));
}

async function main() {
  const exceptions = readJson(process.argv[2] ?? join(rootFolder, "scripts/audit-exceptions.json"));
  const today = new Date().toISOString().slice(0, 10);
  const answer = await npmReport();
  const isReport = typeof answer === "object" && answer !== null && "vulnerabilities" in answer;
  const refusal = refusalOf(answer);
  if (!isReport && refusal === undefined) throw new Error(`npm audit failed: ${JSON.stringify(answer)}`);
  const report = isReport ? /** @type {Report} */ (answer) : { vulnerabilities: {} };
  const shipped = shippedPaths(readJson(join(rootFolder, "package-lock.json")).packages);
  const { problems, excused, passedOver } = judged(report, shipped, exceptions, today);
  for (const line of [...excused, ...passedOver]) console.log(line);
  for (const problem of problems) console.error(problem);
  if (isReport)
    console.log(`audit: ${problems.length} problems, ${excused.length} excepted, ${passedOver.length} of tools passed over`);
  else console.error(`NOT AUDITED: whether any package has a known vulnerability is not known: ${refusal}`);
  // Exceptions have their days whether anybody answers or not.
  if (problems.length > 0) process.exitCode = 1;
  else if (!isReport) process.exitCode = notAudited;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
