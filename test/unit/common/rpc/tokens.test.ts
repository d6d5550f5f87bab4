import { expect } from "chai";
import { createAuthorizer, nameOfCaller } from "../../../../services/common/rpc/auth.ts";
import { FailureMeter } from "../../../../services/common/rpc/failure-meter.ts";
import {
  digestOfToken,
  lineOfToken,
  type NamedToken,
  newToken,
  parseTokens,
} from "../../../../services/common/rpc/tokens-file.ts";

const ann: NamedToken = { name: "ann", roles: ["operator"], digest: digestOfToken("of-ann") };

describe("a file of tokens", () => {
  it("is read as it is written, hashes only", () => {
    const line = lineOfToken(ann);
    expect(line)
      .to.match(/^ann operator sha256:[0-9a-f]{64}$/)
      .and.not.include("of-ann");
    expect(parseTokens(`# people\n\n${line}\n  bob viewer,member ${line.split(" ")[2]}  \n`)).to.deep.equal([
      ann,
      { ...ann, name: "bob", roles: ["viewer", "member"] },
    ]);
  });

  const hash = "0".repeat(64);
  const rows: readonly (readonly [string, string, string])[] = [
    ["a role that there is not", `ann boss sha256:${hash}`, "line 1: must be NAME ROLE[,ROLE] sha256:HASH"],
    ["a role that there is not beside one that there is", `ann viewer,boss sha256:${hash}`, "line 1: must be"],
    ["a name too long for a line of a log", `${"a".repeat(65)} viewer sha256:${hash}`, "line 1: must be"],
    ["no role", `ann sha256:${hash}`, "line 1: must be"],
    ["half a hash", "ann viewer sha256:00", "line 1: must be"],
    ["a name twice", `ann viewer sha256:${hash}\nann operator sha256:${hash}`, "line 2: there is a token ann above"],
    ["the token itself", "ann viewer assay_secret", "line 1: must be"],
  ];
  for (const [what, text, message] of rows) {
    it(`is refused, without repeating it, with ${what}`, () => {
      expect(() => parseTokens(text)).to.throw(message);
      expect(() => parseTokens(text)).to.not.throw("assay_secret");
    });
  }

  it("gets tokens of 256 random bits", () => {
    const [one, other] = [newToken(), newToken()];
    expect(one)
      .to.match(/^assay_[A-Za-z0-9_-]{43}$/)
      .and.not.equal(other);
  });
});

describe("a named token", () => {
  let tokens: readonly NamedToken[] = [ann];
  const authorizer = createAuthorizer({ tokens: { suite: ["operator", "member"] }, named: () => tokens });
  const facts = (token: string) => ({ remoteAddress: "10.0.0.7", remotePort: 1, authorization: `Bearer ${token}` });
  const wanted = { name: "a/B", roles: ["operator"] as const, isOpenOnLoopback: false };

  it("is known by its name, in whatever is said of who called", () => {
    const { peer, roles } = authorizer.admit(facts("of-ann"), wanted);
    expect([nameOfCaller(peer), roles]).to.deep.equal(["token ann", ["operator"]]);
    expect(nameOfCaller(authorizer.admit(facts("suite"), wanted).peer)).to.equal("the suite's token");
    expect(nameOfCaller(authorizer.peerOf(facts("x")))).to.equal("anybody");
  });

  it("is nobody's from when it is taken away", () => {
    tokens = [];
    expect(() => authorizer.admit(facts("of-ann"), wanted)).to.throw("unknown bearer token");
    tokens = [{ ...ann, digest: digestOfToken("another") }];
    expect(() => authorizer.admit(facts("of-ann"), wanted)).to.throw("unknown bearer token");
    expect(nameOfCaller(authorizer.admit(facts("another"), wanted).peer)).to.equal("token ann");
  });

  it("does not stand in the way of a member that is known by its certificate", () => {
    const certificate = { subjectaltname: "URI:assay:role:member", fingerprint256: "AB" };
    const { roles } = authorizer.admit({ ...facts("of another suite"), certificate }, { ...wanted, roles: ["member"] });
    expect(roles).to.deep.equal(["member"]);
  });
});

describe("failures to say who one is", () => {
  it("are limited for each address, and forgiven with time", () => {
    let now = 0;
    const meter = new FailureMeter({ perMinute: 3, now: () => now });
    const count = (address: string) => () => meter.count(address);
    for (let failure = 0; failure < 3; failure++) meter.count("10.0.0.1");
    expect(count("10.0.0.1")).to.throw("10.0.0.1 failed to authenticate more than 3 times in a minute (--max-failed-auth");
    expect(count("10.0.0.2")).to.not.throw();
    now += 20_000;
    expect(count("10.0.0.1")).to.not.throw();
    expect(count("10.0.0.1")).to.throw();
  });

  it("are remembered of a bounded number of addresses", () => {
    const meter = new FailureMeter({ perMinute: 1, now: () => 0 });
    for (let address = 0; address < 10_000; address++) meter.count(`2001:db8::${address.toString(16)}`);
    expect(meter.size).to.equal(4096);
  });

  it("are forgotten of those that failed longest ago, when there are too many", () => {
    const meter = new FailureMeter({ perMinute: 2, now: () => 0 });
    meter.count("10.0.0.1");
    for (let address = 0; address < 4000; address++) meter.count(`2001:db8::${address.toString(16)}`);
    meter.count("10.0.0.1");
    for (let address = 4000; address < 5000; address++) meter.count(`2001:db8::${address.toString(16)}`);
    expect(() => meter.count("10.0.0.1")).to.throw("10.0.0.1 failed to authenticate more than 2 times");
  });

  it("are not limited where the limit is 0", () => {
    const meter = new FailureMeter({ perMinute: 0, now: () => 0 });
    for (let failure = 0; failure < 1000; failure++) meter.count("10.0.0.1");
    expect(meter.size).to.equal(0);
  });

  it("are none of who is known and may not", () => {
    const authorizer = createAuthorizer({ tokens: { right: "viewer" }, failures: { perMinute: 2, now: () => 0 } });
    const call = { remoteAddress: "10.0.0.7", remotePort: 1, authorization: "Bearer right" };
    for (let refusal = 0; refusal < 10; refusal++) {
      expect(() => authorizer.admit(call, { name: "a/B", roles: ["operator"], isOpenOnLoopback: false })).to.throw(
        "needs the role operator, which this token does not give",
      );
    }
  });

  it("lock nobody out who can", () => {
    const authorizer = createAuthorizer({ tokens: { right: "viewer" }, failures: { perMinute: 2, now: () => 0 } });
    const admit = (token: string) => () =>
      authorizer.admit(
        { remoteAddress: "10.0.0.7", remotePort: 1, authorization: `Bearer ${token}` },
        { name: "a/B", roles: ["viewer"], isOpenOnLoopback: false },
      );
    for (let failure = 0; failure < 2; failure++) expect(admit("wrong")).to.throw("unknown bearer token");
    expect(admit("wrong")).to.throw("more than 2 times in a minute");
    expect(admit("right")).to.not.throw();
  });
});
