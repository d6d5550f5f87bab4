import type { SeriesFacts, SourceFacts } from "../../../services/records-manager/core/telemetry-rows.ts";
import type { RunStore } from "../../../services/records-manager/store/run-store.ts";

/** A series of a GPU as telemetry declares it. */
export function gpuSeries(name: string, unit: string, gpu: Pick<SeriesFacts, "subject" | "labels">): SeriesFacts {
  return { ...gpu, name, family: name, type: "gauge", unit, help: "" };
}

/** Puts scrapes of one source into a file: each its end, and values in the order of the series, or a reason. */
export function addScrapes(
  store: RunStore,
  facts: SourceFacts,
  series: readonly SeriesFacts[],
  scrapes: readonly (readonly [
    endNs: number,
    outcome: readonly number[] | string,
    own?: { sourceWallNs?: number; ageNs?: number },
  ])[],
): void {
  const source = store.telemetrySource(facts);
  const places = series.map((each) => store.telemetryPlace(source, each));
  store.addScrapes(
    scrapes.map(([endNs, given, own = {}]) => {
      if (typeof given === "string") return { source, startNs: endNs - 1e6, endNs, outcome: { gap: given } };
      const values: number[] = [];
      for (const [at, value] of given.entries()) values[places[at] ?? 0] = value;
      return { source, startNs: endNs - 1e6, endNs, ...own, outcome: Array.from(values, (value) => value ?? Number.NaN) };
    }),
  );
}
