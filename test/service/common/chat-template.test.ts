import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { createChatTemplate, templateText } from "../../../services/common/tokenizer/chat-template.ts";
import { loadChatCounter, loadTokenizer } from "../../../services/common/tokenizer/load.ts";
import type { TokenizerSource } from "../../../services/common/tokenizer/source.ts";
import { failureOf } from "../rpc/harness.ts";

const tiny = join(import.meta.dirname, "../../fixtures/tokenizer/tiny");
const template =
  "{{ bos_token }}{% for message in messages %}<{{ message.role }}>{{ message.content }}</>{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}";

describe("a chat template", () => {
  let folder: string;
  let source: TokenizerSource;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "assay-template-"));
    await cp(join(tiny, "tokenizer.json"), join(folder, "tokenizer.json"));
    source = { kind: "path", path: folder };
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  const messages = [
    { role: "system", content: "the" },
    { role: "user", content: "The the x" },
  ];
  const rendered = "[B]<system>the</><user>The the x</><assistant>";

  it("writes messages as the model gets them, with the beginning of the answer", async () => {
    for (const bos of ["[B]", { content: "[B]", special: true }]) {
      const write = await createChatTemplate(template, { bos_token: bos });
      expect(write(messages)).to.equal(rendered);
    }
  });

  it("is one of several by its name, or the only one", () => {
    expect(templateText({ chat_template: "a" })).to.equal("a");
    const named = [
      { name: "tool_use", template: "t" },
      { name: "default", template: "d" },
    ];
    expect(templateText({ chat_template: named })).to.equal("d");
    expect([templateText({}), templateText(undefined), templateText({ chat_template: [] })]).to.deep.equal([
      undefined,
      undefined,
      undefined,
    ]);
  });

  it("is counted by the tokenizer that it stands beside", async () => {
    await writeFile(join(folder, "tokenizer_config.json"), JSON.stringify({ chat_template: template, bos_token: "[B]" }));
    const [countChat, count] = await Promise.all([loadChatCounter(source), loadTokenizer(source)]);
    expect(countChat?.(messages)).to.equal(count?.(rendered));
  });

  it("may be a file of its own, which goes before the one in the configuration", async () => {
    await writeFile(join(folder, "tokenizer_config.json"), JSON.stringify({ chat_template: "x" }));
    await writeFile(join(folder, "chat_template.jinja"), "the{% for m in messages %} the{% endfor %}");
    const [countChat, count] = await Promise.all([loadChatCounter(source), loadTokenizer(source)]);
    expect(countChat?.(messages)).to.equal(count?.("the the the"));
  });

  it("is none where the tokenizer has none", async () => {
    expect(await loadChatCounter(source)).to.equal(undefined);
    expect(await loadChatCounter({ kind: "encoding", name: "o200k_base" })).to.equal(undefined);
  });

  it("leaves blocks' own lines out, and may say what day it is, as the Hub's templates expect", async () => {
    const write = await createChatTemplate("  {% if messages %}\n{{ strftime_now('%d %b %Y, %%x') }}\n  {% endif %}\n", {});
    expect(write(messages)).to.match(/^\d\d [A-Z][a-z]{2} 2\d{3}, %x\n$/);
  });

  it("of a hostile tokenizer ends, and reaches nothing but its messages", async () => {
    const endless =
      "{% for i in range(1000) %}{% for j in range(1000) %}{% for k in range(1000) %}a{% endfor %}{% endfor %}{% endfor %}";
    const idle = "{% for i in range(1000000) %}{% for j in range(1000000) %}{% endfor %}{% endfor %}";
    for (const template of [endless, idle]) {
      const write = await createChatTemplate(template, {});
      expect(() => write(messages)).to.throw("its chat template takes no such messages: it takes more than 200000 steps");
    }
    const growing = await createChatTemplate(
      "{% set ns = namespace(x='ab') %}{% for i in range(60) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}",
      {},
    );
    expect(() => growing(messages)).to.throw("it takes more than 200000 steps");
    for (const reach of [
      "messages.constructor.constructor('return 1')()",
      "strftime_now.constructor('return 1')()",
      "require('fs')",
    ]) {
      const write = await createChatTemplate(`{{ ${reach} }}`, {});
      expect(() => write(messages), reach).to.throw("its chat template takes no such messages");
    }
    const write = await createChatTemplate("{{ process }}{{ process.env }}{{ globalThis }}", {});
    expect(write(messages)).to.equal("");
  });

  it("is refused by the field of the spec where it is no template, or takes no such messages", async () => {
    const broken = await failureOf(createChatTemplate("{% for x %}", {}));
    expect(broken.message).to.contain("tokenizer.apply_chat_template: its chat template cannot be read");
    const write = await createChatTemplate("{{ raise_exception('no system messages') }}", {});
    expect(() => write(messages)).to.throw("its chat template takes no such messages: no system messages");
  });
});
