/**
 * Many streams from one host: `node bench/streams.ts [streams] [workers] [servers] [rounds]`, 60 000 over 4 workers to 4 servers by default, one round. The servers are
 * processes of their own on 127.0.0.1, 127.0.0.2 and so on, since a process has only so many descriptors and an address and port so
 * many local ports. Each stream is a trickle, its first token after 12 s and two more 6 s apart, so that all are open at once long before the first
 * ends and a machine of two cores has time; in a further round each is followed by another one, all of them within seconds. How many were open at once is counted from the rows, by send and end.
 */
import { readHostLimits } from "../services/common/read-host-limits.ts";
import { ensureBuilt, machineLine, openRun, pssOf, runAssay, startServer } from "./support/assay.ts";
import { type Figure, reportFigures } from "./support/figures.ts";

const streams = Number(process.argv[2] ?? 60_000);
const workers = Number(process.argv[3] ?? 4);
const servers = Number(process.argv[4] ?? 4);
const rounds = Number(process.argv[5] ?? 1);
const firstTokenSec = 12;
const gapSec = 6;
const tokens = 3;
/** A reading of a large process's memory takes milliseconds, in which it stands still. */
const sampleMs = 5000;
const workerArgument = "--services=worker\0";

interface Peak {
  /** Of all workers. */
  readonly bytes: number;
  readonly processes: number;
}

checkLimits();
ensureBuilt();
process.stdout.write(machineLine());
const running = await Promise.all(Array.from({ length: servers }, (_, index) => startTrickle(`127.0.0.${index + 1}`)));
let peak: Peak = { bytes: 0, processes: 0 };
const run = await runAssay(["-m", "mock-model", ...running.flatMap(({ url }) => ["-u", url]), ...load()], {
  onStarted: (pid) => {
    setInterval(() => {
      const now = pssOf(pid, workerArgument);
      if (now.bytes > peak.bytes) peak = now;
    }, sampleMs).unref();
  },
});
await Promise.all(running.map((server) => server.stop()));
report(run.folder, run.exitCode);
run.discard();

/** Throws, naming the limit, where this host cannot have so many streams. The command looks at its workers itself. */
function checkLimits(): void {
  const { maxFds, localPorts } = readHostLimits();
  const perServer = Math.ceil(streams / servers);
  const needed = perServer + 64;
  if (maxFds > 0 && needed > maxFds) {
    throw new Error(
      `${perServer} streams a server need ${needed} file descriptors, a process has ${maxFds} (ulimit -Hn): take more servers`,
    );
  }
  if (localPorts > 0 && perServer > localPorts) {
    throw new Error(
      `${perServer} streams a server need as many local ports, there are ${localPorts} (ip_local_port_range): take more servers`,
    );
  }
}

function startTrickle(host: string) {
  const times = ["--ttft", String(firstTokenSec * 1000), "--itl", String(gapSec * 1000)];
  return startServer(["--host", host, ...times]);
}

function load(): string[] {
  const asked = ["--concurrency", String(streams), "--request-count", String(rounds * streams), "--workers-max", String(workers)];
  return [...asked, "--streaming", "--isl", "16", "--osl", String(tokens), "--num-prompts", "1000", "--no-gpu-telemetry"];
}

function report(folder: string, exitCode: number | null): void {
  const db = openRun(folder);
  const rows = db.prepare("SELECT sent_ns AS sentNs, sent_ns + end_ns AS endNs FROM requests").all() as Sent[];
  const failed = one("SELECT count(*) AS n FROM requests WHERE error_code IS NOT NULL OR is_cancelled");
  const lostWorkers = one("SELECT count(*) AS n FROM events WHERE kind = 'worker_lost'");
  const lost = one("SELECT sum(missing_lost + missing_record) AS n FROM phases");
  const unexplained = one(
    "SELECT sum(abs(drawn - unused - dropped - succeeded - errored - cancelled - missing_record - missing_lost)) AS n FROM phases",
  );
  const shares = db
    .prepare("SELECT count(*) AS n FROM requests GROUP BY worker_id, target")
    .all()
    .map((row) => (row as { n: number }).n);
  db.close();
  const { atOnce, openingSec } = overlapOf(rows);
  const none = { of: "figure", atMost: 0 } as const;
  const what = `${streams} streams${rounds > 1 ? `, ${rounds} rounds` : ""}, ${workers} workers, ${servers} servers`;
  const figures: Figure[] = [
    { figure: `${what}: open at once`, measured: atOnce, unit: "", bar: { of: "figure", atLeast: streams } },
    { figure: `${what}: first to last send`, measured: openingSec, unit: "s" },
    { figure: `${what}: failed`, measured: failed, unit: "", bar: none, note: `exit code ${exitCode}` },
    { figure: `${what}: workers lost`, measured: lostWorkers, unit: "", bar: none },
    { figure: `${what}: credits lost, with or without a record`, measured: lost, unit: "", bar: none },
    { figure: `${what}: credits whose end the account does not know`, measured: unexplained, unit: "", bar: none },
    {
      figure: `${what}: streams of a worker to a server, fewest`,
      measured: shares.length < workers * servers ? 0 : Math.min(...shares),
      unit: "",
      beside: { what: "even", value: (rounds * streams) / workers / servers },
      bar: { of: "ratio", atLeast: 0.95 },
    },
    {
      figure: `${what}: memory of the workers, PSS`,
      measured: peak.bytes / 1e6,
      unit: "MB",
      note: `${peak.processes} processes`,
    },
    { figure: `${what}: of that a stream`, measured: peak.bytes / streams / 1000, unit: "KB" },
  ];
  reportFigures("streams", figures);

  function one(sql: string): number {
    return (db.prepare(sql).get() as { n: number | null }).n ?? Number.NaN;
  }
}

interface Sent {
  readonly sentNs: number;
  readonly endNs: number;
}

/** Most that were open at one moment, and how long it took until the last was sent. */
function overlapOf(rows: readonly Sent[]): { readonly atOnce: number; readonly openingSec: number } {
  const sent = Float64Array.from(rows, ({ sentNs }) => sentNs).sort();
  const ended = Float64Array.from(rows, ({ endNs }) => endNs).sort();
  let atOnce = 0;
  let over = 0;
  for (const [before, ns] of sent.entries()) {
    while ((ended[over] ?? Number.POSITIVE_INFINITY) <= ns) over++;
    atOnce = Math.max(atOnce, before + 1 - over);
  }
  return { atOnce, openingSec: ((sent.at(-1) ?? Number.NaN) - (sent[0] ?? Number.NaN)) / 1e9 };
}
