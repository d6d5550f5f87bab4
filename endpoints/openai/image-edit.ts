/**
 * OpenAI's edits of images, `POST /v1/images/edits`, with AIPerf's fields: an image of the turn as a file, or its address in `url`; a second
 * one, or one that the dataset calls `mask`, says where.
 */
import { AssayError } from "../../services/common/errors.ts";
import type { ContentPart, Endpoint, TurnInput } from "../endpoint.ts";
import { parseAnswer } from "../event-stream.ts";
import { encodeForm, extraFields, type FormField, fileOf, formContentType } from "../multipart.ts";
import { contentsOf, partsOf } from "../parts.ts";
import { readImagesEvent } from "./images-event.ts";

export function createImageEditEndpoint(): Endpoint {
  return {
    name: "image_edit",
    path: "/v1/images/edits",
    canStream: false,
    contentType: formContentType,
    takes: ["text", "image"],
    needs: ["image"],
    reservedInputs: reservedFields,
    produces: "images",
    formatBody: editForm,
    parse: (response) => parseAnswer(response, readImagesEvent),
  };
}

/** Said by the turn alone. */
const reservedFields = ["prompt", "image", "url", "mask"];

function editForm({ messages, model, extraInputs }: TurnInput): Uint8Array {
  const reserved = reservedFields.find((name) => Object.hasOwn(extraInputs, name));
  if (reserved !== undefined)
    throw new AssayError("invalid_argument", `image_edit takes ${reserved} from the turn, not from extra inputs`);
  const own = messages.slice(-1);
  const images = own.flatMap(partsOf).filter(({ modality, content }) => modality === "image" && content !== "");
  const image = images.find(({ name }) => name !== "mask");
  if (image === undefined) throw new AssayError("invalid_argument", "image_edit needs an image in the turn");
  const mask = images.find((one) => one !== image);
  const [prompt = ""] = contentsOf(own, "text");
  const fields = extraFields({ prompt, model, response_format: "b64_json", n: 1, ...extraInputs });
  return encodeForm([...fields, imageField(image), ...(mask === undefined ? [] : [maskField(mask)])]);
}

function imageField({ content }: ContentPart): FormField {
  const file = fileOf(content, "image");
  return file === undefined ? { name: "url", value: content } : { name: "image", value: file };
}

function maskField({ content }: ContentPart): FormField {
  return { name: "mask", value: fileOf(content, "mask") ?? content };
}
