// A lock between processes, as a file: whoever creates it holds it and keeps its time fresh; an old one belongs to nobody.
import { linkSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

const heartbeatMs = 500;
/** A holder that is alive is never this late, unless it is frozen. */
const staleMs = 10_000;
const pollMs = 100;

/**
 * Does `work` while holding the lock `path`.
 * @template T
 * @param {string} path in a folder that exists
 * @param {{ deadlineMs: number, onWait: (line: string) => void, fail: (message: string) => Error }} options
 *   how long to wait; who is told once that there is a wait; makes the error for a wait that was too long
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function withLock(path, options, work) {
  await acquire(path, options);
  const heartbeat = setInterval(() => touch(path), heartbeatMs);
  const release = () => rmSync(path, { force: true });
  const releaseAndDie = (/** @type {NodeJS.Signals} */ signal) => {
    release();
    for (const name of endingSignals) process.off(name, releaseAndDie);
    // Lets `exit` handlers end their children, which dying by the signal at once would not.
    process.exit(signal === "SIGINT" ? 130 : 143);
  };
  for (const name of endingSignals) process.on(name, releaseAndDie);
  try {
    return await work();
  } finally {
    for (const name of endingSignals) process.off(name, releaseAndDie);
    clearInterval(heartbeat);
    release();
  }
}

/** @type {NodeJS.Signals[]} */
const endingSignals = ["SIGINT", "SIGTERM", "SIGHUP"];

/**
 * @param {string} path
 * @param {{ deadlineMs: number, onWait: (line: string) => void, fail: (message: string) => Error }} options
 */
async function acquire(path, options) {
  const started = performance.now();
  for (let tries = 0; !create(path); tries++) {
    if (removeStale(path)) continue;
    if (tries === 0) options.onWait("waiting for another set-up of this folder to finish");
    if (performance.now() - started > options.deadlineMs) throw options.fail(`gave up waiting for the lock ${path}`);
    await sleep(pollMs);
  }
}

/** @param {string} path */
function create(path) {
  try {
    writeFileSync(path, `${process.pid}\n`, { flag: "wx" });
    return true;
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false;
    throw error;
  }
}

/**
 * Removes a lock whose holder is gone. Between looking and moving, somebody else may have put a fresh one there: the moved
 * file tells, and goes back.
 * @param {string} path
 */
function removeStale(path) {
  if (!isStale(path)) return false;
  const moved = `${path}.${process.pid}`;
  try {
    renameSync(path, moved);
    if (!isStale(moved)) linkSync(moved, path);
    rmSync(moved);
  } catch (error) {
    if (codeOf(error) !== "ENOENT" && codeOf(error) !== "EEXIST") throw error;
  }
  return true;
}

/** @param {string} path */
function isStale(path) {
  const status = statSync(path, { throwIfNoEntry: false });
  return status !== undefined && Date.now() - status.mtimeMs > staleMs;
}

/** @param {string} path */
function touch(path) {
  try {
    utimesSync(path, new Date(), new Date());
  } catch (error) {
    // Somebody who took this process for dead has moved the lock; the work goes on, and npm itself bears a second one.
    if (codeOf(error) !== "ENOENT") throw error;
  }
}

/** @param {unknown} error */
function codeOf(error) {
  return error instanceof Error && "code" in error ? error.code : undefined;
}
