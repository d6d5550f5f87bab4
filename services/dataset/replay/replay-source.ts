/** From a run that is over to the dataset that replays it. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fromJsonString } from "@bufbuild/protobuf";
import { type ReplayDataset, type RunSpec, RunSpecSchema } from "../../../gen/assay/common/v1/run_spec_pb.js";
import { AssayError, messageOf } from "../../common/errors.ts";
import { exportFileName } from "../../common/export-files.ts";
import { replayDataset, type StoredSessions, summarizeReplay } from "../core/replay.ts";
import type { Dataset, DatasetSummary } from "../core/turns.ts";
import { readablePath } from "../readable-path.ts";
import { folderOfRun, type StoredRun } from "./stored-run.ts";

export interface ReplayOptions {
  /** Folder below which files may be read, absolute; undefined: none may. */
  readonly root: string | undefined;
  /** Reads the run's file, in a thread. */
  readonly readRun: (folder: string) => Promise<StoredRun>;
  /** The conversations of an `inputs.json`, in its order. */
  readonly loadInputs: (path: string) => Promise<BaseDataset>;
  /** The dataset that a spec asks for. */
  readonly loadSpec: (spec: RunSpec) => Promise<BaseDataset>;
}

export interface BaseDataset {
  readonly dataset: Dataset;
  /** It is not asked for turns any more. */
  close(): void;
}

export interface Replay extends BaseDataset {
  readonly summary: DatasetSummary;
  readonly description: string;
  readonly warnings: readonly string[];
}

/** Rejects with what is wrong with the run, which names the field. */
export async function loadReplay({ path, runId }: ReplayDataset, options: ReplayOptions): Promise<Replay> {
  if (path === "") throw replayError("not_found", `there is no run ${runId} here: name its folder`);
  const folder = await readablePath(folderOfRun(path), options.root, "dataset.replay.path");
  const run = await options.readRun(folder).catch((error: unknown) => {
    throw error instanceof AssayError ? replayError(error.code, error.message, error) : error;
  });
  const { base, what, sessions } = await baseOf(run, folder, options);
  const dataset = replayDataset(base.dataset, sessions);
  return {
    dataset,
    summary: summarizeReplay(dataset, sessions),
    description: `run ${run.runId} replayed`,
    warnings: [...run.notes, what],
    close: base.close,
  };
}

interface Base {
  readonly base: BaseDataset;
  /** Where the bodies are from, for people. */
  readonly what: string;
  readonly sessions: StoredSessions;
}

/** Bodies that were stored are what was sent, as long as no answers belong into them; otherwise they are made as they were made then. */
async function baseOf(run: StoredRun, folder: string, options: ReplayOptions): Promise<Base> {
  const { sessions } = run;
  const hasHistories = sessions.timestampsMs.length > sessions.conversationOf.length;
  const path = join(folder, exportFileName("inputs", ""));
  if (!hasHistories && existsSync(path)) {
    const base = await options.loadInputs(path);
    if (base.dataset.size >= run.conversations.length) {
      const indices = new Map(Array.from(run.conversations, (conversation, index) => [conversation, index]));
      const conversationOf = sessions.conversationOf.map((conversation) => indices.get(conversation) ?? 0);
      const what = `run ${run.runId}: bodies are sent as they stand in its inputs.json, for the models that they name`;
      return { base, what, sessions: { ...sessions, conversationOf } };
    }
    base.close();
  }
  const base = await made(run, options);
  const lost = sessions.conversationOf.find((conversation) => conversation >= base.dataset.size);
  if (lost !== undefined) {
    base.close();
    throw replayError("invalid_argument", `its dataset has changed: there is no conversation ${lost} in it any more`);
  }
  return {
    base,
    what: `run ${run.runId}: requests are made again from its dataset, answers in them are those that come now`,
    sessions,
  };
}

async function made({ runId, spec }: StoredRun, { loadSpec }: ReplayOptions): Promise<BaseDataset> {
  try {
    return await loadSpec(fromJsonString(RunSpecSchema, spec, { ignoreUnknownFields: true }));
  } catch (error) {
    const why = `its inputs.json does not have what was sent, and its dataset cannot be made again: ${messageOf(error)}`;
    throw replayError(error instanceof AssayError ? error.code : "invalid_argument", `run ${runId}: ${why}`, error);
  }
}

function replayError(code: AssayError["code"], description: string, cause?: unknown): AssayError {
  return new AssayError(code, `dataset.replay.path: ${description}`, {
    cause,
    violations: [{ field: "dataset.replay.path", description }],
  });
}
