/** The formats of dataset files, in the order in which a first row is shown to them. */
import { azureLlmTraceFormat } from "./azure-llm-trace.ts";
import { bailianTraceFormat } from "./bailian-trace.ts";
import { basetenTraceFormat } from "./baseten-trace.ts";
import { burstGptTraceFormat } from "./burst-gpt-trace.ts";
import { columnFormat } from "./column.ts";
import { dagJsonlFormat } from "./dag-jsonl.ts";
import type { Format } from "./format.ts";
import { mooncakeTraceFormat } from "./mooncake-trace.ts";
import { multiTurnFormat } from "./multi-turn.ts";
import { singleTurnFormat } from "./single-turn.ts";

export const formats: readonly Format[] = [
  singleTurnFormat,
  dagJsonlFormat,
  multiTurnFormat,
  bailianTraceFormat,
  basetenTraceFormat,
  burstGptTraceFormat,
  azureLlmTraceFormat,
  mooncakeTraceFormat,
];

export function formatNamed(name: string): Format | undefined {
  return formats.find((format) => format.name === name) ?? columnFormat(name);
}
