import type { Instrument } from "./instrument.ts";

/**
 * The name for OTLP: dots behind `assay` and whoever counts, and neither unit nor `total`, which are fields there. A collector that
 * translates it for Prometheus gets the name of the page again.
 */
export function otlpNameOf(name: string, { unit }: Instrument): string {
  const bare = name.replace(/_total$/, "").replace(unitSuffixes[unit] ?? "", "");
  // Services of two words are one part of the name.
  return bare.replace(/^assay_(record_processor|records_manager|worker_manager|[a-z]+)_/, "assay.$1.");
}

const unitSuffixes: Readonly<Record<string, RegExp>> = { s: /_seconds$/, By: /_bytes$/, "1": /_ratio$/ };
