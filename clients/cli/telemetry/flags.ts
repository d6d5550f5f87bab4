/** Options of `assay telemetry probe`. */
import type { FlagTable, OptionsOf } from "../flags/flag.ts";
import { healthFlags, runFlags } from "../flags.ts";

export const telemetryProbeFlags = {
  watchSec: {
    flag: "--watch",
    kind: { is: "number", min: 0, max: 60 },
    value: "SEC",
    group: "Workers and telemetry",
    doc: "look again for so long, until the values have changed, which says how old they get; 0 looks once (default 1)",
  },
  timeoutSec: {
    flag: "--timeout",
    kind: { is: "number", min: 0, max: 600, isAbove: true },
    value: "SEC",
    group: "Workers and telemetry",
    doc: "limit for one answer, connecting included (default 5)",
  },
  headers: {
    flag: "--telemetry-header",
    kind: { is: "headers" },
    value: "NAME:VALUE",
    isSecret: true,
    group: "Workers and telemetry",
    doc: "header of every request for a page, for example 'Authorization: Bearer TOKEN', also as a JSON object; repeatable",
  },
  ca: {
    flag: "--telemetry-ca",
    kind: { is: "text" },
    value: "FILE",
    completes: "file",
    group: "Workers and telemetry",
    doc: "PEM file of the authorities to trust for https pages instead of the system's",
  },
  skipVerify: {
    flag: "--telemetry-insecure-skip-verify",
    kind: { is: "switch" },
    group: "Workers and telemetry",
    doc: "do not verify the certificates of https pages",
  },
  json: { ...runFlags.json, doc: "a JSON array of sources, with all that they have values of" },
  ...healthFlags,
  controller: { ...runFlags.controller, doc: "have this suite (assay serve) look instead of this machine" },
} as const satisfies FlagTable;

export type TelemetryProbeOptions = OptionsOf<typeof telemetryProbeFlags>;
