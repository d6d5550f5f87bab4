/** A short turn that an endpoint can say, for requests that are only to find out whether it answers. Pure. */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import type { Ingredient } from "../../endpoints/endpoint.ts";
import { type ChatMessageSchema, type Turn, TurnSchema } from "../../gen/assay/dataset/v1/dataset_pb.js";

/** One pixel. */
const image =
  "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg==";

type Message = MessageInitShape<typeof ChatMessageSchema>;

/** @param rest fields of the turn; its messages are of what the endpoint takes */
export function sampleTurn(
  takes: readonly Ingredient[],
  rest: Omit<MessageInitShape<typeof TurnSchema>, "$typeName" | "messages">,
): Turn {
  return create(TurnSchema, { ...rest, messages: [sampleMessage(takes)] });
}

function sampleMessage(takes: readonly Ingredient[]): Message {
  if (takes.includes("text") || takes.includes("texts")) return { role: "user", content: "Hello" };
  const text = (name: string, content: string) => ({ modality: "text", name, content });
  if (takes.includes("ranking")) {
    const parts = [text("query", "What is said?"), text("passages", "Hello"), text("passages", "Goodbye")];
    return { role: "user", content: parts.map(({ content }) => content).join("\n"), parts };
  }
  return { role: "user", content: "", parts: takes.includes("image") ? [{ modality: "image", content: image }] : [] };
}
