/** `/v1/images/generations`: images of one pixel. A stream has a draft for each that is asked for (`partial_images`), one at least. Pure. */
import { type MockEndpoint, tokensOfTexts } from "./endpoint.ts";
import { eventTemplate, marks, stampText } from "./event-template.ts";
import type { StreamEvents } from "./events.ts";
import { errorBody, refusal } from "./refusal.ts";
import type { TextRequest } from "./request.ts";
import { typedEvents } from "./typed-events.ts";

const maxImages = 16;
const maxDrafts = 16;
const pixel = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg==";

export const images: MockEndpoint = {
  name: "image_generation",
  namesModel: true,
  lengthFields: [],
  usageOfStreams: "always",
  readPrompt({ prompt, n = 1, stream, partial_images: drafts = 0 }) {
    if (typeof prompt !== "string") return refusal(400, "prompt must be a text", "prompt");
    if (!isCount(n, 1, maxImages)) return refusal(400, `n must be an integer from 1 to ${maxImages}`, "n");
    if (!isCount(drafts, 0, maxDrafts)) {
      return refusal(400, `partial_images must be an integer from 0 to ${maxDrafts}`, "partial_images");
    }
    return { tokens: tokensOfTexts([prompt]), choices: n, pieces: stream === true ? Math.max(1, drafts) : 1 };
  },
  textsOf: () => [],
  streamEvents,
  hasDone: false,
  wholeBody(request, hasStamps) {
    const list = Array.from({ length: request.choices }, () => `{"b64_json":"${pixel}"}`);
    const stamp = hasStamps ? `"assay_sent_ns":"${marks.stamp}",` : "";
    return `{"created":${marks.created},${stamp}"data":[${list.join(",")}]${usageField(request)}}`;
  },
  errorBody,
  errorEvents: (why) => `event: error\ndata: ${errorBody(why)}\n\n`,
};

function isCount(value: unknown, least: number, most: number): value is number {
  return Number.isInteger(value) && Number(value) >= least && Number(value) <= most;
}

function streamEvents(_model: string, hasStamps: boolean): StreamEvents {
  const typed = typedEvents(hasStamps);
  const image = `"created_at":${marks.created},"b64_json":"${pixel}"`;
  const draft = eventTemplate(typed("image_generation.partial_image", `${image},"partial_image_index":0`));
  return {
    opening: () => undefined,
    content: () => draft,
    finish: () => undefined,
    ending(request, receivedNs) {
      const received = hasStamps ? `,"assay_received_ns":"${stampText(receivedNs)}"` : "";
      const completed = typed("image_generation.completed", `${image}${usageField(request)}${received}`);
      return eventTemplate(completed.repeat(request.choices));
    },
  };
}

/** An image counts for one token. */
function usageField({ hasUsage, promptTokens, choices }: TextRequest): string {
  if (!hasUsage) return "";
  return `,"usage":{"input_tokens":${promptTokens},"output_tokens":${choices},"total_tokens":${promptTokens + choices}}`;
}
