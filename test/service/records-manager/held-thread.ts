/** The query thread, but that a question which goes over all rows of a run waits while the run's folder has a file `held`. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { writeAtomically } from "../../../services/records-manager/exports/atomic-file.ts";
import { queries } from "../../../services/records-manager/queries.ts";
import "../../../services/records-manager/query-thread.ts";

/** Longer than any test waits. */
const LONGEST_MS = 120_000;

const { summarize } = queries;
Object.assign(queries, {
  summarize: (query) => {
    hold(query.folder);
    return summarize(query);
  },
  export: ({ folder }) => {
    writeAtomically(join(folder, "half.json"), () => hold(folder));
    return [];
  },
} satisfies Partial<typeof queries>);

function hold(folder: string): void {
  const end = Date.now() + LONGEST_MS;
  const never = new Int32Array(new SharedArrayBuffer(4));
  while (existsSync(join(folder, "held")) && Date.now() < end) Atomics.wait(never, 0, 0, 5);
}
