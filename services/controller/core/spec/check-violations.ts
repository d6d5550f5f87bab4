import type { EndpointCatalog } from "../../../../endpoints/catalog.ts";
import type { RunSpec } from "../../../../gen/assay/common/v1/run_spec_pb.js";
import { checkKindNamed, checkKinds, maxExpectedChars } from "../../../common/checks/expectation.ts";
import type { Demand } from "./demand.ts";

/** How answers are checked, as far as the spec tells: whether a regular expression or a schema can be used, the dataset service says. */
export function checkAnswerChecks({ dataset, endpoint }: RunSpec, endpoints: EndpointCatalog, demand: Demand): void {
  const { check, source } = dataset ?? {};
  if (check === undefined) return;
  const { kind, value } = check;
  const isKind = checkKindNamed(kind) !== undefined;
  demand(isKind, "dataset.check.kind", `must be ${checkKinds.join(", ")}, got ${JSON.stringify(kind)}`);
  const isExpected = value !== "" || source?.case === "file";
  const description = "needs an answer to check by: a value for all, or rows of a file that say what they expect";
  demand(isExpected, "dataset.check.kind", description);
  const isText = value.trim() !== "" || value === "";
  demand(
    isText && value.length <= maxExpectedChars,
    "dataset.check.value",
    `must be a text that is not blank, of at most ${maxExpectedChars} characters`,
  );
  const { produces = "text" } = endpoints.create(endpoint?.type ?? "") ?? {};
  demand(produces === "text", "dataset.check.kind", `needs answers that are text: those of ${endpoint?.type} are ${produces}`);
}
