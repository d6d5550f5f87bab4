import { expect } from "chai";
import { createRawEndpoint } from "../../../../endpoints/custom/raw.ts";
import { createTemplateEndpoint, responseFieldProblem, templateProblem } from "../../../../endpoints/custom/template.ts";
import type { ChatMessage, RawResponse } from "../../../../endpoints/endpoint.ts";
import { responseOf, sse } from "../openai/answers.ts";
import { bodyOf, bodyText, plainTurn } from "../turns.ts";
import { json, lines, staysUnbroken } from "../unbroken.ts";

const render = (template: string, changes = {}) => bodyOf(createTemplateEndpoint({ template }), changes);

const ranking: ChatMessage = {
  role: "user",
  content: "q\na\nb",
  parts: [
    { modality: "text", name: "query", content: "q" },
    { modality: "text", name: "passages", content: "a" },
    { modality: "text", name: "passages", content: "b" },
    { modality: "image", content: "data:image/png;base64,AA==" },
  ],
};

describe("template: the body of a request", () => {
  it("is what the template makes of the turn, under the extra inputs", () => {
    const template =
      '{"t": {{ text|tojson }}, "m": "{{ model }}"{% if max_tokens is not none %}, "n": {{ max_tokens }}{% endif %}}';
    expect(render(template, { maxOutputTokens: 4, extraInputs: { a: 1, m: "x" } })).to.deep.equal({
      t: "grüß dich 🚂",
      m: "x",
      n: 4,
      a: 1,
    });
    expect(render(template)).to.deep.equal({ t: "grüß dich 🚂", m: "llama" });
  });

  it("has AIPerf's variables, of the last message", () => {
    const template =
      '{"q": {{ query|tojson }}, "qs": {{ queries|tojson }}, "ps": {{ passages|tojson }}, "p": {{ passage|tojson }}, ' +
      '"texts": {{ texts|tojson }}, "named": {{ texts_by_name|tojson }}, "image": {{ image|tojson }}, "audio": {{ audio|tojson }}, ' +
      '"role": {{ role|tojson }}, "stream": {{ stream|tojson }}, "turns": {{ turns|length }}, "first": {{ turns[0].texts|tojson }}, ' +
      '"turn": {{ turn.images|tojson }}}';
    const messages = [{ role: "system", content: "be brief" }, ranking] as const;
    expect(render(template, { messages, isStreaming: true })).to.deep.equal({
      q: "q",
      qs: ["q"],
      ps: ["a", "b"],
      p: "a",
      texts: ["q", "a", "b"],
      named: { query: ["q"], passages: ["a", "b"] },
      image: "data:image/png;base64,AA==",
      audio: null,
      role: "user",
      stream: true,
      turns: 2,
      first: ["be brief"],
      turn: ["data:image/png;base64,AA=="],
    });
  });

  it("escapes nothing for HTML, whatever it holds", () => {
    expect(render('{"t": {{ text|tojson }}}', { messages: [{ role: "user", content: `<a href="x">'&` }] })).to.deep.equal({
      t: `<a href="x">'&`,
    });
    expect(
      bodyText(createTemplateEndpoint({ template: '{"t": "{{ text }}"}' }), { messages: [{ role: "user", content: "a&b" }] }),
    ).to.equal('{"t":"a&b"}');
  });

  it("may be made by a template of AIPerf's by its name", () => {
    expect(render("nv-embedqa", { messages: [ranking] })).to.deep.equal({ text: ["q", "a", "b"] });
  });

  it("cannot be made of a turn for which the template renders no JSON object", () => {
    const endpoint = createTemplateEndpoint({ template: "{% if max_tokens %}{}{% endif %}" });
    expect(() => endpoint.formatBody(plainTurn)).to.throw(/renders no JSON object/);
    expect(() => createTemplateEndpoint({ template: "[1]" }).formatBody(plainTurn)).to.throw(/renders no JSON object: \[1\]/);
  });
});

function range(count: number, made: (at: number) => string): string {
  return Array.from({ length: count }, (_, at) => made(at)).join("");
}

describe("template: what is wrong with one", () => {
  const rows: readonly (readonly [string, string, RegExp | undefined])[] = [
    [
      "is a template",
      '{"a": {{ texts[0]|tojson }}, "b": [{% for t in texts %}{{ t|tojson }}{% if not loop.last %},{% endif %}{% endfor %}]}',
      undefined,
    ],
    ["is a name", "nv-embedqa", undefined],
    ["is empty", " ", /a template is needed/],
    ["does not end", '{"a": {{ text', /cannot be read: Unexpected end/],
    ["has a syntax error", "{% for i in [1,2 %}", /cannot be read/],
    ["has an unknown filter", "{{ text|nosuch }}", /cannot be rendered: Unknown/],
    ["raises an exception", '{{ raise_exception("no tools") }}', /cannot be rendered: no tools/],
    ["renders a text", "hello", /renders no JSON object: hello/],
    [
      "loops over a huge range",
      "{% for i in range(1000000000) %}{% endfor %}",
      /range\(0, 1000000000, 1\) has more than 1000000 entries/,
    ],
    [
      "loops in loops",
      "{% for i in range(1000) %}{% for j in range(1000) %}{% for k in range(1000) %}a{% endfor %}{% endfor %}{% endfor %}",
      /more than 200000 steps/,
    ],
    [
      "doubles a text",
      '{% set ns = namespace(x="ab") %}{% for i in range(60) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}{{ ns.x }}',
      /longer than 67108864 characters|more than 200000 steps/,
    ],
    [
      "loops over nothing, often",
      "{% for i in range(1000) %}{% for j in range(1000000) %}{% endfor %}{% endfor %}",
      /more than 200000 steps/,
    ],
    [
      "reads a long text again and again",
      '{% set ns = namespace(x="ab") %}{% for i in range(24) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}{% for i in range(60000) %}{{ "c" in ns.x }}{% endfor %}',
      /more than 200000 steps/,
    ],
    [
      "doubles a list",
      "{% set ns = namespace(x=[1]) %}{% for i in range(40) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x|tojson }}",
      /more than (1000000 entries|200000 steps)/,
    ],
    [
      "doubles a namespace behind the back of the lists that have it",
      `${range(40, (at) => `{% set n${at} = namespace() %}{% set l${at} = [n${at}, n${at}] %}`)}${range(39, (at) => `{% set n${at + 1}.v = l${at} %}`)}{{ l39|tojson }}`,
      /more than (1000000 entries|200000 steps)/,
    ],
    ["asks what a text is made of", "{{ text.constructor.constructor('return process')() }}", /cannot be rendered/],
    ["asks a function what it is", "{{ range.constructor('return process')() }}", /cannot be rendered/],
    ["asks an object for its prototype", '{{ turn["__proto__"].x }}', /renders no JSON object: $/],
    ["asks for the time", "{{ strftime_now('%Y') }}", /cannot be rendered/],
    ["calls itself", "{% macro f(x) %}{{ f(x) }}{% endmacro %}{{ f(1) }}", /cannot be rendered/],
  ];
  for (const [title, template, expected] of rows) {
    it(`is said where it ${title}`, () => {
      const problem = templateProblem(template);
      if (expected === undefined) expect(problem).to.equal(undefined);
      else expect(problem).to.match(expected);
    });
  }

  it("is said of one before it is read where that would take long", () => {
    const long: readonly (readonly [string, RegExp])[] = [
      [`{}${" ".repeat(4 << 20)}`, /cannot be read: it is longer than 131072 characters/],
      ["a".repeat(131_073), /cannot be read: it is longer than 131072 characters/],
      [`{}${" ".repeat(257)}`, /cannot be read: it has more than 256 characters of white space in a row/],
    ];
    for (const [template, expected] of long) expect(templateProblem(template)).to.match(expected);
    const gaps = `{}${`${" ".repeat(255)}\n{#`.repeat(400)}`;
    expect(templateProblem(gaps)).to.match(/cannot be read: (?!it )/);
    expect(templateProblem(`{"a": "${"a".repeat(131_072 - 9)}"}`)).to.equal(undefined);
  });

  it("is said of a place whose expression makes much out of little, or is no end of one", () => {
    const doubling = Array.from({ length: 31 }, () => "[@,@][]").join("|");
    const quoting = `${"to_string([".repeat(12)}@${"])".repeat(12)}`;
    for (const wide of [doubling, quoting]) expect(responseFieldProblem(wide)).to.match(/more than 1024 times/);
    expect(responseFieldProblem(`${"[@,@][]|".repeat(10)}@`)).to.equal(undefined);
    expect(responseFieldProblem("a".repeat(5000))).to.match(/longer than 4096/);
    expect(responseFieldProblem(`${"(".repeat(2000)}a${")".repeat(2000)}`)).to.be.oneOf([undefined, "it is nested too deeply"]);
    for (const name of ["constructor", "toString", "__proto__"]) {
      expect(responseFieldProblem(`${name}(@)`)).to.equal(`Unknown function: ${name}()`);
    }
  });

  it("is said of a place whose expression makes much of its own texts, as often as the document has parts", () => {
    const long = "x".repeat(1100);
    for (const wide of [
      `join('', map(&'${long}', @))`,
      `join('${long}', @)`,
      `map(&{${long}: @}, @)`,
      `a[].['${long.slice(0, 40)}', '${long.slice(0, 40)}']`,
    ]) {
      expect(responseFieldProblem(wide), wide).to.match(/more than 1024 times/);
    }
    for (const glue of ["@", "a", "join('', @)", "[0]", "`1`"]) {
      expect(responseFieldProblem(`join(${glue}, b)`), glue).to.match(/must be a text of the expression itself/);
    }
    expect(responseFieldProblem("b[].join(@, a)")).to.match(/must be a text of the expression itself/);
    expect(responseFieldProblem("join('\\n', choices[?type=='output_text' && contains(a, 'answer')].text)")).to.equal(undefined);
    expect(responseFieldProblem(`a[?b=='${long}' || starts_with(b, '${long}')] | [0]`)).to.equal(undefined);
    expect(responseFieldProblem('join(", ", map(&to_string(@), a))')).to.match(/must be a text/);
    expect(responseFieldProblem("join(', ', not_null(a, b, `[\"none\"]`))")).to.equal(undefined);
  });

  it("is said of the place of the content, too", () => {
    expect(responseFieldProblem("data[*].text | [0]")).to.equal(undefined);
    expect(responseFieldProblem("length(a)")).to.equal(undefined);
    expect(responseFieldProblem("")).to.equal(undefined);
    expect(responseFieldProblem("a[")).to.match(/Expected/);
    expect(responseFieldProblem("nosuch(a)")).to.match(/Unknown function/);
  });
});

describe("template and raw: an answer", () => {
  const parse = (text: string, changes: Partial<RawResponse> = json, responseField = "") =>
    createTemplateEndpoint({ responseField }).parse(responseOf([{ text, ms: 1 }], changes));

  const texts: readonly (readonly [string, string])[] = [
    ["text", '{"text":"Köln"}'],
    ["OpenAI's", '{"choices":[{"message":{"content":"Köln"}},{"message":{"content":"Bonn"}}]}'],
    ["completions", '{"choices":[{"text":"Köln"}]}'],
    ["Ollama's", '{"message":{"role":"assistant","content":"Köln"}}'],
    ["TGI's", '[{"generated_text":"Köln"}]'],
    ["response", '{"id":"x","response":"Köln"}'],
    ["an object in output", '{"output":{"text":"Köln"}}'],
  ];
  for (const [title, text] of texts) {
    it(`has its text found where it is ${title}`, () =>
      expect(parse(text)).to.deep.include({ outputText: "Köln", error: undefined }));
  }

  const counted: readonly (readonly [string, string, number])[] = [
    ["OpenAI's vectors", '{"data":[{"object":"embedding","embedding":[1,2]},{"object":"embedding","embedding":[3]}]}', 2],
    ["vectors in base64", '{"data":[{"object":"embedding","embedding":"AAAA"}]}', 1],
    ["TEI's vectors", "[[1,2],[3,4]]", 2],
    ["Cohere's vectors by type", '{"embeddings":{"float":[[1],[2],[3]]}}', 3],
    ["one vector", '{"embedding":[1,2,3]}', 1],
    ["a NIM's ranking", '{"rankings":[{"index":0,"logit":1.5},{"index":1,"logit":-2}]}', 2],
    ["a ranking", '{"results":[{"index":0,"relevance_score":0.5}]}', 1],
    ["TEI's ranking", '[{"index":0,"score":0.5},{"index":1,"score":0.2}]', 2],
  ];
  for (const [title, text, count] of counted) {
    it(`has its pieces counted where it is ${title}`, () => {
      expect(parse(text)).to.deep.include({ outputText: "", outputCount: count, error: undefined });
    });
  }

  it("has its content where the expression says, whatever else there is", () => {
    const text = '{"data":[{"embedding":[1]}],"deep":{"list":[{"a":"Kö"},{"a":"ln"}],"n":7}}';
    expect(parse(text, json, "deep.list[].a").outputText).to.equal("Köln");
    expect(parse(text, json, "deep.n").outputText).to.equal("7");
    expect(parse(text, json, "data[*].embedding").outputCount).to.equal(1);
    expect(parse('[{"x":"a"}]', json, "[0].x").outputText).to.equal("a");
  });

  it("that has nothing there is an error of its own", () => {
    expect(parse('{"text":"a"}', json, "answer.text").error).to.deep.include({
      code: "parse",
      message: "the answer has nothing at answer.text",
    });
    expect(parse('{"text":null}', json, "length(text)").error?.code).to.equal("parse");
  });

  it("is looked for with AIPerf's word text, and empty where there is nothing known", () => {
    expect(parse('{"content":"a"}', json, "text").outputText).to.equal("a");
    expect(parse('{"unknown":"a"}').error?.code).to.equal("empty");
  });

  it("is read of streams of events and of lines, complete where the body is, with its usage", () => {
    const events = sse(
      { token: { text: "Kö" } },
      { token: { text: "ln" } },
      { usage: { prompt_tokens: 1, completion_tokens: 2 } },
    );
    const { outputText, contentNs, usage, error } = parse(events, {}, "token.text");
    expect([outputText, contentNs.length, usage?.completionTokens, error]).to.deep.equal(["Köln", 2, 2, undefined]);
    expect(parse('{"text":"Kö"}\n{"text":"ln"}\n', lines).outputText).to.equal("Köln");
    expect(parse('{"text":"Kö"}\n{"text":"l', lines).error?.code).to.equal("truncated");
  });

  it("may be a text, if its type says so", () => {
    expect(parse("Köln", { contentType: "text/plain; charset=utf-8", isStreaming: false }).outputText).to.equal("Köln");
    expect(parse("<html>", { contentType: "text/html", isStreaming: false }).error?.code).to.equal("parse");
  });

  it("that reports an error is none", () => {
    expect(parse('{"error":"boom","text":"a"}').error?.code).to.equal("in_band_error");
  });

  describe("found by itself", () =>
    staysUnbroken(createTemplateEndpoint(), [
      { title: "a stream", text: sse({ text: "Kö" }, { text: "ln" }), isEndUnmarked: true },
      { title: "lines", text: '{"text":"Kö"}\n{"text":"ln"}\n', changes: lines, isEndUnmarked: true },
      { title: "a document", text: '{"text":"Köln"}', changes: json },
      { title: "vectors", text: "[[1,2],[3,4]]", changes: json },
    ]));

  describe("found by an expression", () =>
    staysUnbroken(createRawEndpoint({ responseField: "a.b" }), [
      { title: "a stream", text: sse({ a: { b: "Kö" } }, { a: { b: "ln" } }), isEndUnmarked: true },
      { title: "a document", text: '{"a":{"b":"Köln"}}', changes: json },
    ]));
});

describe("raw", () => {
  it("sends bodies of the dataset alone, to the URL as it is", () => {
    const endpoint = createRawEndpoint();
    expect(endpoint.path).to.equal("");
    expect(() => endpoint.formatBody(plainTurn)).to.throw(/this turn has none/);
  });
});
