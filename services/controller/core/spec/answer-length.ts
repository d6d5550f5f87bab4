/** What of a run's lengths its endpoint has a use for. Pure. */
import type { Endpoint } from "../../../../endpoints/endpoint.ts";

/** Its answers have no length in tokens. */
export function hasNoLength({ produces }: Pick<Endpoint, "produces">): boolean {
  return produces !== "text";
}

/** Why it does not matter which output length is asked for; undefined: it does, or what tensors are made of says so itself. */
export function unaskedLength({ name, produces, asksNoLength }: Endpoint): string | undefined {
  if (asksNoLength === true) return `requests of ${name} name no length`;
  if (produces === "text" || produces === "tensors") return undefined;
  return `answers of ${name} are ${produces}, and have no length in tokens`;
}
