/** Chat templates of Hugging Face tokenizers: the text that a model is given for a list of messages. */
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
  const { Template } = await import("@huggingface/jinja");
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
  const parsed = attempt("cannot be read", () => new Template(template));
  return (messages) =>
    attempt("takes no such messages", () => parsed.render({ ...tokens, messages, add_generation_prompt: true }));
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
