/**
 * Writes `code.txt`: `node services/dataset/corpus/write-code.ts`. Sources, logs, listings and patches of programs that there are not, put together from the
 * words and patterns below; always the same text. It was made for this project and is under its licence.
 */
import { writeFileSync } from "node:fs";
import { type RandomStream, randomStream } from "../../common/random.ts";

const nouns =
  "account address archive batch block branch bucket buffer cache channel chunk client cluster column config cursor customer device digest entry event field file filter folder frame graph group handle header host image index interval invoice item job key label layer lease ledger limit line link list lock message meter metric model module name network node offset option order owner packet page parser patch path payment peer plan pool port price profile project queue range rate reader record region registry report request result role route row rule sample schema score segment sensor server session shard signal slot snapshot socket source span stage state storage stream switch symbol table tag target task template tenant thread ticket timer token topic trace tree trigger user value vector version view volume window worker writer zone".split(
    " ",
  );
const verbs =
  "add allocate append apply archive attach balance bind build cancel check clear close collect compare compute copy count create decode delete detach drain drop encode expand export fetch filter find flush format group handle import insert join limit list load lock map mark match merge move normalize open parse pick plan print probe publish pull push query read rebuild reduce refresh register release remove rename render replace report reset resolve restore retry rotate route save scan schedule select send serve sort split start stop store submit sum sync trim update validate verify wait walk watch wrap write".split(
    " ",
  );
const adjectives =
  "active bounded cached closed compact current daily default dirty early empty expected final first fresh full global hidden idle invalid known large last late local lost merged missing nested new next old open partial pending primary private public raw ready remote shared short sorted spare stale static total unique valid weekly".split(
    " ",
  );
const types = ["int", "str", "float", "bool", "bytes", "dict", "list"] as const;

class Writer {
  readonly #random: RandomStream;
  readonly #parts: string[] = [];
  size = 0;

  constructor(random: RandomStream) {
    this.#random = random;
  }

  get text(): string {
    return this.#parts.join("");
  }

  add(piece: string): void {
    this.#parts.push(piece);
    this.size += piece.length;
  }

  pick<T>(choices: readonly T[]): T {
    return choices[this.#random.below(choices.length)] as T;
  }

  below(bound: number): number {
    return this.#random.below(bound);
  }

  noun = (): string => this.pick(nouns);
  verb = (): string => this.pick(verbs);
  adjective = (): string => this.pick(adjectives);
  snake = (): string => this.pick([`${this.adjective()}_${this.noun()}`, `${this.noun()}_${this.noun()}`, this.noun()]);
  camel = (): string =>
    this.pick([`${this.noun()}${capital(this.noun())}`, this.noun(), `${this.adjective()}${capital(this.noun())}`]);
  pascal = (): string => `${capital(this.adjective())}${capital(this.noun())}`;
  hex = (digits: number): string => Array.from({ length: digits }, () => this.below(16).toString(16)).join("");
  remark = (): string =>
    this.pick([
      `${this.verb()} the ${this.adjective()} ${this.noun()} before the ${this.noun()} is ${past(this.verb())} again`,
      `a ${this.noun()} without a ${this.noun()} has nothing to ${this.verb()}`,
      `the ${this.noun()} of the ${this.adjective()} ${this.noun()} may be ${this.adjective()} here`,
      `callers ${this.verb()} at most ${2 + this.below(98)} ${this.noun()}s in one ${this.noun()}`,
      `${this.adjective()} when the ${this.noun()} has been ${past(this.verb())} by another ${this.noun()}`,
    ]);
}

function past(verb: string): string {
  return verb.endsWith("e") ? `${verb}d` : `${verb}ed`;
}

function capital(word: string): string {
  return `${word.charAt(0).toUpperCase()}${word.slice(1)}`;
}

function python(w: Writer): string {
  const [name, item, seen] = [`${w.verb()}_${w.snake()}`, w.snake(), w.snake()];
  return [
    `def ${name}(${item}: ${w.pick(types)}, ${w.noun()}_limit: int = ${w.below(4096)}) -> ${w.pick(types)}:`,
    `    """${capital(w.remark())}."""`,
    `    ${seen} = {}`,
    `    for ${w.noun()}_id, value in enumerate(${item}.${w.verb()}(${w.below(64)})):`,
    `        if value is None or value.${w.noun()} < ${w.below(900)}:`,
    `            raise ValueError(f"${w.remark()}: {value!r}")`,
    `        ${seen}[value.${w.noun()}] = self.${w.verb()}_${w.noun()}(value, ${w.snake()}=${w.below(100)})`,
    `        # ${w.remark()}`,
    `        ${w.noun()}_total += len(${seen}) * ${w.below(12)}.${w.below(99)}`,
    `    return ${seen}.get("${w.snake()}", ${w.below(10)})`,
    "",
    "",
  ].join("\n");
}

function typescript(w: Writer): string {
  const [type, field, map] = [w.pascal(), w.camel(), w.camel()];
  return [
    `export interface ${type} {`,
    `  /** ${capital(w.remark())}. */`,
    `  readonly ${field}: ${w.pick(["number", "string", "boolean", "readonly string[]", `Map<string, ${w.pascal()}>`])};`,
    `  readonly ${w.camel()}Ms?: number;`,
    "}",
    "",
    `export async function ${w.verb()}${w.pascal()}(${w.noun()}: ${type}, signal: AbortSignal): Promise<${w.pascal()}[]> {`,
    `  const ${map} = new Map<string, ${type}>();`,
    `  for (const { ${field}, ...rest } of await this.${w.camel()}.${w.verb()}(${w.noun()}, { limit: ${w.below(500)} })) {`,
    `    if (signal.aborted) throw new Error(\`${w.remark()}: \${${field}}\`);`,
    `    // ${capital(w.remark())}.`,
    `    ${map}.set(String(${field}), { ...rest, ${w.camel()}: ${w.below(1000)} });`,
    "  }",
    `  return [...${map}.values()].filter((${w.noun()}) => ${w.noun()}.${w.camel()} !== undefined);`,
    "}",
    "",
    "",
  ].join("\n");
}

function go(w: Writer): string {
  const [type, receiver] = [w.pascal(), w.noun().charAt(0)];
  return [
    `// ${type} is ${w.adjective()}: ${w.remark()}.`,
    `func (${receiver} *${type}) ${capital(w.verb())}${capital(w.noun())}(ctx context.Context, ${w.camel()} []byte) (int, error) {`,
    `\t${receiver}.mu.Lock()`,
    `\tdefer ${receiver}.mu.Unlock()`,
    `\tif len(${receiver}.${w.camel()}) > ${w.below(1 << 14)} {`,
    `\t\treturn 0, fmt.Errorf("${w.verb()} ${w.noun()} %q: %w", ${receiver}.${w.noun()}, err${w.pascal()})`,
    "\t}",
    `\tfor i, ${w.noun()} := range ${receiver}.${w.camel()} {`,
    `\t\tselect {`,
    `\t\tcase <-ctx.Done():`,
    `\t\t\treturn i, ctx.Err()`,
    `\t\tcase ${receiver}.${w.camel()} <- ${w.noun()}:`,
    "\t\t}",
    "\t}",
    `\treturn ${w.below(100)}, nil`,
    "}",
    "",
    "",
  ].join("\n");
}

function log(w: Writer): string {
  const lines = Array.from({ length: 4 + w.below(8) }, () => {
    const time = `2025-${two(1 + w.below(12))}-${two(1 + w.below(28))}T${two(w.below(24))}:${two(w.below(60))}:${two(w.below(60))}.${100 + w.below(900)}Z`;
    const level = w.pick(["INFO ", "DEBUG", "WARN ", "ERROR"]);
    return `${time} ${level} [${w.noun()}-${w.below(32)}] ${w.remark()} ${w.camel()}=${w.below(100_000)} ${w.noun()}=${w.hex(8)} took ${w.below(2000)}ms`;
  });
  return `$ ${w.pick(["tail -n 12", "grep -n", "journalctl -u"])} ${w.noun()}-${w.noun()}.log\n${lines.join("\n")}\n\n`;
}

function json(w: Writer): string {
  const document = {
    [w.camel()]: w.below(10_000),
    [w.camel()]: { [w.camel()]: w.remark(), [w.camel()]: [w.below(9), w.below(99), w.below(999)], [w.camel()]: w.below(2) === 0 },
    [w.camel()]: Array.from({ length: 2 + w.below(2) }, () => ({
      id: w.hex(12),
      [w.noun()]: w.snake(),
      [w.camel()]: w.below(1000) / 8,
    })),
  };
  return `${JSON.stringify(document, null, 2)}\n\n`;
}

function patch(w: Writer): string {
  const path = `${w.noun()}/${w.noun()}_${w.noun()}.py`;
  return [
    `diff --git a/${path} b/${path}`,
    `index ${w.hex(7)}..${w.hex(7)} 100644`,
    `--- a/${path}`,
    `+++ b/${path}`,
    `@@ -${w.below(400)},7 +${w.below(400)},8 @@ def ${w.verb()}_${w.noun()}(self):`,
    `     ${w.snake()} = self.${w.verb()}(${w.below(64)})`,
    `-    return ${w.snake()}.${w.verb()}("${w.noun()}")`,
    `+    # ${w.remark()}`,
    `+    return ${w.snake()}.${w.verb()}_${w.noun()}("${w.noun()}", limit=${w.below(512)})`,
    "",
    "",
  ].join("\n");
}

function test(w: Writer): string {
  const failed = w.below(4);
  return [
    `$ ${w.pick(["pytest -q", "go test ./...", "npm test --", "make check"])} ${w.noun()}/${w.noun()}`,
    ...Array.from(
      { length: 3 + w.below(4) },
      () => `${w.pick(["ok  ", "PASS", "FAIL"])} ${w.noun()}/${w.snake()} ${w.below(9)}.${w.below(900)}s`,
    ),
    `${20 + w.below(400)} passed, ${failed} failed: ${w.remark()}`,
    "",
    "",
  ].join("\n");
}

function two(value: number): string {
  return String(value).padStart(2, "0");
}

/** At least so many characters, ending with a whole piece. */
export function writeCode(chars: number): string {
  const writer = new Writer(randomStream(1, "corpus", "code"));
  while (writer.size < chars) writer.add(writer.pick([python, typescript, go, log, json, patch, test])(writer));
  return writer.text;
}

if (import.meta.main) writeFileSync(new URL("code.txt", import.meta.url), writeCode(120_000));
