/**
 * `node prepare-file.ts FILE CACHE`: prepares a file of this machine in a process of its own, and prints what came of it as a line of
 * JSON: where it is, what was wrong with the store, and a digest of all turns.
 */
import { createHash } from "node:crypto";
import { dirname } from "node:path";
import type { TraceOptions } from "../../services/dataset/core/formats/format.ts";
import { rowAt } from "../../services/dataset/core/packed-rows.ts";
import { type FileTurns, loadFileTurns } from "../../services/dataset/file-turns.ts";
import type { OnProgress } from "../../services/dataset/progress.ts";
import type { StoreOptions } from "../../services/dataset/store/dataset-store.ts";

export interface Prepared {
  readonly problem: string | undefined;
  readonly turns: number;
  readonly digest: string;
}

/** As the dataset service prepares a file for a run. */
export function turnsOfFile(
  path: string,
  store: StoreOptions | undefined,
  trace: TraceOptions = {},
  seed = 1,
  onProgress: OnProgress = () => {},
): Promise<FileTurns> {
  const load = {
    path,
    format: undefined,
    isSkipping: false,
    seed,
    maxConversations: Number.POSITIVE_INFINITY,
    blockTokens: undefined,
    endpointPath: "/v1/chat/completions",
    namesOutputTokens: false,
    batchSizes: { text: 1, image: 1, audio: 1, video: 1 },
    trace,
  };
  const folder = dirname(path);
  const tokenizer = { name: "o200k_base", source: { kind: "encoding", name: "o200k_base" }, root: undefined } as const;
  const limits = { root: folder, folder, maxFileBytes: 2 ** 40, maxRowBytes: 1 << 20 };
  const job = { kind: "file", load, realPath: path, ...limits, tokenizer } as const;
  return loadFileTurns(job, store, { signal: new AbortController().signal, onProgress });
}

export async function prepareFile(...given: Parameters<typeof turnsOfFile>): Promise<Prepared> {
  const { file, problem, close } = await turnsOfFile(...given);
  const hash = createHash("sha256");
  for (let row = 0; row < file.turns.size; row++) hash.update(rowAt(file.turns, row));
  close();
  return { problem, turns: file.turns.size, digest: hash.digest("hex") };
}

if (import.meta.main) {
  const [path = "", folder = ""] = process.argv.slice(2);
  console.log(JSON.stringify(await prepareFile(path, { folder, maxBytes: 2 ** 40 })));
}
