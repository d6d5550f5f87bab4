import { expect } from "chai";
import fc from "fast-check";
import { maskedProxyUrl, parseProxyUrl, proxyRefusal, refusalStatus } from "../../../endpoints/proxy.ts";
import { requestError } from "../../../endpoints/target-error.ts";

describe("the URL of a proxy", () => {
  const bare = { user: undefined, password: undefined };
  for (const [text, place] of [
    ["http://h:3128", { isSecure: false, host: "h", port: 3128, shown: "http://h:3128", ...bare }],
    ["h:3128", { isSecure: false, host: "h", port: 3128, shown: "http://h:3128", ...bare }],
    ["http://h", { isSecure: false, host: "h", port: 80, shown: "http://h", ...bare }],
    ["https://h/", { isSecure: true, host: "h", port: 443, shown: "https://h", ...bare }],
    ["http://[fd00::1]:8080", { isSecure: false, host: "fd00::1", port: 8080, shown: "http://[fd00::1]:8080", ...bare }],
    ["http://me:p%40ss%3A@h:1", { isSecure: false, host: "h", port: 1, shown: "http://h:1", user: "me", password: "p@ss:" }],
    ["me@h:1", { isSecure: false, host: "h", port: 1, shown: "http://h:1", user: "me", password: "" }],
  ] as const) {
    it(`is read from ${text}`, () => {
      expect(parseProxyUrl(text)).to.deep.equal(place);
    });
  }

  for (const text of [
    "",
    "http://",
    "socks5://h:1",
    "http://h:1/path",
    "http://h:1/?a=b",
    "http://h:1#a",
    "http://%zz:p@h:1",
    "h:99999",
  ]) {
    it(`is not ${text === "" ? "an empty text" : text}`, () => {
      expect(parseProxyUrl(text)).to.equal(undefined);
    });
  }

  for (const [text, masked] of [
    ["http://me:s3cret@h:1", "http://***@h:1"],
    ["https://token@h", "https://***@h"],
    ["me:s3cret@h:1", "http://***@h:1"],
    ["http://h:1", "http://h:1"],
    ["h:1", "h:1"],
    ["http://me:s3cret@h:1/path", "***"],
    ["socks5://me:s3cret@h", "***"],
  ] as const) {
    it(`is shown as ${masked} where it is ${text.replace("s3cret", "…")}`, () => {
      expect(maskedProxyUrl(text)).to.equal(masked);
    });
  }

  it("shows nothing of any user or password", () => {
    const secret = fc.string({ unit: "grapheme", minLength: 1, maxLength: 24 });
    fc.assert(
      fc.property(secret, secret, (user, password) => {
        const text = `http://${encodeURIComponent(user)}:${encodeURIComponent(password)}@proxy:3128`;
        expect(parseProxyUrl(text)).to.include({ user, password, shown: "http://proxy:3128" });
        expect(maskedProxyUrl(text)).to.equal("http://***@proxy:3128");
      }),
    );
  });
});

describe("the refusal of a proxy", () => {
  it("has its status and its words, and keeps the status to be read again", () => {
    const refusal = proxyRefusal("http://h:1", "t:80", 407, "who are you?");
    expect(refusal).to.deep.equal({
      code: "proxy_refused",
      phase: "connect",
      message: "the proxy http://h:1 refused CONNECT t:80 with status 407: who are you?",
    });
    expect(refusalStatus(refusal)).to.equal(407);
    expect(proxyRefusal("http://h:1", "t:80", 502, "").message).to.match(/with status 502$/);
  });

  it("is no other error", () => {
    expect(refusalStatus(requestError("proxy_unreachable", "connect", "with status 407"))).to.equal(undefined);
  });
});
