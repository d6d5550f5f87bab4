// One child process in the foreground: same terminal, signals handed on once, its end is ours.
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { rootFolder } from "./setup.mjs";

/** A terminal, npm and a supervisor may each deliver the same signal; what follows within this time is the same one. */
const sameSignalMs = 200;

/**
 * Runs `node ...args` in the root folder and ends as it ends: same exit code, or the same signal.
 * Ctrl-C reaches the child from the terminal itself and is not handed on a second time, so once is once and twice is twice.
 * @param {string} node path of the Node to run; children of the child find the same one first in PATH
 * @param {readonly string[]} args
 */
export async function runInForeground(node, args) {
  const child = spawn(node, args, { cwd: rootFolder, env: environmentOf(node), stdio: "inherit" });
  const stopForwarding = forwardSignals(child);
  const [code, signal] = await new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (...end) => resolve(end));
  });
  stopForwarding();
  if (signal === null) process.exitCode = code;
  else process.kill(process.pid, signal);
}

/** @param {import("node:child_process").ChildProcess} child */
function forwardSignals(child) {
  /** @type {Map<NodeJS.Signals, number>} */
  const last = new Map();
  /** @param {NodeJS.Signals} signal */
  const forward = (signal) => {
    const now = performance.now();
    const isSame = now - (last.get(signal) ?? -Infinity) < sameSignalMs;
    last.set(signal, now);
    const isFromTerminal = signal !== "SIGTERM" && isForeground();
    if (!isSame && !isFromTerminal) child.kill(signal);
  };
  /** @type {NodeJS.Signals[]} */
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"];
  for (const signal of signals) process.on(signal, forward);
  return () => {
    for (const signal of signals) process.off(signal, forward);
  };
}

/** Whether this process group is the one that the terminal sends Ctrl-C to. */
function isForeground() {
  try {
    // proc(5): after the name in brackets come state, ppid, pgrp, session, tty_nr, tpgid.
    const stat = readFileSync("/proc/self/stat", "utf8");
    const [, , group, , terminal, foreground] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return terminal !== "0" && group === foreground;
  } catch {
    // No /proc, as on macOS: a terminal on any stream is the best that can be known.
    return process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY;
  }
}

/**
 * @param {string} node
 * @returns {NodeJS.ProcessEnv}
 */
function environmentOf(node) {
  const modules = join(rootFolder, "node_modules");
  const path = [dirname(node), join(modules, ".bin"), process.env.PATH ?? ""].join(delimiter);
  // Stripping the types of the sources and compiling them is most of a start; the result is kept beside the packages.
  const cache = process.env.NODE_COMPILE_CACHE ?? join(modules, ".cache", "compiled");
  return { ...process.env, PATH: path, NODE: node, npm_node_execpath: node, NODE_COMPILE_CACHE: cache };
}
