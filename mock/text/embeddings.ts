/** `/v1/embeddings`: a vector for each input, or one for a chat. The TTFT is the time of all of them. Pure but for `Buffer`. */
import { asciiJson, textOfValue } from "./ascii-json.ts";
import { textsIn } from "./chat.ts";
import { type MockEndpoint, type RequestJson, tokensOfTexts } from "./endpoint.ts";
import { marks } from "./event-template.ts";
import { errorBody, refusal } from "./refusal.ts";

const usualDimensions = 8;
const maxDimensions = 8192;

export const embeddings: MockEndpoint = {
  name: "embeddings",
  namesModel: true,
  lengthFields: [],
  usageOfStreams: "always",
  readPrompt(json) {
    const { dimensions, encoding_format: format = "float" } = json;
    const inputs = inputsOf(json);
    if (inputs.length === 0) return refusal(400, "input must be a text, or a list of one or more", "input");
    if (dimensions !== undefined && !isDimension(dimensions)) {
      return refusal(400, `dimensions must be an integer from 1 to ${maxDimensions}`, "dimensions");
    }
    if (format !== "float" && format !== "base64")
      return refusal(400, "encoding_format must be float or base64", "encoding_format");
    const vectors = { dimensions: isDimension(dimensions) ? dimensions : usualDimensions, isBase64: format === "base64" };
    return { tokens: tokensOfTexts(inputs), choices: inputs.length, pieces: 1, vectors };
  },
  textsOf: () => [],
  streamEvents: undefined,
  hasDone: false,
  wholeBody({ choices, vectors, model, promptTokens, hasUsage }, hasStamps) {
    const { dimensions = usualDimensions, isBase64 = false } = vectors ?? {};
    const list = Array.from({ length: choices }, (_, index) => {
      return `{"object":"embedding","index":${index},"embedding":${vectorJson(index, dimensions, isBase64)}}`;
    });
    const stamp = hasStamps ? `"assay_sent_ns":"${marks.stamp}",` : "";
    const usage = hasUsage ? `,"usage":{"prompt_tokens":${promptTokens},"total_tokens":${promptTokens}}` : "";
    return `{"id":"embd-${marks.id}","object":"list",${stamp}"model":${asciiJson(model)},"data":[${list.join(",")}]${usage}}`;
  },
  errorBody,
  errorEvents: (why) => `data: ${errorBody(why)}\n\n`,
};

function inputsOf({ input, messages }: RequestJson): readonly string[] {
  if (Array.isArray(messages)) return messages.length === 0 ? [] : [messages.flatMap(textsIn).join("\n")];
  if (typeof input === "string") return [input];
  if (!Array.isArray(input)) return [];
  // A list of numbers is one input of tokens.
  return typeof input[0] === "number"
    ? [input.map(textOfValue).join(" ")]
    : input.map((one) => (Array.isArray(one) ? one.map(textOfValue).join(" ") : textOfValue(one)));
}

function isDimension(value: unknown): value is number {
  return Number.isInteger(value) && Number(value) >= 1 && Number(value) <= maxDimensions;
}

/** Of length 1, and another for each input. */
function vectorJson(index: number, dimensions: number, isBase64: boolean): string {
  const angle = (at: number): number => Math.cos((index + 1) * (at + 1));
  const values = Float32Array.from({ length: dimensions }, (_, at) => angle(at));
  const length = Math.hypot(...values);
  const unit = values.map((value) => value / length);
  return isBase64 ? `"${Buffer.from(unit.buffer).toString("base64")}"` : JSON.stringify([...unit]);
}
