/** The formats of dataset files, in the order in which a first row is shown to them. */
import { azureLlmTraceFormat } from "./azure-llm-trace.ts";
import { bailianTraceFormat } from "./bailian-trace.ts";
import { basetenTraceFormat } from "./baseten-trace.ts";
import { burstGptTraceFormat } from "./burst-gpt-trace.ts";
import { columnFormat } from "./column.ts";
import { dagJsonlFormat } from "./dag-jsonl.ts";
import { exgenticFormat } from "./exgentic.ts";
import type { Format } from "./format.ts";
import { harFormat } from "./har.ts";
import { inputDataFormat } from "./input-data.ts";
import { inputsJsonFormat } from "./inputs-json.ts";
import { mooncakeTraceFormat } from "./mooncake-trace.ts";
import { multiTurnFormat } from "./multi-turn.ts";
import { openaiBatchFormat } from "./openai-batch.ts";
import { publicTables } from "./public-tables.ts";
import { randomPoolFormat } from "./random-pool.ts";
import { rawPayloadFormat } from "./raw-payload.ts";
import { sagemakerFormat } from "./sagemaker-data-capture.ts";
import { sharegptFormat } from "./sharegpt.ts";
import { singleTurnFormat } from "./single-turn.ts";
import { speedBenchFormat, speedBenchNamed } from "./speed-bench.ts";
import { tracelabFormat } from "./tracelab.ts";
import { wekaTraceFormat } from "./weka-trace.ts";

export const formats: readonly Format[] = [
  randomPoolFormat,
  singleTurnFormat,
  dagJsonlFormat,
  multiTurnFormat,
  bailianTraceFormat,
  basetenTraceFormat,
  burstGptTraceFormat,
  azureLlmTraceFormat,
  mooncakeTraceFormat,
  sagemakerFormat,
  inputsJsonFormat,
  inputDataFormat,
  openaiBatchFormat,
  speedBenchFormat,
  rawPayloadFormat,
  sharegptFormat,
  harFormat,
  tracelabFormat,
  wekaTraceFormat,
];

export function formatNamed(name: string): Format | undefined {
  const known = [...formats, ...publicTables].find((format) => format.name === name);
  return known ?? columnFormat(name) ?? exgenticFormat(name) ?? speedBenchNamed(name);
}
