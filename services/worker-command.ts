/** How a process of the suite starts its workers: the program that it runs itself, with flags of their own for V8. */

/**
 * A small young generation, collected by the one thread that needs it: helpers of the collector take the cores from the target and the
 * rest of the suite, and the worker waits for them. They may collect before a run what would be collected within it. One thread compiles
 * beside the worker's own: with the usual four, what has become hot takes every core for a tenth of a second.
 */
export const workerFlags: readonly string[] = [
  "--max-semi-space-size=4",
  "--single-threaded-gc",
  "--expose-gc",
  "--v8-pool-size=1",
];

/** Program and arguments; of a flag that this process has, too, the worker's counts. */
export function workerCommand(): string[] {
  return [
    process.execPath,
    ...process.execArgv,
    ...workerFlags,
    process.argv[1] ?? "",
    "serve",
    "--services=worker",
    "--bootstrap",
  ];
}
