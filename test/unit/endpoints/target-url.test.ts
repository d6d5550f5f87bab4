import { expect } from "chai";
import { readModelNames } from "../../../endpoints/openai/models.ts";
import { bodyWords } from "../../../endpoints/target-error.ts";
import { modelsPathBeside, parseBaseUrl, pathBelow, shownUrl, socketPathOf } from "../../../endpoints/target-url.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

describe("a target's URL", () => {
  for (const [text, expected] of [
    ["http://h:1/x", "http://h:1/x"],
    ["h:1", "http://h:1/"],
    ["https://[::1]:1", "https://[::1]:1/"],
    ["ftp://h", undefined],
    ["unix:/run/a b.sock", "http+unix://%2Frun%2Fa%20b.sock"],
    ["unix:///run/a.sock", "http+unix://%2Frun%2Fa.sock"],
    ["http+unix://%2Frun%2Fa.sock/v1", "http+unix://%2Frun%2Fa.sock/v1"],
    ["http+unix://run/a.sock", undefined],
    ["http+unix://%2/a.sock", undefined],
    ["unix:a.sock", undefined],
    ["http://", undefined],
    ["", undefined],
  ] as const) {
    it(`is ${expected} where ${JSON.stringify(text)} is given`, () => {
      expect(parseBaseUrl(text)?.href).to.equal(expected);
    });
  }

  for (const [base, own, expected] of [
    ["http://h", "/v1/chat/completions", "/v1/chat/completions"],
    ["http://h/", "/v1/chat/completions", "/v1/chat/completions"],
    ["http://h/v1", "/v1/chat/completions", "/v1/chat/completions"],
    ["http://h/openai/v1/", "/v1/chat/completions", "/openai/v1/chat/completions"],
    ["http://h/api", "/v1/chat/completions", "/api/v1/chat/completions"],
    ["http://h/api", "/api/chat", "/api/chat"],
    ["http://h/v1/chat/completions", "/v1/chat/completions", "/v1/chat/completions"],
    ["http://h/openai/v1/chat/completions/", "/v1/chat/completions", "/openai/v1/chat/completions"],
    ["http://h/xv1", "/v1/models", "/xv1/v1/models"],
    ["http://h/v1?api-version=2", "/v1/models", "/v1/models?api-version=2"],
    ["http://h/?a=1", "/chat?b=2", "/chat?a=1&b=2"],
    ["http://h", "/chat?b=2", "/chat?b=2"],
  ] as const) {
    it(`has requests at ${expected} below ${base}`, () => expect(pathBelow(new URL(base), own)).to.equal(expected));
  }

  for (const [path, expected] of [
    ["/v1/chat/completions", "/v1/models"],
    ["/v1/completions", "/v1/models"],
    ["/v1/embeddings", "/v1/models"],
    ["/openai/v1/chat/completions", "/openai/v1/models"],
    ["/v1beta/openai/chat/completions", "/v1beta/openai/models"],
    ["/api/v3/chat/completions?key=k", "/api/v3/models?key=k"],
    ["/v1/rerank", "/v1/models"],
    ["/v1/audio/speech", "/v1/models"],
    ["/v2/models/m/infer", undefined],
    ["/generate", undefined],
    ["/v1", undefined],
  ] as const) {
    it(`lists its models at ${expected} beside ${path}`, () => expect(modelsPathBeside(path)).to.equal(expected));
  }

  it("may be a Unix socket with a path", () => {
    const url = parseBaseUrl("http+unix://%2Frun%2FA%20b.sock/v1") as URL;
    expect(socketPathOf(url)).to.equal("/run/A b.sock");
    expect(pathBelow(url, "/v1/models")).to.equal("/v1/models");
    expect(shownUrl(url, "/v1/models")).to.equal("http+unix://%2Frun%2FA%20b.sock/v1/models");
    expect(socketPathOf(new URL("http://h"))).to.equal(undefined);
  });

  it("is shown without its query", () => {
    expect(shownUrl(new URL("https://h:2/x?y"), "/v1/models?key=s3cret")).to.equal("https://h:2/v1/models");
  });
});

describe("a list of models", () => {
  for (const [what, body, expected] of [
    ["OpenAI's", '{"object":"list","data":[{"id":"a"},{"id":"b/c"}]}', ["a", "b/c"]],
    ["an empty one", '{"data":[]}', []],
    ["llama.cpp's, which has both forms", '{"models":[{"name":"x"}],"data":[{"id":"a"}]}', ["a"]],
    ["Ollama's", '{"models":[{"name":"a:latest"},{"model":"b"}]}', ["a:latest", "b"]],
    ["a bare one", '[{"id":"a"},"b",{"no":1},null]', ["a", "b"]],
    ["none: an error", '{"error":{"message":"no"}}', undefined],
    ["none: a page", "<html>", undefined],
    ["none: a text", '"a"', undefined],
    ["none: nothing", "", undefined],
  ] as const) {
    it(`is read: ${what}`, () => expect(readModelNames(bytes(body))).to.deep.equal(expected));
  }
});

describe("the words of a body", () => {
  for (const [what, body, expected] of [
    ["OpenAI's error object", '{"error":{"message":"no such model","type":"x"}}', "no such model"],
    ["FastAPI's detail", '{"detail":"Not Found"}', "Not Found"],
    ["FastAPI's list of what is wrong", '{"detail":[{"msg":"field required"}]}', '[{"msg":"field required"}]'],
    ["a page in one line", "<html>\n <b>x</b>\r\n</html>", "<html> <b>x</b> </html>"],
    ["JSON that reports no error", '{"a": 1}', '{"a": 1}'],
    ["nothing", "", ""],
  ] as const) {
    it(`are taken from ${what}`, () => expect(bodyWords(bytes(body))).to.equal(expected));
  }

  it("are cut at 200 characters where nobody wrote a message", () => {
    expect(bodyWords(bytes("x".repeat(1000)))).to.equal(`${"x".repeat(199)}…`);
  });
});
