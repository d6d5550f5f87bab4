/** `assay run` against a real server, and what its files say of it. */
import { join } from "node:path";
import Database from "better-sqlite3";
import { expect } from "chai";
import { type Exit, type RunFile, runFile, type Stage } from "../support/suite.ts";

/** A row of `requests` and `raw`, as far as it is looked at. */
export interface Row {
  readonly request_id: string;
  readonly status: number;
  readonly error_code: string | null;
  readonly error_phase: string | null;
  readonly session_id: number;
  readonly turn: number;
  readonly sent_ns: number;
  /** Since it was sent. */
  readonly end_ns: number;
  readonly error_message: string | null;
  readonly finish_reason: string | null;
  readonly token_source: string;
  readonly is_connection_reused: number;
  readonly content_stamps: Uint8Array;
  readonly time_to_first_token: number | null;
  readonly time_to_first_output_token: number | null;
  readonly inter_token_latency: number | null;
  readonly decode_duration: number | null;
  readonly request_latency: number;
  readonly input_sequence_length: number;
  readonly output_sequence_length: number;
  readonly usage_prompt_tokens: number;
  readonly usage_prompt_cache_read_tokens: number | null;
  readonly usage_completion_tokens: number;
  /** The answer's body, where `--export-level raw` was asked for. */
  readonly payload: Uint8Array | null;
}

export interface Ended {
  readonly exit: Exit;
  readonly rows: readonly Row[];
  readonly file: RunFile;
  /** Folder of the run's files. */
  readonly folder: string;
}

export interface Asked {
  readonly url: string;
  readonly model: string;
  readonly requests: number;
  /** Sessions that are played whole, which have so many requests together. Default: the run ends by the number of requests. */
  readonly sessions?: number;
  /** The target is asked before the run. Default: not, since what it sees is counted. */
  readonly isLookedAt?: boolean;
}

const endsWithinMs = 150_000;

/**
 * The command as a person types it, until it ends. Fails where the accounts of its file do not add up to `requests`, one row each,
 * however the requests ended.
 */
export async function runAgainst(
  stage: Stage,
  { url, model, requests, sessions, isLookedAt = false }: Asked,
  ...flags: readonly string[]
): Promise<Ended> {
  const command = stage.start([
    ...["run", "-m", model, "-u", url, "--random-seed", "11"],
    ...(sessions === undefined ? ["--request-count", String(requests)] : ["--num-sessions", String(sessions)]),
    ...[
      "--no-gpu-telemetry",
      "--no-server-metrics",
      "--output-artifact-dir",
      "out",
      ...(isLookedAt ? [] : ["--no-probe"]),
      ...flags,
    ],
  ]);
  const exit = await command.exit(endsWithinMs);
  const folder = join(stage.folder, "out");
  const file = runFile(folder);
  const rows = rowsOf(join(folder, "run.db"));
  const [{ drawn, succeeded, errored, ...rest }] = file.phases as [RunFile["phases"][0]];
  const failed = rows.filter((row) => row.error_code !== null).length;
  expect({ rows: rows.length, drawn, succeeded, errored }, exit.stderr).to.deep.equal({
    ...{ rows: requests, drawn: requests },
    ...{ succeeded: requests - failed, errored: failed },
  });
  expect(rest).to.include({ unused: 0, dropped: 0, cancelled: 0, missing_record: 0, missing_lost: 0, unaccounted: 0 });
  expect(new Set(rows.map((row) => row.request_id)).size).to.equal(requests);
  return { exit, rows, file, folder };
}

function rowsOf(file: string): Row[] {
  const db = new Database(file, { readonly: true });
  try {
    return db.prepare("SELECT * FROM requests LEFT JOIN raw USING (credit_id) ORDER BY credit_id").all() as Row[];
  } finally {
    db.close();
  }
}

/**
 * How far two views of the same thing may lie apart: what lies between the server's stamps and the client's (HTTP, JSON and
 * tokenising at the server, a relay) takes about 10 ms on an idle machine. Other work may hold any of the processes up for
 * longer, now and then, so that half of the requests have to agree, and a share of the figure is let go.
 */
const apartMs = 40;
const apartShare = 0.05;

/** Pairs of what was measured here and what the server says or was told to do, in ms: at least half of them agree. */
export function expectClose(pairs: readonly (readonly [ours: number | null, theirs: number])[]): void {
  const excess = pairs
    .map(([ours, theirs]) => Math.abs((ours ?? Number.NaN) - theirs) - apartShare * theirs)
    .toSorted((a, b) => a - b);
  expect(excess[Math.floor(pairs.length / 2)], `ms here and at the server: ${pairs.join(" | ")}`).to.be.below(apartMs);
}
