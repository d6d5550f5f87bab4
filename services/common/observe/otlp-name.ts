import { serviceNames } from "../module.ts";
import type { Instrument } from "./instrument.ts";

/**
 * The name for OTLP: dots behind `assay` and the service, and neither unit nor `total`, which are fields there. A collector that
 * translates it for Prometheus gets the name of the page again.
 */
export function otlpNameOf(name: string, { unit }: Instrument): string {
  const bare = name.replace(/_total$/, "").replace(unitSuffixes[unit] ?? "", "");
  const service = areas.find((area) => bare.startsWith(`assay_${area}_`)) ?? "";
  return `assay.${service}.${bare.slice(`assay_${service}_`.length)}`;
}

const unitSuffixes: Readonly<Record<string, RegExp>> = { s: /_seconds$/, By: /_bytes$/, "1": /_ratio$/ };
/** What may stand behind `assay_`. A longer name stands before the one that it begins with. */
const areas = ["process", "rpc", ...serviceNames.map((name) => name.replaceAll("-", "_"))].sort((a, b) => b.length - a.length);
