// What `npm start`, `npm test` and CI do: set up what the command needs, then run it under the right Node.
// Runs on Node 20 with nothing installed: no packages, plain JavaScript.
import { runInForeground } from "./child.mjs";
import { SetupError, setUp } from "./setup.mjs";

/** `npm start` without a target: a streaming chat benchmark through all services, against the built-in server. */
const startDefaults = ["--mock", "--streaming"];

const testFolders = ["test/unit/**/*.test.ts", "test/service/**/*.test.ts", "test/suite/**/*.test.ts"];

const usage = `usage: node scripts/bootstrap.mjs <command>
  start [arguments of assay run]   benchmark the server of --url, or the built-in server when no --url is given
  test [arguments of mocha]        unit, service and suite tests, or the files named
  setup                            install everything and end`;

/**
 * Runs one command and sets the exit code: the command's own, or 1 when it could not be set up, or 2 for wrong usage.
 * @param {readonly string[]} argv command, then its arguments
 */
export async function main(argv) {
  const [command, ...args] = argv;
  try {
    switch (command) {
      case "start":
        return await runInForeground(await setUp("start"), ["services/main.ts", "run", ...startArguments(args)]);
      case "test":
        return await runInForeground(await setUp("all"), ["node_modules/mocha/bin/mocha.js", ...testArguments(args)]);
      case "setup":
        await setUp("all");
        return;
      default:
        console.error(usage);
        process.exitCode = 2;
    }
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    console.error(`assay: ${error.message}`);
    process.exitCode = 1;
  }
}

/**
 * @param {readonly string[]} args
 * @returns {readonly string[]}
 */
export function startArguments(args) {
  const hasTarget = args.some((arg) => /^(-u|--url(=|$))/.test(arg));
  if (hasTarget) return args;
  return [...startDefaults.filter((flag) => !args.includes(flag)), ...args];
}

/**
 * @param {readonly string[]} args
 * @returns {readonly string[]}
 */
export function testArguments(args) {
  const namesFiles = args.some((arg) => arg.startsWith("test/") || (!arg.startsWith("-") && arg.endsWith(".test.ts")));
  const strict = process.env.CI ? ["--forbid-pending"] : [];
  return [...strict, ...args, ...(namesFiles ? [] : testFolders)];
}
