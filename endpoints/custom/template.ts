/**
 * Requests of any JSON API: a Jinja2 template makes the body out of the turn's last message, with AIPerf's variables. The values are
 * not escaped for HTML, as AIPerf's are; `tojson` makes JSON of them.
 */

import { AssayError } from "../../services/common/errors.ts";
import type { ChatMessage, ContentPart, Endpoint, Modality, TurnInput } from "../endpoint.ts";
import { encodeJson, isJsonObject, type JsonObject, parseJson } from "../json-body.ts";
import { partsOf } from "../parts.ts";
import type { TagOptions } from "../reasoning-tags.ts";
import { parseUnknown } from "./answer.ts";
import { compileJinja, type Jinja } from "./jinja.ts";
import { pathProblem } from "./jmespath.ts";

export interface TemplateOptions extends TagOptions {
  /** Jinja2, or one of `namedTemplates`. Default: empty, and then no body can be made. */
  readonly template?: string;
  /** JMESPath of the content of an answer. Default: empty, it is looked for. */
  readonly responseField?: string;
}

/** Templates by AIPerf's names. */
const namedTemplates: Readonly<Record<string, string>> = {
  "nv-embedqa": '{"text": {{ texts|tojson }}}',
};

/** `formatBody` throws `invalid_argument` where the template makes no JSON object of the turn. */
export function createTemplateEndpoint({ template = "", responseField = "", reasoningTags }: TemplateOptions = {}): Endpoint {
  let render: Jinja | undefined;
  return {
    name: "template",
    path: "",
    canStream: true,
    takes: ["text", "texts", "ranking", "image", "audio", "video"],
    produces: "text",
    formatBody(turn) {
      render ??= compileJinja(Object.hasOwn(namedTemplates, template) ? (namedTemplates[template] ?? "") : template);
      return encodeJson({ ...renderedBody(render, turn), ...turn.extraInputs });
    },
    parse: (response) => parseUnknown(response, responseField, reasoningTags),
  };
}

/** What is wrong with a template, seen by rendering it for a turn that has one of everything; undefined: nothing. */
export function templateProblem(template: string): string | undefined {
  if (template.trim() === "") return "a template is needed";
  try {
    createTemplateEndpoint({ template }).formatBody(sampleTurn);
    return undefined;
  } catch (error) {
    if (error instanceof AssayError) return error.message;
    throw error;
  }
}

/** What is wrong with a JMESPath expression; undefined: nothing. */
export function responseFieldProblem(responseField: string): string | undefined {
  return responseField === "" ? undefined : pathProblem(responseField);
}

const sampleTurn: TurnInput = {
  model: "model",
  messages: [
    {
      role: "user",
      content: "text",
      parts: [
        { modality: "text", content: "text" },
        { modality: "text", name: "query", content: "query" },
        { modality: "text", name: "passages", content: "passage" },
        { modality: "image", content: "data:image/png;base64,AA==" },
        { modality: "audio", content: "data:audio/wav;base64,AA==" },
        { modality: "video", content: "data:video/mp4;base64,AA==" },
      ],
    },
  ],
  maxOutputTokens: 16,
  isStreaming: false,
  extraInputs: {},
};

function renderedBody(render: Jinja, turn: TurnInput): JsonObject {
  const rendered = render(variablesOf(turn));
  const body = parseJson(rendered);
  if (isJsonObject(body)) return body;
  const shown = rendered.length > 100 ? `${rendered.slice(0, 100)}…` : rendered;
  throw new AssayError("invalid_argument", `the template renders no JSON object: ${shown}`);
}

function variablesOf({ messages, model, maxOutputTokens, isStreaming }: TurnInput): JsonObject {
  const turns = messages.map(turnOf);
  const { texts, images, audios, videos, role } = turns.at(-1) ?? emptyTurn;
  const byName = namesOf(messages.at(-1));
  const queries = byName("text").query ?? [];
  const { passages = byName("text").passage ?? [] } = byName("text");
  return {
    ...{ texts, images, audios, videos, queries, passages },
    text: texts[0] ?? null,
    image: images[0] ?? null,
    audio: audios[0] ?? null,
    video: videos[0] ?? null,
    query: queries[0] ?? null,
    passage: passages[0] ?? null,
    texts_by_name: byName("text"),
    images_by_name: byName("image"),
    audios_by_name: byName("audio"),
    videos_by_name: byName("video"),
    model,
    max_tokens: maxOutputTokens ?? null,
    role,
    stream: isStreaming,
    turn: turns.at(-1) ?? emptyTurn,
    turns,
  };
}

interface TemplateTurn extends JsonObject {
  readonly role: string;
  readonly texts: readonly string[];
  readonly images: readonly string[];
  readonly audios: readonly string[];
  readonly videos: readonly string[];
}

const emptyTurn: TemplateTurn = { role: "user", texts: [], images: [], audios: [], videos: [] };

function turnOf(message: ChatMessage): TemplateTurn {
  const of = (modality: Modality): string[] => said(message, modality).map(({ content }) => content);
  return { role: message.role, texts: of("text"), images: of("image"), audios: of("audio"), videos: of("video") };
}

/** Contents of the last message by the names that the dataset gave them; those without a name are left out. */
function namesOf(message: ChatMessage | undefined): (modality: Modality) => Readonly<Record<string, string[]>> {
  return (modality) => {
    const named = (message === undefined ? [] : said(message, modality)).filter(({ name = "" }) => name !== "");
    const groups = Map.groupBy(named, ({ name = "" }) => name);
    return Object.fromEntries([...groups].map(([name, parts]) => [name, parts.map(({ content }) => content)]));
  };
}

function said(message: ChatMessage, modality: Modality): readonly ContentPart[] {
  return partsOf(message).filter((part) => part.modality === modality && part.content !== "");
}
