/** A worker-manager in a process of its own, to be killed: starts two workers and writes their pids to its standard output. */
import { join } from "node:path";
import { silentLogger } from "../../../services/common/logger.ts";
import { WorkerPool } from "../../../services/worker-manager/pool.ts";

const [folder = ""] = process.argv.slice(2);
const pool = new WorkerPool({
  command: [process.execPath, join(import.meta.dirname, "worker-child.ts"), folder],
  bootstrap: async () => ({ token: "t", controller: "h:1", logFile: null, logLevel: "info", config: {} }),
  maxWorkers: 2,
  log: silentLogger,
  onExit: () => {},
});
const pids = pool.ensure("run-1", 2).map(({ pid }) => pid);
process.stdout.write(`${JSON.stringify(pids)}\n`);
