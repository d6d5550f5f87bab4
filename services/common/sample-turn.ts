/** A short turn that an endpoint can say, for requests that are only to find out whether it answers. Pure. */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import type { Endpoint } from "../../endpoints/endpoint.ts";
import { type ChatMessageSchema, type Turn, TurnSchema } from "../../gen/assay/dataset/v1/dataset_pb.js";

/** One pixel. */
const image =
  "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg==";

type Message = MessageInitShape<typeof ChatMessageSchema>;

/** 1 ms of silence, 16 kHz, 16 bits. */
const silence = `data:audio/wav;base64,UklGRkQAAABXQVZFZm10IBAAAAABAAEAgD4AAAB9AAACABAAZGF0YSAA${"A".repeat(46)}==`;

const media = { image, audio: silence, video: "data:video/mp4;base64,AAAA" } as const;

/** @param rest fields of the turn; its messages are of what the endpoint takes, and needs */
export function sampleTurn(
  endpoint: Pick<Endpoint, "takes" | "needs">,
  rest: Omit<MessageInitShape<typeof TurnSchema>, "$typeName" | "messages">,
): Turn {
  return create(TurnSchema, { ...rest, messages: [sampleMessage(endpoint)] });
}

function sampleMessage({ takes, needs = [] }: Pick<Endpoint, "takes" | "needs">): Message {
  const isText = takes.includes("text") || takes.includes("texts");
  if (needs.length > 0) {
    const texts = isText ? [{ modality: "text", content: "Hello" }] : [];
    const parts = [...texts, ...needs.map((modality) => ({ modality, content: media[modality] }))];
    return { role: "user", content: isText ? "Hello" : "", parts };
  }
  if (isText) return { role: "user", content: "Hello" };
  const text = (name: string, content: string) => ({ modality: "text", name, content });
  if (takes.includes("ranking")) {
    const parts = [text("query", "What is said?"), text("passages", "Hello"), text("passages", "Goodbye")];
    return { role: "user", content: parts.map(({ content }) => content).join("\n"), parts };
  }
  return { role: "user", content: "", parts: takes.includes("image") ? [{ modality: "image", content: image }] : [] };
}
