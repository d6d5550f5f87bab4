/** What telemetry may be configured with. */
import { defineConfig } from "../common/config-schema.ts";

export const telemetryConfig = defineConfig({
  pageDeadlineMs: {
    doc: "Limit for one scrape, in ms.",
    default: 2000,
    format: "nat",
    env: "ASSAY_PAGE_DEADLINE_MS",
    arg: "page-deadline-ms",
  },
  maxPageBytes: {
    doc: "Largest page that is read, in bytes.",
    default: 16_777_216,
    format: "nat",
    env: "ASSAY_MAX_PAGE_BYTES",
    arg: "max-page-bytes",
  },
});
