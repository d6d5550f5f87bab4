/** Options by which GenAI-Perf and perf_analyzer say what others say here, as these. Pure. */
import type { GivenRun } from "./run-options.ts";

/** GenAI-Perf's default is TensorRT-LLM. */
export function endpointTypeOf(backend: string | undefined): string {
  return backend === "vllm" ? "triton_generate" : "trtllm";
}

/** What was given stays given from where it was. */
export function spelledOut({ options, origins }: GivenRun): GivenRun {
  const { tensorData, inputFile, datasetType, serviceKind, backend, endpointType } = options;
  const isFile = tensorData !== undefined && tensorData !== "random" && tensorData !== "zero" && inputFile === undefined;
  const isTriton = serviceKind === "triton" && endpointType === undefined;
  if (!isFile && !isTriton) return { options, origins };
  const all = new Map(origins);
  const { tensorData: _, ...others } = options;
  const dataFrom = origins.get("tensorData") ?? "argument";
  if (isFile) {
    all.delete("tensorData");
    all.set("inputFile", dataFrom);
    all.set("datasetType", origins.get("datasetType") ?? dataFrom);
  }
  if (isTriton) all.set("endpointType", origins.get("serviceKind") ?? "argument");
  return {
    options: {
      ...(isFile ? { ...others, inputFile: tensorData, datasetType: datasetType ?? "input_data" } : options),
      ...(isTriton ? { endpointType: endpointTypeOf(backend) } : {}),
    },
    origins: all,
  };
}
