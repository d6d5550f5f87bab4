/** Writes a run into the folder it is given until it is killed: 100 rows a transaction, told on stdout after each commit. */
import { writeSync } from "node:fs";
import { record } from "../../unit/records-manager/records.ts";
import { createStore, insertAll } from "./run-fixture.ts";

const folder = process.argv[2];
if (folder === undefined) throw new Error("a folder is needed");
const store = createStore(folder);
store.setState("RUNNING");
for (let id = 0; id < 1_000_000; id += 100) {
  insertAll(
    store,
    Array.from({ length: 100 }, (_, index) => record(id + index)),
  );
  writeSync(1, `${store.committedRows}\n`);
}
