/** Which of the answers that a request may ask for (`n`) is the one that counts. */
import { isJsonObject, type JsonObject } from "../json-body.ts";

/** The choice of index 0, or the first of those that have no index. Undefined where there is none: the chunk that carries usage has no choices. */
export function firstChoice({ choices }: JsonObject): JsonObject | undefined {
  if (!Array.isArray(choices)) return undefined;
  const [only]: readonly unknown[] = choices;
  if (choices.length === 1 && isJsonObject(only) && only.index === 0) return only;
  return choices.find(
    (choice): choice is JsonObject => isJsonObject(choice) && (choice.index === 0 || choice.index === undefined),
  );
}
