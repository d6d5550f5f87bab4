/** Triton's `/v2/models/{model}/generate`, `generate_stream` and `infer`. No event of a stream says that it is the last. Pure. */
import { asciiJson, isObject } from "./ascii-json.ts";
import { type MockEndpoint, type RequestJson, tokensOfTexts } from "./endpoint.ts";
import { eventTemplate, marks } from "./event-template.ts";
import { type Refusal, refusal } from "./refusal.ts";
import type { TextRequest } from "./request.ts";
import { firstWordOf, wordsFrom } from "./words.ts";

/** The one version that every model has. */
const modelVersion = "1";

const common = {
  namesModel: true,
  lengthFields: ["max_tokens"],
  usageOfStreams: "always",
  readPrompt({ text_input: text, model, model_version: version = modelVersion }: RequestJson) {
    if (version !== modelVersion) {
      return refusal(404, `Request for unknown model: '${model}' version ${version} is not found`, "model");
    }
    if (typeof text !== "string" || text === "") return refusal(400, "text_input must be a text that is not empty", "text_input");
    return { tokens: tokensOfTexts([text]), choices: 1 };
  },
  textsOf: ({ text_input: text }: RequestJson) => [String(text)],
  hasDone: false,
  errorBody,
  errorEvents: (why: Refusal) => `data: ${errorBody(why)}\n\n`,
} as const;

export const tritonGenerate: MockEndpoint = {
  ...common,
  name: "kserve_generate",
  streamEvents: (model, hasStamps) => ({
    opening: () => undefined,
    content: (_choice, first, count) =>
      eventTemplate(`data: {${headOf(model, hasStamps)}"text_output":"${wordsFrom(first, count)}"}\n\n`),
    finish: () => undefined,
    ending: () => undefined,
  }),
  wholeBody: (request, hasStamps) => `{${headOf(request.model, hasStamps)}"text_output":"${textOf(request)}"}`,
};

export const tritonInfer: MockEndpoint = {
  ...common,
  name: "kserve_infer",
  streamEvents: undefined,
  wholeBody: (request, hasStamps) => {
    const { model, tokens, promptTokens, hasUsage } = request;
    const count = (name: string, value: number) => `{"name":"${name}","datatype":"INT32","shape":[1,1],"data":[${value}]}`;
    const counts = hasUsage ? `,${count("num_input_tokens", promptTokens)},${count("num_output_tokens", tokens)}` : "";
    const text = `{"name":"text_output","datatype":"BYTES","shape":[1,1],"data":["${textOf(request)}"]}`;
    return `{${headOf(model, hasStamps)}"outputs":[${text}${counts}]}`;
  },
};

/** The paths of a model, with or without its version. */
export const modelPaths = /^\/v2\/models\/([^/]+)(?:\/versions\/([^/]+))?\/(generate|generate_stream|infer)$/;

/** Tensors of one element become fields by their names. @param place the parts of the path */
export function tritonRequest(json: RequestJson, { model, version, action }: ModelPlace): RequestJson {
  const inputs = action === "infer" && Array.isArray(json.inputs) ? json.inputs.filter(isObject) : [];
  const fields = inputs.map(({ name, data }) => [String(name), Array.isArray(data) ? data.flat()[0] : undefined]);
  return {
    ...(action === "infer" ? Object.fromEntries(fields) : json),
    ...(version === undefined ? {} : { model_version: version }),
    model,
    stream: action === "generate_stream",
  };
}

export interface ModelPlace {
  readonly model: string;
  /** Undefined: none is named. */
  readonly version: string | undefined;
  readonly action: string;
}

function headOf(model: string, hasStamps: boolean): string {
  return `"model_name":${asciiJson(model)},"model_version":"${modelVersion}",${hasStamps ? `"assay_sent_ns":"${marks.stamp}",` : ""}`;
}

function textOf(request: TextRequest): string {
  return wordsFrom(firstWordOf(request, 0), request.tokens);
}

function errorBody({ message }: Refusal): string {
  return asciiJson({ error: message });
}
