/** NVIDIA NIM's detectors of objects in images, `POST /v1/infer`: bodies as AIPerf writes them. Images must be in the body itself. */
import { AssayError } from "../../services/common/errors.ts";
import type { Endpoint, TurnInput } from "../endpoint.ts";
import { type EventMeaning, parseAnswer } from "../event-stream.ts";
import { encodeJson, type JsonObject } from "../json-body.ts";
import { contentsOf } from "../parts.ts";
import { errorWords } from "../target-error.ts";

export function createImageRetrievalEndpoint(): Endpoint {
  return {
    name: "image_retrieval",
    path: "/v1/infer",
    canStream: false,
    takes: ["image"],
    needs: ["image"],
    produces: "data",
    formatBody: (turn) => encodeJson({ input: inputOf(turn), ...turn.extraInputs }),
    parse: (response) => parseAnswer(response, readDetections),
  };
}

function inputOf({ messages }: TurnInput): readonly JsonObject[] {
  const images = contentsOf(messages.slice(-1), "image");
  if (images.length === 0) throw new AssayError("invalid_argument", "image_retrieval needs an image in the turn");
  const outside = images.find((url) => !url.startsWith("data:"));
  if (outside !== undefined)
    throw new AssayError("invalid_argument", `image_retrieval takes images as data: URLs, got ${outside}`);
  return images.map((url) => ({ type: "image_url", url }));
}

/** One entry of `data` for each image. */
function readDetections(document: JsonObject): EventMeaning {
  return {
    outputText: "",
    reasoningText: "",
    finishReason: undefined,
    usage: undefined,
    errorWords: errorWords(document),
    outputCount: Array.isArray(document.data) ? document.data.length : 0,
  };
}
