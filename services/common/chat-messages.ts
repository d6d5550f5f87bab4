/** Messages of a chat, on the wire and as endpoints take them. Pure. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { ChatMessage, ContentPart, Modality } from "../../endpoints/endpoint.ts";
import type { ChatMessageSchema, ChatMessage as WireMessage } from "../../gen/assay/dataset/v1/dataset_pb.js";

/** A role that no target knows becomes `user`; parts of a kind that there is not are left out. */
export function chatMessageOf({ role, content, parts, json }: WireMessage): ChatMessage {
  const own = { role: isRole(role) ? role : "user", content } as const;
  if (parts.length === 0 && json === "") return own;
  return { ...own, ...(parts.length === 0 ? {} : { parts: parts.flatMap(partOf) }), ...(json === "" ? {} : { json }) };
}

/** What `chatMessageOf` makes the same message of. */
export function wireMessageOf({ role, content, parts = [], json = "" }: ChatMessage): MessageInitShape<typeof ChatMessageSchema> {
  return { role, content, parts: parts.map(({ name = "", uuid = "", ...part }) => ({ ...part, name, uuid })), json };
}

function partOf({ modality, name, content, uuid }: WireMessage["parts"][number]): ContentPart[] {
  if (!isModality(modality)) return [];
  return [{ modality, content, ...(name === "" ? {} : { name }), ...(uuid === "" ? {} : { uuid }) }];
}

function isRole(role: string): role is ChatMessage["role"] {
  return role === "system" || role === "user" || role === "assistant" || role === "tool";
}

function isModality(modality: string): modality is Modality {
  return modality === "text" || modality === "image" || modality === "audio" || modality === "video";
}
