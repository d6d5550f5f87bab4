import { createServer as createHttp2Server } from "node:http2";
import { createServer, type Server, type Socket } from "node:net";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { expect } from "chai";
import type { RunSpec, TargetSpecSchema } from "../../../gen/assay/common/v1/run_spec_pb.js";
import type { AskTarget } from "../../../gen/assay/controller/v1/controller_service_pb.js";
import type { MockOptions } from "../../../mock/options.ts";
import { createMock, type Mock } from "../../../mock/server.ts";
import { AssayError } from "../../../services/common/errors.ts";
import { compileRunSpec } from "../../../services/controller/core/run-spec.ts";
import { checkTarget, TARGET_LIMITS } from "../../../services/controller/target-check.ts";
import { askTarget } from "../../../services/worker/ask-target.ts";
import { createCertWorkshop } from "../../support/certs.ts";
import { type ConnectProxy, type ConnectProxyOptions, startConnectProxy } from "../../support/connect-proxy.ts";
import { timerOverflowsOf } from "../../support/timer-overflows.ts";
import { Harness, until } from "../rpc/harness.ts";
import {
  plainAnswer,
  type ScriptedServer,
  type ScriptOptions,
  type SeenRequest,
  startScripted,
} from "../worker/scripted-server.ts";
import { type SpecInit, specOf } from "./suite.ts";

type TargetInit = Exclude<MessageInitShape<typeof TargetSpecSchema>, { $typeName: string }>;

const json = (status: string, body: unknown, headers = ""): Buffer =>
  plainAnswer(JSON.stringify(body), `content-type: application/json\r\n${headers}`, status);

describe("the check of a target", () => {
  const harness = new Harness();
  afterEach(() => harness.close());

  async function script(answer: (request: SeenRequest) => void, options?: ScriptOptions): Promise<ScriptedServer> {
    const server = await startScripted(answer, options);
    harness.onClose(() => server.stop());
    return server;
  }

  /** Answers by method; what is left out is not answered at all. */
  const routes = (answers: { GET?: Buffer | undefined; POST?: Buffer | undefined }) =>
    script(({ head, socket }) => {
      const answer = answers[head.startsWith("GET") ? "GET" : "POST"];
      if (answer !== undefined) socket.write(answer);
    });

  async function listen(server: Server): Promise<number> {
    const open = new Set<Socket>();
    server.on("connection", (socket: Socket) => {
      open.add(socket);
      socket.on("error", () => {});
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    harness.onClose(() => {
      for (const socket of open) socket.destroy();
      server.close();
    });
    const address = server.address();
    return typeof address === "object" && address !== null ? address.port : 0;
  }

  async function mock(options: Partial<MockOptions> = {}): Promise<Mock> {
    const started = await createMock({ models: ["m"], ...options });
    harness.onClose(() => started.stop());
    return started;
  }

  interface Checked {
    /** Why the run would fail; undefined: it would not. */
    readonly failure: string | undefined;
    readonly notes: string[];
    /** What was asked, by method and path or model. */
    readonly asked: string[];
  }

  async function check(
    url: string,
    {
      target = {},
      over = new AbortController(),
      onNote,
      ...spec
    }: Omit<SpecInit, "target"> & { target?: TargetInit; over?: AbortController; onNote?: () => void } = {},
  ): Promise<Checked> {
    const notes: string[] = [];
    const asked: string[] = [];
    const given = specOf({ target: { urls: [{ url }], ...target }, ...spec });
    const effective: RunSpec = compileRunSpec(given, () => 1n).spec;
    const checking = checkTarget({
      spec: effective,
      over: over.signal,
      limits: { ...TARGET_LIMITS, listMs: 300, pathMs: 300, requestMs: 300 },
      ask: (question: AskTarget) => {
        asked.push(`${question.question.case} ${question.question.value}`);
        return askTarget(question, "w1", over.signal);
      },
      note: (kind, message) => {
        notes.push(`${kind}: ${message}`);
        onNote?.();
      },
    });
    const failure = await checking.then(
      () => undefined,
      (error: unknown) => {
        if (!(error instanceof AssayError)) throw error;
        expect(error.code).to.equal("failed_precondition");
        expect(error.message).to.not.include("\n");
        return error.message;
      },
    );
    return { failure, notes, asked };
  }

  it("is two GETs where the target lists the model; nothing is computed there", async () => {
    const target = await mock();
    const asked = ["getPath /v1/models", "getPath /v1/chat/completions"];
    expect(await check(target.url)).to.deep.equal({ failure: undefined, notes: [], asked });
    expect(target.stats().requests).to.equal(0);
    await until("the connection to close", () => target.stats().openConnections === 0);
  });

  it("is nothing at all where that was asked for", async () => {
    expect(await check("http://127.0.0.1:1", { target: { noProbe: true } })).to.deep.equal({
      failure: undefined,
      notes: [],
      asked: [],
    });
  });

  describe("through a proxy", () => {
    async function proxyWith(options?: ConnectProxyOptions): Promise<ConnectProxy> {
      const proxy = await startConnectProxy(options);
      harness.onClose(() => proxy.stop());
      return proxy;
    }

    it("asks nothing beside it", async () => {
      const target = await mock();
      const proxy = await proxyWith({ credentials: "me:s3cret" });
      const proxyUrl = proxy.url.replace("://", "://me:s3cret@");
      const { failure, asked } = await check(target.url, { target: { proxyUrl } });
      expect(failure).to.equal(undefined);
      expect(asked).to.have.lengthOf(2);
      expect(proxy.heads).to.have.lengthOf(2);
    });

    for (const [what, pattern, options] of [
      [
        "a password that is wrong",
        /^GET http:\S+: proxy_refused: the proxy http:\S+ refused CONNECT \S+ with status 407: who are you\?; are user and password right/,
        { credentials: "me:other" },
      ],
      [
        "a proxy that never answers",
        /^GET http:\S+: proxy_unreachable: no tunnel through the proxy http:\S+ to \S+ after 0\.3 s; is the URL of --proxy right/,
        { instead: () => {} },
      ],
      [
        "a proxy that cuts connections",
        /^GET http:\S+: proxy_unreachable: the proxy http:\S+ closed the connection before its answer/,
        { instead: (client: Socket) => client.end() },
      ],
    ] as const) {
      it(`finds ${what}, in one line without the password`, async () => {
        const target = await mock();
        const proxy = await proxyWith(options);
        const { failure = "" } = await check(target.url, { target: { proxyUrl: proxy.url.replace("://", "://me:s3cret@") } });
        expect(failure).to.match(pattern).and.not.contain("s3cret");
        expect(target.stats().openConnections).to.equal(0);
      });
    }

    it("waits for a target that the proxy does not reach yet, and not for a password", async () => {
      const target = await mock();
      let refusals = 0;
      const late = await proxyWith({ refuses: () => refusals++ < 2 });
      const waitForModel = { timeoutSec: 60, intervalSec: 0.01, mode: "models" };
      const { failure, notes } = await check(target.url, { target: { proxyUrl: late.url, waitForModel } });
      expect(failure).to.equal(undefined);
      expect(notes.join("\n")).to.match(/waiting for the model at .*: GET .*proxy_refused: .* with status 502/);
      const strict = await proxyWith({ credentials: "me:s3cret" });
      const refused = await check(target.url, { target: { proxyUrl: strict.url, waitForModel } });
      expect(refused.failure).to.match(/with status 407/);
      expect(refused.notes).to.deep.equal([]);
    });
  });

  it("takes what the run's requests take: path, key and headers", async () => {
    const server = await routes({ GET: json("200 OK", { data: [{ id: "m" }] }) });
    const { failure } = await check(`${server.origin}/api`, { target: { apiKey: "k", headers: { "x-team": "a" } } });
    expect(failure).to.equal(undefined);
    const head = server.requests[0]?.head ?? "";
    expect(head).to.match(/^GET \/api\/v1\/models HTTP\/1\.1/);
    expect(head)
      .to.match(/authorization: Bearer k/i)
      .and.match(/x-team: a/i);
    expect(head).to.not.match(/content-(length|type)/i);
  });

  it("asks by one request for one token where there is no list, without the run's own wishes for length", async () => {
    const server = await routes({
      GET: json("404 Not Found", { detail: "Not Found" }),
      POST: json("200 OK", { choices: [{ message: { content: "Hi" }, finish_reason: "length" }] }),
    });
    const extraInputs = { min_tokens: 500, temperature: 0 };
    expect((await check(server.origin, { endpoint: { extraInputs } })).failure).to.equal(undefined);
    const body = JSON.parse(server.requests[1]?.body.toString() ?? "");
    expect(body)
      .to.include({ model: "m", max_completion_tokens: 1, temperature: 0, stream: false })
      .and.not.have.property("min_tokens");
  });

  it("asks so, too, where the path is the run's own", async () => {
    const target = await mock();
    const { failure, asked } = await check(target.url, { endpoint: { path: "/v1/chat/completionz" } });
    expect(asked).to.deep.equal(["getPath /v1/models", "model m"]);
    expect(failure).to.match(/^POST http:\S+\/v1\/chat\/completionz: status 404: .*is the model's name right, and the path\?/);
  });

  describe("finds", () => {
    const find = (title: string, expected: RegExp, start: () => Promise<string> | string, target?: TargetInit): void => {
      it(`${title}, and says so in one line`, async () => {
        const { failure } = await check(await start(), target === undefined ? {} : { target });
        expect(failure).to.match(expected);
      });
    };
    const workshop = createCertWorkshop();
    after(() => workshop.remove());
    const pair = workshop.ca("Test CA").issue("localhost", "DNS:localhost", "IP:127.0.0.1");

    find(
      "nobody listening",
      /^GET http:\/\/127\.0\.0\.1:1\/v1\/models: connect_refused: .*ECONNREFUSED.*; is the server running/,
      () => "http://127.0.0.1:1",
    );
    find(
      "a name that nobody has",
      /^GET http:\/\/nonsense\.invalid\/v1\/models: name_resolution: .*nonsense\.invalid; is the host name right\?$/,
      () => "nonsense.invalid",
    );
    find("a certificate that is not to be trusted", /^GET https:.*: tls: .*; target\.tls of the run/, async () => {
      return (await script(() => {}, { tls: pair })).origin;
    });
    find(
      "plain HTTP behind https",
      /^GET https:.*: tls: .*wrong version number.*; does the server speak http:\/\/ at this port\?$/,
      async () => {
        const { origin } = await script(() => {}, { onConnection: (socket) => socket.end(json("400 Bad Request", {})) });
        return origin.replace("http:", "https:");
      },
    );
    find("TLS behind http", /^(GET|POST) http:.*: (parse|reset): .*; .*https:\/\//, async () => {
      return (await script(() => {}, { tls: pair })).origin.replace("https:", "http:");
    });
    find(
      "a server that takes connections and never answers",
      /^POST http:.*: request_timeout: .*; it takes connections and does not answer/,
      async () => {
        return (await script(() => {})).origin;
      },
    );
    find("a server that cuts connections", /^POST http:.*: reset: .*; it cuts connections/, async () => {
      return (await script(({ socket }) => socket.destroy())).origin;
    });
    find("gRPC", /^GET http:.*: parse: .*; something answers there, but not in HTTP\/1\.1/, async () => {
      return `http://127.0.0.1:${await listen(createHttp2Server())}`;
    });
    find(
      "a server that speaks first, and not HTTP",
      /: (parse|reset): .*; (something answers there, but not in HTTP\/1\.1|it cuts connections)/,
      async () => {
        return `http://127.0.0.1:${await listen(createServer((socket) => socket.write("SSH-2.0-OpenSSH_9.2p1\r\n")))}`;
      },
    );
    find("a server that answers with bytes that are not HTTP", /^GET http:.*: parse: .*; something answers there/, async () => {
      return (await script(({ socket }) => socket.end(Buffer.from([1, 2, 3, 250, 251])))).origin;
    });
    find(
      "a web site",
      /^POST http:.*: status 200 \(text\/html\): <!doctype html> <title>Shop<\/title>; that is no answer of this API/,
      async () => {
        const page = plainAnswer("<!doctype html>\n<title>Shop</title>", "content-type: text/html\r\n")
          .toString()
          .replace("content-type: text/plain\r\n", "");
        return (await script(({ socket }) => socket.write(page))).origin;
      },
    );
    find("a missing key", /^POST http:.*: status 401: Incorrect API key provided; give a key with --api-key/, async () => {
      const answer = json("401 Unauthorized", { error: { message: "Incorrect API key provided", type: "x" } });
      return (await routes({ GET: answer, POST: answer })).origin;
    });
    find(
      "a missing key where the models are listed to everybody, as llama.cpp does",
      /^POST http:.*: status 401: Invalid API Key; give a key with --api-key/,
      async () => {
        const locked = json("401 Unauthorized", {
          error: { code: 401, message: "Invalid API Key", type: "authentication_error" },
        });
        const server = await script(({ head, socket }) => {
          socket.write(head.startsWith("GET /v1/models") ? json("200 OK", { data: [{ id: "m" }] }) : locked);
        });
        return server.origin;
      },
    );
    find(
      "a key that may not",
      /^POST http:.*: status 403: no; is the key right/,
      async () => {
        const answer = json("403 Forbidden", { detail: "no" });
        return (await routes({ GET: answer, POST: answer })).origin;
      },
      { apiKey: "k" },
    );
    find(
      "a wrong path",
      /^POST http:.*\/wrong\/v1\/chat\/completions: status 404: Not Found; is the model's name right, and the path\?/,
      async () => {
        const answer = json("404 Not Found", { detail: "Not Found" });
        return `${(await routes({ GET: answer, POST: answer })).origin}/wrong`;
      },
    );
    find(
      "a model that is not there",
      /^POST http:.*: status 404: .*; did you mean org\/M\? it lists: org\/M, other$/,
      async () => {
        return (await mock({ models: ["org/M", "other"] })).url;
      },
    );
    find(
      "a model that is still loading",
      /^POST http:.*: status 503: Loading model; is the model loaded\? --wait-for-model-timeout/,
      async () => {
        const answer = json("503 Service Unavailable", {
          error: { code: 503, message: "Loading model", type: "unavailable_error" },
        });
        return (await routes({ GET: answer, POST: answer })).origin;
      },
    );
    find("a server that has moved", /^POST http:.*: status 308: moved to https:\/\/h\/; redirects are not followed/, async () => {
      const answer = plainAnswer("", "location: https://h/\r\n", "308 Permanent Redirect");
      return (await routes({ GET: answer, POST: answer })).origin;
    });
  });

  describe("does not stand in the way of a target that works, though it", () => {
    const good = json("200 OK", { choices: [{ message: { content: "Hi" }, finish_reason: "length" }] });

    it("takes a model that it does not list", async () => {
      const target = await mock({ models: [] });
      const { failure, notes } = await check(target.url);
      expect(failure).to.equal(undefined);
      expect(notes).to.deep.equal([`target: ${target.url}/v1/models does not list m (mock), yet a request for it was answered`]);
    });

    it("hangs over a GET of what wants a POST", async () => {
      const server = await script(({ head, socket }) => {
        if (head.startsWith("GET /v1/models")) socket.write(json("200 OK", { data: [{ id: "m" }] }));
      });
      const { failure, asked } = await check(server.origin);
      expect(failure).to.equal(undefined);
      expect(asked).to.have.length(2);
    });

    it("hangs over its list", async () => {
      expect((await check((await routes({ POST: good })).origin)).failure).to.equal(undefined);
    });

    it("has no list and is busy", async () => {
      const { failure, notes } = await check((await routes({ GET: json("404 Not Found", {}) })).origin);
      expect(failure).to.equal(undefined);
      expect(notes[0]).to.match(/^target: POST .*: request_timeout: .*: whether requests work is not known$/);
    });

    it("refuses what only the check asks for", async () => {
      const server = await routes({
        GET: json("404 Not Found", {}),
        POST: json("422 Unprocessable Entity", { detail: "at least 16" }),
      });
      const { failure, notes } = await check(server.origin);
      expect(failure).to.equal(undefined);
      expect(notes[0]).to.match(/^target: POST .*: status 422: at least 16; the requests of the run may fare no better$/);
    });

    it("answers nothing but a list without end", async () => {
      const server = await script(({ head, socket }) => {
        if (head.startsWith("POST")) socket.write(good);
        else socket.write(`HTTP/1.1 200 OK\r\ncontent-length: 999999999\r\n\r\n{"data":[`);
      });
      expect((await check(server.origin)).failure).to.equal(undefined);
    });

    it("cuts its list in the middle", async () => {
      const server = await script(({ head, socket }) => {
        if (head.startsWith("POST")) socket.write(good);
        else socket.end(`HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{"data":[`);
      });
      expect((await check(server.origin)).failure).to.equal(undefined);
    });
  });

  describe("waits for the model", () => {
    const waiting = (mode: string, timeoutSec = 30, intervalSec = 0.01): TargetInit => ({
      waitForModel: { timeoutSec, intervalSec, mode },
    });

    it("by its list, until it is listed, and tells how long it has waited for what", async () => {
      let asked = 0;
      const server = await script(({ socket }) => {
        asked++;
        if (asked === 1) socket.write(json("503 Service Unavailable", { error: { message: "Loading model" } }));
        else socket.write(json("200 OK", { data: asked < 4 ? [] : [{ id: "m" }] }));
      });
      const { failure, notes } = await check(server.origin, { target: waiting("models") });
      expect(failure).to.equal(undefined);
      expect(notes).to.have.length(3);
      expect(notes[0]).to.match(
        /^waiting: waiting for the model at http:\S+, \d s of 30 s: GET http:\S+\/v1\/models: status 503: Loading model$/,
      );
      expect(notes[2]).to.match(/does not list m$/);
      expect(server.requests.every(({ head }) => head.startsWith("GET"))).to.equal(true);
    });

    it("by requests, until one is answered, and not by the list", async () => {
      let asked = 0;
      const server = await script(({ socket }) => {
        asked++;
        if (asked < 3) socket.write(json("404 Not Found", { error: { message: "model not found" } }));
        else socket.write(json("200 OK", { choices: [{ message: { content: "Hi" } }] }));
      });
      const { failure, asked: questions } = await check(server.origin, { target: waiting("inference") });
      expect(failure).to.equal(undefined);
      expect(questions).to.deep.equal(["model m", "model m", "model m"]);
    });

    it("with an interval beyond what a timer can wait", async () => {
      const server = await routes({ GET: json("503 Service Unavailable", { error: { message: "Loading model" } }) });
      const over = new AbortController();
      const overflows = await timerOverflowsOf(async () => {
        const onNote = (): void => void setImmediate(() => over.abort());
        await check(server.origin, { target: waiting("models", 1e8, 1e8), over, onNote });
      });
      expect(overflows).to.deep.equal([]);
    });

    it("until a server is started where there was none", async () => {
      const started = await createMock({ models: ["m"] });
      const { url } = started;
      await started.stop();
      let notes = 0;
      const port = Number(new URL(url).port);
      const given = specOf({ target: { urls: [{ url }], ...waiting("both") } });
      await checkTarget({
        spec: compileRunSpec(given, () => 1n).spec,
        over: new AbortController().signal,
        ask: (question) => askTarget(question, "w1", new AbortController().signal),
        note: (_, message) => {
          expect(message).to.include("connect_refused");
          if (notes++ > 0) return;
          void createMock({ models: ["m"], port }).then((again) => harness.onClose(() => again.stop()));
        },
      });
      expect(notes).to.be.greaterThan(0);
    });

    it("no longer than it was told, and names the last answer", async () => {
      const { failure, notes } = await check("http://127.0.0.1:1/api?key=s3cret", { target: waiting("models", 0.2) });
      expect(notes[0]).to.match(/^waiting: waiting for the model at http:\/\/127\.0\.0\.1:1\/api, 0 s of 0\.2 s: /);
      expect(`${failure} ${notes}`).to.not.include("s3cret");
      expect(failure).to.match(
        /^the model is not there after 0\.2 s, last answer: GET http:.*: connect_refused: .*; is the server running/,
      );
      expect(failure).to.not.include("--wait-for-model");
      expect(notes.length).to.be.greaterThan(1);
    });

    it("not for what time does not mend", async () => {
      const answer = json("401 Unauthorized", { error: { message: "bad key" } });
      const { failure, notes } = await check((await routes({ POST: answer })).origin, { target: waiting("inference") });
      expect(failure).to.match(/^POST .*: status 401: bad key; give a key/);
      expect(notes).to.deep.equal([]);
    });

    it("not after the run is over, between two tries", async () => {
      const over = new AbortController();
      const { failure, notes } = await check("http://127.0.0.1:1", {
        target: waiting("models", 600, 600),
        over,
        onNote: () => over.abort(),
      });
      expect(failure).to.equal(undefined);
      expect(notes).to.have.length(1);
    });

    it("not after the run is over, in the middle of one", async () => {
      const over = new AbortController();
      const server = await script(() => over.abort());
      const { failure, notes } = await check(server.origin, { target: waiting("models", 600, 600), over });
      expect(failure).to.equal(undefined);
      expect(notes).to.deep.equal([]);
      await until("the connection to close", () => server.open.size === 0);
    });
  });

  it("asks every URL, and fails for one", async () => {
    const target = await mock();
    const spec = compileRunSpec(specOf({ target: { urls: [{ url: target.url }] } }), () => 1n).spec;
    spec.target?.urls.push({ ...spec.target.urls[0]!, url: "http://127.0.0.1:1" });
    const error = await checkTarget({
      spec,
      over: new AbortController().signal,
      ask: (question) => askTarget(question, "w1", new AbortController().signal),
      note: () => {},
    }).catch((failure: unknown) => failure);
    expect(String(error)).to.include("http://127.0.0.1:1/v1/models: connect_refused");
  });
});
