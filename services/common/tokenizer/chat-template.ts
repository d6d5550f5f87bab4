/**
 * Chat templates of Hugging Face tokenizers: the text that a model is given for a list of messages. They come with models of others'
 * making, and are rendered within the bounds of every template.
 */
import { AssayError, messageOf } from "../errors.ts";

export interface TemplateMessage {
  readonly role: string;
  readonly content: string;
}

/** The text of messages, with the beginning of the answer behind it. Throws `invalid_argument` where the template takes no such messages. */
export type ChatTemplate = (messages: readonly TemplateMessage[]) => string;

/** The template that a tokenizer_config.json names: one, or the one called `default` of several. Undefined: none. */
export function templateText(config: unknown): string | undefined {
  const template = fieldOf(config, "chat_template");
  if (typeof template === "string") return template;
  if (!Array.isArray(template)) return undefined;
  const named = template.find((one: unknown) => fieldOf(one, "name") === "default");
  const text = fieldOf(named, "template");
  return typeof text === "string" ? text : undefined;
}

/**
 * @param config what tokenizer_config.json says: special tokens that templates write
 * @throws `invalid_argument` for what is no template
 */
export async function createChatTemplate(template: string, config: unknown): Promise<ChatTemplate> {
  const { boundedJinja } = await import("../../../endpoints/custom/jinja.ts");
  const tokens = Object.fromEntries(
    ["bos_token", "eos_token", "pad_token", "unk_token"].map((name) => [name, tokenText(fieldOf(config, name))]),
  );
  const attempt = <T>(what: string, act: () => T): T => {
    try {
      return act();
    } catch (error) {
      const description = `its chat template ${what}: ${messageOf(error)}`;
      throw new AssayError("invalid_argument", `tokenizer.apply_chat_template: ${description}`, {
        cause: error,
        violations: [{ field: "tokenizer.apply_chat_template", description }],
      });
    }
  };
  const render = attempt("cannot be read", () => boundedJinja(template, { trimsBlocks: true }));
  return (messages) =>
    attempt("takes no such messages", () => render({ strftime_now: nowText, ...tokens, messages, add_generation_prompt: true }));
}

const months = [
  "January",
  "February",
  "March",
  "April",
  "May",
  "June",
  "July",
  "August",
  "September",
  "October",
  "November",
  "December",
];

/** What templates write of today (`%d %b %Y`), as far as they do; anything else stays as it is. */
function nowText(format: unknown): string {
  const now = new Date();
  const two = (value: number): string => String(value).padStart(2, "0");
  const month = months[now.getMonth()] ?? "";
  const parts: Readonly<Record<string, string>> = {
    "%Y": String(now.getFullYear()),
    "%m": two(now.getMonth() + 1),
    "%d": two(now.getDate()),
    "%b": month.slice(0, 3),
    "%B": month,
    "%H": two(now.getHours()),
    "%M": two(now.getMinutes()),
    "%%": "%",
  };
  return String(format).replaceAll(/%[YmdbBHM%]/g, (part) => parts[part] ?? part);
}

/** A token is a text, or an object with one. */
function tokenText(token: unknown): string {
  const text = typeof token === "string" ? token : fieldOf(token, "content");
  return typeof text === "string" ? text : "";
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null && name in value
    ? (value as Readonly<Record<string, unknown>>)[name]
    : undefined;
}
