import type { EndpointCatalog } from "../../../../endpoints/catalog.ts";
import type { RunSpec } from "../../../../gen/assay/common/v1/run_spec_pb.js";
import type { Demand } from "./demand.ts";

const at = "dataset.synthetic";

/** What turns are made of must be what the endpoint takes. */
export function checkIngredients({ endpoint, dataset }: RunSpec, endpoints: EndpointCatalog, demand: Demand): void {
  const type = endpoint?.type ?? "";
  const { takes, needs = [] } = endpoints.create(type) ?? {};
  if (dataset?.source.case !== "synthetic") return;
  const { textBatchSize = 1, images, audio, video, rankings } = dataset.source.value;
  const given = [images, audio, video].reduce((sum, medium) => sum + (medium?.batchSize ?? 0), 0);
  const hasContent = textBatchSize !== 0 || rankings !== undefined || given > 0 || takes?.includes("tensors") === true;
  demand(hasContent, `${at}.text_batch_size`, "a turn needs a text or a medium");
  // Of an endpoint that there is not, and of one that takes bodies alone, others complain.
  if (takes === undefined || takes.length === 0) return;
  const takesText = takes.includes("text") || takes.includes("texts");
  const isRanking = rankings !== undefined;
  demand(isRanking || textBatchSize === 0 || takesText, `${at}.text_batch_size`, `must be 0: endpoint ${type} takes no text`);
  const isSingle = isRanking || textBatchSize <= 1 || takes.includes("texts");
  demand(isSingle, `${at}.text_batch_size`, `must be 1: endpoint ${type} takes one text a request`);
  demand(!isRanking || takes.includes("ranking"), `${at}.rankings`, `endpoint ${type} takes no query with passages`);
  const media = [
    ["image", "images", images],
    ["audio", "audio", audio],
    ["video", "video", video],
  ] as const;
  for (const [ingredient, field, given] of media) {
    const isTaken = (given?.batchSize ?? 0) === 0 || takes.includes(ingredient);
    demand(isTaken, `${at}.${field}`, `endpoint ${type} takes no ${field}`);
    const isThere = !needs.includes(ingredient) || (given?.batchSize ?? 0) > 0;
    demand(isThere, `${at}.${field}`, `endpoint ${type} needs ${field} in each turn`);
  }
}
