/** Runs the built-in server alone: `node mock/main.ts [options]`. */
import { enableCompileCache } from "node:module";

enableCompileCache(); // before anything else is loaded: it takes a third off the start
const { runMock } = await import("./command.ts");

process.exitCode = await runMock(process.argv.slice(2));
