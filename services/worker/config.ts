/** What a worker may be configured with. */
import { tmpdir } from "node:os";
import { defineConfig } from "../common/config-schema.ts";

export const workerConfig = defineConfig({
  spillDir: {
    doc: "Folder for records that do not fit the outbox's memory.",
    default: tmpdir(),
    format: "string",
    env: "ASSAY_SPILL_DIR",
    arg: "spill-dir",
  },
});
