/** The yardstick for calls of gRPC: ghz, by its own figures and the CPU that it took. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import type { Client } from "./grpc-worker.ts";

const servers = process.env.ASSAY_SERVERS ?? join(homedir(), ".cache/assay-servers");
const places = [join(servers, "ghz"), join(servers, "bin"), ...(process.env.PATH ?? "").split(delimiter)];
const command = places.map((folder) => join(folder, "ghz")).find((path) => existsSync(path));
const protos = join(import.meta.dirname, "../../proto");
const marginSec = 30;

export const noGhz = "ghz is not there (test/real/prepare builds it): nothing to compare with";

export interface GhzLoad {
  /** `host:port` */
  readonly address: string;
  readonly method: string;
  /** The message of each request, encoded. */
  readonly message: Uint8Array;
  readonly concurrency: number;
  readonly connections: number;
  readonly seconds: number;
}

/** Undefined where it is not installed. Throws where calls fail. */
export function runGhz({ address, method, message, concurrency, connections, seconds }: GhzLoad): Client | undefined {
  if (command === undefined) return undefined;
  const folder = mkdtempSync(join(tmpdir(), "assay-ghz-"));
  const file = join(folder, "message.bin");
  writeFileSync(file, message);
  const what = ["--insecure", "--import-paths", protos, "--proto", "inference/inference_service.proto", "--call", method];
  const load = ["-c", String(concurrency), "--connections", String(connections), "-z", `${seconds}s`, "--duration-stop", "wait"];
  const beforeUs = childrenCpuUs();
  const args = [...what, ...load, "--binary-file", file, "-O", "json", address];
  const { stdout, stderr } = spawnSync(command, args, {
    encoding: "utf8",
    timeout: (seconds + marginSec) * 1000,
    maxBuffer: 1 << 30,
  });
  const cpuUs = childrenCpuUs() - beforeUs;
  rmSync(folder, { recursive: true });
  const { count, rps, statusCodeDistribution } = JSON.parse(stdout === "" ? "{}" : stdout) as {
    count?: number;
    rps?: number;
    statusCodeDistribution?: Record<string, number>;
  };
  const good = statusCodeDistribution?.OK ?? 0;
  if (count === undefined || rps === undefined || good < count)
    throw new Error(`ghz: ${good} of ${count} calls ended well: ${stderr}`);
  return { requests: count, ratePerSec: rps, cpuUs: cpuUs / count };
}

/** Of all children that have ended, in ticks of 10 ms. */
function childrenCpuUs(): number {
  const stat = readFileSync("/proc/self/stat", "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[13]) + Number(fields[14])) * 10_000;
}
