/** Media of a dataset that its endpoint does not send. Pure. */
import { builtInEndpoints, type EndpointCatalog } from "../../endpoints/catalog.ts";
import type { DatasetInfo } from "../../gen/assay/dataset/v1/dataset_pb.js";

/** For people, one line each; of an endpoint that there is not, and of one that takes bodies alone, none. */
export function untakenMedia(
  { mediaTurns, file }: Pick<DatasetInfo, "mediaTurns" | "file">,
  type: string,
  endpoints: EndpointCatalog = builtInEndpoints,
): string[] {
  const { takes = [] } = endpoints.create(type) ?? {};
  if (takes.length === 0) return [];
  return Object.entries(mediaTurns).flatMap(([medium, turns]) =>
    takes.some((ingredient) => ingredient === medium)
      ? []
      : [`${file?.name ?? "the dataset"}: endpoint ${type} takes no ${medium}; turns that are sent without theirs: ${turns}`],
  );
}
