/** The formats of dataset files, in the order in which a first row is shown to them. */
import type { Format } from "./format.ts";
import { multiTurnFormat } from "./multi-turn.ts";
import { singleTurnFormat } from "./single-turn.ts";

export const formats: readonly Format[] = [singleTurnFormat, multiTurnFormat];

export function formatNamed(name: string): Format | undefined {
  return formats.find((format) => format.name === name);
}
