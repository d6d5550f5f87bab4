/** The bodies of one run's requests, in their file: which conversations, from whom, how many, how long. */
import { join } from "node:path";
import type { EndpointCatalog } from "../../endpoints/catalog.ts";
import type { RunSpec } from "../../gen/assay/common/v1/run_spec_pb.js";
import type { DatasetHandle } from "../../gen/assay/controller/v1/controller_service_pb.js";
import { exportFileName } from "../common/export-files.ts";
import { bodyOptionsOf } from "../common/turn-body.ts";
import type { TurnStream } from "./exports/inputs-file.ts";
import type { QueryClient } from "./query-client.ts";

export interface InputsSource {
  readonly spec: RunSpec;
  /** Default: the built-in ones. */
  readonly endpoints?: EndpointCatalog | undefined;
  readonly dataset: DatasetHandle;
  /** Opens a stream of the dataset's turns, hello sent. */
  dial(signal: AbortSignal): Promise<TurnStream>;
}

const maxConversations = 1_000_000;
const maxBytes = 256 * 1024 * 1024;
/** For the dataset service to be found, and to go on. */
const dialMs = 2_000;
const silenceMs = 5_000;

/**
 * Writes the run's `inputs.json`, and gives the names that the dataset has for its conversations, by their indices. A dataset
 * service that is gone costs the file, not the run: `note` is told why there is none, or not all of it. Throws where the file
 * cannot be written.
 */
export async function writeRunInputs(
  folder: string,
  { spec, endpoints, dataset, dial }: InputsSource,
  queries: QueryClient,
  note: (message: string) => void,
): Promise<ReadonlyMap<number, string>> {
  const { writeInputs } = await import("./exports/inputs-file.ts");
  const path = join(folder, exportFileName("inputs", ""));
  const conversations = await queries.askFirst("conversations", { folder, limit: maxConversations });
  const { written, names, unsendable, problem } = await writeInputs({
    path,
    conversations,
    turnsOf: (conversation) => (dataset.turnsEach === 0 ? (dataset.turnCounts[conversation] ?? 0) : dataset.turnsEach),
    bodies: bodyOptionsOf(spec, endpoints),
    dial: () => dial(AbortSignal.timeout(dialMs)),
    maxBytes,
    silenceMs,
  });
  if (unsendable !== undefined) {
    const { count, example } = unsendable;
    note(`${path} has null in the place of ${count === 1 ? "a body" : `${count} bodies`} that could not be made: ${example}`);
  }
  if (problem !== undefined) note(`${path} is not written: ${problem}`);
  else if (written < conversations.length) {
    note(`${path} has the first ${written} of ${conversations.length} conversations: it would grow too large`);
  }
  return names;
}
