/** Regular expressions of RE2: linear in the text, whoever wrote them. No lookaround, no backreferences. */
import { RE2JS } from "re2js";
import { AssayError, messageOf } from "../errors.ts";

export interface RegularExpression {
  /** Whether it is found anywhere in the text. */
  test(text: string): boolean;
}

/** Throws `invalid_argument` with what is wrong with the pattern. */
export function regularExpression(pattern: string): RegularExpression {
  try {
    const compiled = RE2JS.compile(pattern);
    return { test: (text) => compiled.matcher(text).find() };
  } catch (error) {
    const why = messageOf(error).replace(/^error parsing regexp: /, "");
    throw new AssayError("invalid_argument", `is no regular expression of RE2: ${why}`, { cause: error });
  }
}
