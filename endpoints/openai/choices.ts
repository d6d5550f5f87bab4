/** The answers that a request may ask for (`n`, or several prompts), of which the first is followed and the others are counted. */
import type { OtherChoices } from "../endpoint.ts";
import { isJsonObject, type JsonObject, textOf } from "../json-body.ts";
import { errorWords } from "../target-error.ts";

/** The choice of index 0, or the first of those that have no index. Undefined where there is none: the chunk that carries usage has no choices. */
export function firstChoice({ choices }: JsonObject): JsonObject | undefined {
  if (!Array.isArray(choices)) return undefined;
  const [only]: readonly unknown[] = choices;
  if (choices.length === 1 && isJsonObject(only) && only.index === 0) return only;
  return choices.find(
    (choice): choice is JsonObject => isJsonObject(choice) && (choice.index === 0 || choice.index === undefined),
  );
}

/**
 * What an object or its choice says went wrong. An answer that the server gave up (SGLang and vLLM end it with `abort`, routers with `error`)
 * is a failed one, also where no words say why.
 */
export function failureWords(event: JsonObject, choice: JsonObject | undefined): string | undefined {
  const words = errorWords(event);
  if (words !== undefined || choice === undefined) return words;
  return errorWords(choice) ?? failedEnds.get(choice.finish_reason);
}

const failedEnds: ReadonlyMap<unknown, string> = new Map([
  ["abort", "the request was aborted"],
  ["error", "the answer ended in an error"],
]);

/**
 * All others, as a property to spread into what an event means; none where there are none.
 *
 * @param first as `firstChoice` has it
 */
export function otherChoices(
  { choices }: JsonObject,
  first: JsonObject | undefined,
  textsOf: (choice: JsonObject) => Pick<OtherChoices, "outputText" | "reasoningText">,
): { readonly others?: OtherChoices } {
  if (!Array.isArray(choices) || choices.length === 0 || (choices.length === 1 && first !== undefined)) return {};
  const others = choices.filter((choice): choice is JsonObject => isJsonObject(choice) && choice !== first);
  if (others.length === 0) return {};
  const texts = others.map(textsOf);
  return {
    others: {
      count: 1 + Math.max(...others.map(({ index }, place) => (isIndex(index) ? index : place + 1))),
      ended: others.filter((choice) => textOf(choice.finish_reason) !== undefined).length,
      outputText: texts.map(({ outputText }) => outputText).join(""),
      reasoningText: texts.map(({ reasoningText }) => reasoningText).join(""),
    },
  };
}

function isIndex(index: unknown): index is number {
  return typeof index === "number" && Number.isSafeInteger(index) && index >= 0;
}
