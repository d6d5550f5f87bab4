import type { EndpointCatalog } from "../../../../endpoints/catalog.ts";
import type { Endpoint } from "../../../../endpoints/endpoint.ts";
import { decodeText } from "../../../../endpoints/json-body.ts";
import type { RunSpec } from "../../../../gen/assay/common/v1/run_spec_pb.js";
import type { DatasetInfo } from "../../../../gen/assay/dataset/v1/dataset_pb.js";
import { type CacheBust, cacheBustOf, cacheBustPlaces, withMarker } from "../../../common/cache-bust.ts";
import { AssayError } from "../../../common/errors.ts";
import { endpointOptions } from "../../../common/run-endpoint.ts";
import { sampleTurn } from "../../../common/sample-turn.ts";
import { formatTurn } from "../../../common/turn-body.ts";
import type { Demand } from "./demand.ts";

const at = "dataset.cache_bust";
const marker = "[f00d0123]";

/** The place must be one that the endpoint's requests have. */
export function checkCacheBust({ dataset, endpoint }: RunSpec, endpoints: EndpointCatalog, demand: Demand): void {
  const name = dataset?.cacheBust ?? "";
  const isPlace = name === "" || cacheBustPlaces.some((known) => known === name);
  demand(isPlace, at, `must be ${cacheBustPlaces.join(", ")}, got ${name}`);
  const place = cacheBustOf(name);
  if (place === "none" || endpoint === undefined) return;
  const makeEndpoint = (): Endpoint | undefined => endpoints.create(endpoint.type, endpointOptions(endpoint));
  demand(isSent(makeEndpoint, place), at, `has no effect: requests of endpoint ${endpoint.type} have no ${place}`);
}

/** Formats whose rows are bodies that are sent as they are. */
const wholeBodies = ["raw_payload", "inputs_json", "openai_batch", "har"];

/** What is sent as it is has no place for a marker. */
export function checkMarkedData({ dataset }: RunSpec, { format }: DatasetInfo, demand: Demand): void {
  const place = cacheBustOf(dataset?.cacheBust ?? "");
  demand(place === "none" || !wholeBodies.includes(format), at, `has no effect: the bodies of ${format} are sent as they are`);
}

/** Whether a marker there stands in the body of a short turn. */
function isSent(makeEndpoint: () => Endpoint | undefined, place: CacheBust): boolean {
  try {
    const endpoint = makeEndpoint();
    if (endpoint === undefined) return true;
    if (!endpoint.takes.some((part) => part === "text" || part === "texts" || part === "ranking")) return false;
    const turn = withMarker(sampleTurn(endpoint, {}), place, marker);
    const options = { endpoint, modelOf: () => "model", isStreaming: false, extraInputs: {} };
    return decodeText(formatTurn(turn, [], undefined, options).body).includes(marker);
  } catch (error) {
    // What cannot be made yet, as of a model that has not been asked, or at all is told elsewhere.
    if (error instanceof AssayError) return true;
    throw error;
  }
}
