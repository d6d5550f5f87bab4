/** A short turn that an endpoint can say, for requests that are only to find out whether it answers. Pure. */
import { clone, create, type MessageInitShape } from "@bufbuild/protobuf";
import type { Endpoint, Modality } from "../../endpoints/endpoint.ts";
import { ChatMessageSchema, type ContentPartSchema, type Turn, TurnSchema } from "../../gen/assay/dataset/v1/dataset_pb.js";

/** One pixel. */
const image =
  "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg==";

type Message = MessageInitShape<typeof ChatMessageSchema>;

/** 1 ms of silence, 16 kHz, 16 bits. */
const silence = `data:audio/wav;base64,UklGRkQAAABXQVZFZm10IBAAAAABAAEAgD4AAAB9AAACABAAZGF0YSAA${"A".repeat(46)}==`;

const media = { image, audio: silence, video: "data:video/mp4;base64,AAAA" } as const;

type Shape = Pick<Endpoint, "takes" | "needs">;

/** @param rest fields of the turn; its messages are of what the endpoint takes, and needs */
export function sampleTurn(endpoint: Shape, rest: Omit<MessageInitShape<typeof TurnSchema>, "$typeName" | "messages">): Turn {
  return create(TurnSchema, { ...rest, messages: [sampleMessage(endpoint)] });
}

/** The same with a medium of each kind that the endpoint takes, for whoever does not look into it. @param chars of each */
export function withMedia(turn: Turn, { takes }: Shape, kinds: readonly Exclude<Modality, "text">[], chars: number): Turn {
  const [message] = turn.messages;
  if (message === undefined) return turn;
  const { role, content, parts } = message;
  const taken = kinds.filter((kind) => takes.includes(kind));
  if (taken.length === 0) return turn;
  const texts: MessageInitShape<typeof ContentPartSchema>[] =
    parts.length > 0 || content === "" ? parts : [{ modality: "text", content }];
  const others = taken.map((modality) => ({ modality, content: `${media[modality].split(",", 1)[0]},${"A".repeat(chars)}` }));
  const made = clone(TurnSchema, turn);
  made.messages = [create(ChatMessageSchema, { role, content, parts: [...texts, ...others] })];
  return made;
}

function sampleMessage({ takes, needs = [] }: Shape): Message {
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
