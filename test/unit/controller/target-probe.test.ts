import { expect } from "chai";
import fc from "fast-check";
import { proxyRefusal } from "../../../endpoints/proxy.ts";
import {
  type Answer,
  nextStep,
  type ProbePlan,
  type Question,
  type Step,
} from "../../../services/controller/core/target-probe.ts";

const listUrl = "http://h:1/v1/models";
const chatUrl = "http://h:1/v1/chat/completions";

function planOf(change: Partial<ProbePlan> = {}): ProbePlan {
  return { models: ["m"], mode: "probe", hasList: true, isPathGiven: false, modelVersion: "", hasCredentials: false, ...change };
}

type Said = Partial<Omit<Answer, "question" | "error">> & {
  readonly error?: readonly [code: string, phase: string, message: string];
};

function answerTo(question: Question, { error, ...said }: Said): Answer {
  const [code = "", phase = "", message = ""] = error ?? [];
  return {
    question,
    method: question.kind === "request" ? "POST" : "GET",
    url: question.kind === "request" ? chatUrl : question.kind === "list" ? listUrl : "http://h:1/",
    status: error === undefined ? 200 : 0,
    error: error === undefined ? undefined : { code, phase, message },
    contentType: "application/json",
    words: "",
    models: undefined,
    message: new Uint8Array(),
    ...said,
  };
}

const listing = (...models: string[]): Said => ({ models });
const failed = (status: number, words = ""): Said => ({
  status,
  words,
  error: [status >= 500 ? "http_5xx" : status >= 400 ? "http_4xx" : "http_other", "wait", `http status ${status}`],
});
const got = (status: number, words = ""): Said => ({ status, words });
const refused: Said = { error: ["connect_refused", "connect", "connect ECONNREFUSED h:1"] };
const noProxy: Said = { error: ["proxy_unreachable", "connect", "the proxy http://p: connect ECONNREFUSED p:1"] };
const proxied = (status: number): Said => {
  const { code, phase, message } = proxyRefusal("http://p", "h:1", status, "");
  return { error: [code, phase, message] };
};
const silent: Said = { error: ["request_timeout", "wait", "no answer after 4 s"] };
const unused: Said = { status: -1 };

/** What comes of it when the target answers so: the questions that were asked, and the last step. */
function play(plan: ProbePlan, said: { readonly [kind in Question["kind"]]?: Said }): { asked: string[]; step: Step } {
  const answers: Answer[] = [];
  const asked: string[] = [];
  for (;;) {
    const step = nextStep(plan, answers);
    if (step.kind !== "ask") return { asked, step };
    const { question } = step;
    asked.push(question.kind === "request" ? `request ${question.model}` : question.kind);
    answers.push(answerTo(question, said[question.kind] ?? unused));
  }
}

function textOf(step: Step): string {
  if (step.kind === "failed") return `${step.message}; ${step.hint}`;
  return step.kind === "passed" ? step.warnings.join("; ") : "";
}

describe("a target that can be used", () => {
  for (const [what, change, said, asked, warning] of [
    ["lists the model: no request is made", {}, { list: listing("a", "m"), path: got(405) }, ["list", "path"], ""],
    ["lists the model, and has no GET of its requests", {}, { list: listing("m"), path: got(404) }, ["list", "path"], ""],
    ["lists the model, and hangs over a GET of its requests", {}, { list: listing("m"), path: silent }, ["list", "path"], ""],
    [
      "lists the model, and keeps a GET of its requests from this key",
      {},
      { list: listing("m"), path: got(403), request: {} },
      ["list", "path", "request m"],
      "",
    ],
    ["has no list, and answers", {}, { list: got(404), request: {} }, ["list", "request m"], ""],
    ["answers the list with a page, and requests well", {}, { list: got(200, "<html>"), request: {} }, ["list", "request m"], ""],
    ["has an empty list, and answers", {}, { list: listing(), request: {} }, ["list", "request m"], ""],
    ["is of a family without a list", { hasList: false }, { request: {} }, ["request m"], ""],
    [
      "lists the model, but the path is the run's own",
      { isPathGiven: true },
      { list: listing("m"), request: {} },
      ["list", "request m"],
      "",
    ],
    ["keeps its list from this key", {}, { list: got(403), request: {} }, ["list", "request m"], ""],
    ["hangs over its list only", {}, { list: silent, request: {} }, ["list", "request m"], ""],
    ["cut the first connection", {}, { list: { error: ["reset", "wait", "x"] }, request: {} }, ["list", "request m"], ""],
    [
      "says nothing in its one token",
      {},
      { list: got(404), request: { error: ["empty", "parse", "x"], status: 200 } },
      ["list", "request m"],
      "",
    ],
    [
      "does not list the model and takes it all the same",
      {},
      { list: listing("a", "b"), request: {} },
      ["list", "request m"],
      `${listUrl} does not list m (a, b), yet a request for it was answered`,
    ],
    [
      "finds something wrong with the probe's request",
      {},
      { list: got(404), request: failed(400, "max_tokens is too small") },
      ["list", "request m"],
      `POST ${chatUrl}: status 400: max_tokens is too small; the requests of the run may fare no better`,
    ],
    [
      "does not list the model and finds something else wrong",
      {},
      { list: listing("a"), request: failed(400, "temperature must be 1") },
      ["list", "request m"],
      `POST ${chatUrl}: status 400: temperature must be 1; the requests of the run may fare no better`,
    ],
    ["limits rates", {}, { list: got(404), request: failed(429, "slow down") }, ["list", "request m"], "status 429: slow down"],
    [
      "is too busy to answer at once",
      {},
      { list: got(404), request: silent },
      ["list", "request m"],
      `POST ${chatUrl}: request_timeout: no answer after 4 s: whether requests work is not known`,
    ],
  ] as const satisfies readonly (readonly [string, Partial<ProbePlan>, object, readonly string[], string])[]) {
    it(`passes: it ${what}`, () => {
      const { asked: found, step } = play(planOf(change), said);
      expect(found).to.deep.equal(asked);
      expect(step.kind, textOf(step)).to.equal("passed");
      if (warning === "") expect(textOf(step)).to.equal("");
      else expect(textOf(step)).to.include(warning);
    });
  }

  it("is asked for each model that it does not list, and for no other", () => {
    const { asked, step } = play(planOf({ models: ["m", "n", "o"] }), { list: listing("n"), request: {} });
    expect(asked).to.deep.equal(["list", "request m", "request o"]);
    expect(step.kind === "passed" && step.warnings).to.have.length(2);
  });
});

describe("a target that cannot be used", () => {
  const html = { status: 200, contentType: "text/html", words: "<!doctype html>", error: ["parse", "parse", "x"] } as const;
  for (const [what, said, asked, text] of [
    [
      "is not there",
      { list: refused },
      ["list"],
      `GET ${listUrl}: connect_refused: connect ECONNREFUSED h:1; is the server running`,
    ],
    [
      "has no such name",
      { list: { error: ["name_resolution", "connect", "getaddrinfo ENOTFOUND h"] } },
      ["list"],
      "name_resolution: getaddrinfo ENOTFOUND h; is the host name right?",
    ],
    ["cannot be reached", { list: { error: ["connect_timeout", "connect", "x"] } }, ["list"], "is the address right"],
    ["has a bad certificate", { list: { error: ["tls", "tls", "self-signed certificate"] } }, ["list"], "target.tls of the run"],
    [
      "does not speak TLS",
      { list: { error: ["tls", "tls", "wrong version number"] } },
      ["list"],
      "does the server speak http:// at this port?",
    ],
    [
      "is behind a proxy that is not there",
      { list: noProxy },
      ["list"],
      "is the URL of --proxy right, and is the proxy running?",
    ],
    ["is behind a proxy that wants a password", { list: proxied(407) }, ["list"], "are user and password right in --proxy"],
    [
      "is behind a proxy that forbids it",
      { list: proxied(403) },
      ["list"],
      "does the proxy take CONNECT, and to this host and port?",
    ],
    ["is out of the reach of its proxy", { list: proxied(502) }, ["list"], "with status 502; can the proxy reach the target?"],
    ["does not speak HTTP", { list: { error: ["parse", "parse", "x"] } }, ["list"], "is it the port of gRPC, of https://"],
    [
      "cuts every connection",
      { list: { error: ["reset", "wait", "x"] }, request: { error: ["reset", "wait", "x"] } },
      ["list", "request m"],
      "it cuts connections",
    ],
    ["never answers", { list: silent, request: silent }, ["list", "request m"], "it takes connections and does not answer"],
    [
      "never lets anybody in",
      { list: silent, request: { error: ["request_timeout", "connect", "x"] } },
      ["list", "request m"],
      "is the address right",
    ],
    [
      "refuses who has no key",
      { list: got(401), request: failed(401, "no key") },
      ["list", "request m"],
      "status 401: no key; give a key with --api-key",
    ],
    [
      "has another path",
      { list: got(404), request: failed(404, "Not Found") },
      ["list", "request m"],
      `POST ${chatUrl}: status 404: Not Found; is the model's name right, and the path?`,
    ],
    [
      "takes no POST",
      { list: got(200, "<html>"), request: failed(405) },
      ["list", "request m"],
      "status 405; is the model's name right",
    ],
    [
      "has no such thing",
      { list: got(404), request: failed(501, "no embeddings") },
      ["list", "request m"],
      "status 501: no embeddings; is the model's name right",
    ],
    [
      "is loading",
      { list: got(503), request: failed(503, "Loading model") },
      ["list", "request m"],
      "status 503: Loading model; is the model loaded? --wait-for-model-timeout SEC waits for it",
    ],
    [
      "moved",
      { list: got(301), request: failed(308, "moved to https://h/") },
      ["list", "request m"],
      "status 308: moved to https://h/; redirects are not followed",
    ],
    [
      "is a web site",
      { list: got(200, "<html>"), request: html },
      ["list", "request m"],
      `POST ${chatUrl}: status 200 (text/html): <!doctype html>; that is no answer of this API`,
    ],
    [
      "does not have the model",
      { list: listing("b", "x/M"), request: failed(404, "no such model") },
      ["list", "request m"],
      "status 404: no such model; did you mean x/M? it lists: b, x/M",
    ],
    [
      "does not have the model, and says so with 400",
      { list: listing("b"), request: failed(400, "Invalid model name passed in model=m") },
      ["list", "request m"],
      "it lists: b",
    ],
  ] as const) {
    it(`fails: it ${what}`, () => {
      const { asked: found, step } = play(planOf(), said);
      expect(found).to.deep.equal(asked);
      expect(step.kind).to.equal("failed");
      expect(textOf(step)).to.include(text);
      expect(textOf(step)).to.not.include("\n");
    });
  }

  it("is found out where it lists its models to everybody, and wants a key for requests", () => {
    const { asked, step } = play(planOf(), { list: listing("m"), path: got(401), request: failed(401, "Invalid API Key") });
    expect(asked).to.deep.equal(["list", "path", "request m"]);
    expect(step.kind).to.equal("failed");
    expect(textOf(step)).to.include("status 401: Invalid API Key; give a key with --api-key");
  });

  it("may have another path, too, where the run names its own", () => {
    const { step } = play(planOf({ isPathGiven: true }), { list: listing("a"), request: failed(404, "File Not Found") });
    expect(textOf(step)).to.include("status 404: File Not Found; it lists: a; or is the path of --endpoint wrong?");
  });

  it("is suspected of not liking the key where there is one", () => {
    const { step } = play(planOf({ hasCredentials: true }), { list: got(401), request: failed(403) });
    expect(textOf(step)).to.include("is the key right, and may it use this model?");
  });

  it("tells its models up to eight", () => {
    const names = Array.from({ length: 11 }, (_, index) => `model-${index}`);
    const { step } = play(planOf({ models: ["model-1x"] }), { list: listing(...names), request: failed(404) });
    expect(textOf(step)).to.match(/did you mean model-1\? it lists: model-0, .*, model-7 and 3 more$/);
  });
});

describe("a target that is waited for", () => {
  for (const [what, mode, said, asked, kind, text, isLasting] of [
    ["lists the model", "models", { list: listing("m") }, ["list"], "passed", "", false],
    [
      "lists no model yet",
      "models",
      { list: listing() },
      ["list"],
      "failed",
      `GET ${listUrl} does not list m; it lists: nothing`,
      false,
    ],
    ["lists others", "models", { list: listing("n") }, ["list"], "failed", "it lists: n", false],
    [
      "has no list, but is there",
      "models",
      { list: got(404), base: got(200) },
      ["list", "base"],
      "passed",
      "it has no list of models",
      false,
    ],
    [
      "has no list, and is not there",
      "models",
      { list: got(404), base: got(503) },
      ["list", "base"],
      "failed",
      "status 503",
      false,
    ],
    ["is not there yet", "models", { list: refused }, ["list"], "failed", "connect_refused", false],
    ["is loading", "models", { list: got(503, "Loading") }, ["list"], "failed", "status 503: Loading", false],
    ["is not asked for its list", "inference", { request: {} }, ["request m"], "passed", "", false],
    ["does not know the model yet", "inference", { request: failed(404) }, ["request m"], "failed", "status 404", false],
    ["is loading", "inference", { request: failed(503) }, ["request m"], "failed", "is the model loaded?", false],
    [
      "has no name yet",
      "inference",
      { request: { error: ["name_resolution", "connect", "x"] } },
      ["request m"],
      "failed",
      "x",
      false,
    ],
    ["refuses the key", "inference", { request: failed(401) }, ["request m"], "failed", "status 401", true],
    ["speaks something else", "inference", { request: { error: ["parse", "parse", "x"] } }, ["request m"], "failed", "x", true],
    ["has a bad certificate", "models", { list: { error: ["tls", "tls", "x"] } }, ["list"], "failed", "x", true],
    ["has a proxy that is not there yet", "models", { list: noProxy }, ["list"], "failed", "proxy_unreachable", false],
    ["is not reached by its proxy yet", "inference", { request: proxied(503) }, ["request m"], "failed", "status 503", false],
    ["has a proxy that wants a password", "models", { list: proxied(407) }, ["list"], "failed", "status 407", true],
    ["has a proxy without CONNECT", "inference", { request: proxied(501) }, ["request m"], "failed", "status 501", true],
    ["refuses its list to this key", "models", { list: got(403) }, ["list"], "failed", "status 403", true],
    [
      "finds the probe's request wrong, so it is up",
      "inference",
      { request: failed(400) },
      ["request m"],
      "passed",
      "status 400",
      false,
    ],
    ["lists the model and answers", "both", { list: listing("m"), request: {} }, ["list", "request m"], "passed", "", false],
    [
      "lists the model and does not answer yet",
      "both",
      { list: listing("m"), request: failed(503) },
      ["list", "request m"],
      "failed",
      "503",
      false,
    ],
    ["does not list it yet", "both", { list: listing("n") }, ["list"], "failed", "does not list m", false],
    ["has no list and answers", "both", { list: got(404), request: {} }, ["list", "request m"], "passed", "", false],
  ] as const) {
    it(`by ${mode}, ${kind === "passed" ? "is ready" : isLasting ? "is given up" : "is waited for on"}: it ${what}`, () => {
      const { asked: found, step } = play(planOf({ mode }), said);
      expect(found).to.deep.equal(asked);
      expect(step.kind, textOf(step)).to.equal(kind);
      expect(textOf(step)).to.include(text).and.not.include("--wait-for-model");
      if (step.kind === "failed") expect(step.isLasting).to.equal(isLasting);
    });
  }

  it("by inference is asked for every model", () => {
    const { asked } = play(planOf({ mode: "inference", models: ["m", "n"] }), { request: {} });
    expect(asked).to.deep.equal(["request m", "request n"]);
  });
});

describe("whatever a target answers", () => {
  const codes = [
    "connect_refused",
    "tls",
    "parse",
    "reset",
    "request_timeout",
    "truncated",
    "in_band_error",
    "empty",
    "cancelled",
    "odd",
  ];
  const said = fc.record({
    status: fc.constantFrom(0, 100, 200, 204, 301, 400, 401, 403, 404, 405, 418, 429, 500, 501, 503, 999),
    words: fc.string(),
    models: fc.option(fc.array(fc.constantFrom("m", "n", "M/m")), { nil: undefined }),
    error: fc.option(fc.tuple(fc.constantFrom(...codes), fc.constantFrom("connect", "wait", "parse"), fc.string()), {
      nil: undefined,
    }),
  });
  const plans = fc.record({
    models: fc.constantFrom(["m"], ["m", "n"]),
    mode: fc.constantFrom("probe" as const, "models" as const, "inference" as const, "both" as const),
    hasList: fc.boolean(),
    isPathGiven: fc.boolean(),
    modelVersion: fc.constantFrom("", "2"),
    hasCredentials: fc.boolean(),
  });

  it("few questions lead to a verdict", () => {
    fc.assert(
      fc.property(plans, said, said, said, (plan, list, base, request) => {
        const given = [list, base, request].map(({ error, ...rest }) =>
          error === undefined ? rest : { ...rest, error },
        ) as Said[];
        const [one = unused, two = unused, three = unused] = given;
        const { asked, step } = play(plan, { list: one, path: two, base: two, request: three });
        expect(asked.length).to.be.within(1, 2 + plan.models.length);
        expect(new Set(asked).size).to.equal(asked.length);
        expect(["passed", "failed"]).to.include(step.kind);
      }),
    );
  });
});
