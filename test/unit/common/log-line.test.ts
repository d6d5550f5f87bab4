import { expect } from "chai";
import fc from "fast-check";
import { humanLine, jsonLine, type LogEntry, Secrets } from "../../../services/common/log-line.ts";

const entryOf = (fields: Record<string, unknown>, message = "started"): LogEntry => ({
  time: "2026-01-02T03:04:05.678Z",
  level: "info",
  message,
  fields,
});
const secretsOf = (...values: string[]) => {
  const secrets = new Secrets();
  for (const value of values) secrets.add(value);
  return secrets;
};
const json = (fields: Record<string, unknown>, ...secrets: string[]) =>
  JSON.parse(jsonLine(entryOf(fields), secretsOf(...secrets)));

describe("a log line", () => {
  it("is JSON that begins with time, level and message", () => {
    expect(jsonLine(entryOf({ service: "timing", run_id: "r1" }), secretsOf())).to.equal(
      '{"time":"2026-01-02T03:04:05.678Z","level":"info","message":"started","service":"timing","run_id":"r1"}',
    );
  });

  it("keeps its own time, level and message when a field has that name", () => {
    expect(json({ time: 1, level: 2, message: 3, rest: 4 })).to.include({
      time: "2026-01-02T03:04:05.678Z",
      level: "info",
      message: "started",
      rest: 4,
    });
  });

  it("spells out what JSON cannot hold", () => {
    const error = new TypeError("broken", { cause: new Error("deeper") });
    const line = json({ big: 12n, bytes: Buffer.from("abc"), when: new Date(0), error });
    expect(line).to.include({ big: "12", bytes: "<3 bytes>", when: "1970-01-01T00:00:00.000Z" });
    expect(line.error).to.include({ name: "TypeError", message: "broken" });
    expect(line.error.stack).to.include("log-line.test.ts");
    expect(line.error.cause.message).to.equal("deeper");
  });

  it("is written without the fields that cannot be, and says so", () => {
    const cycle: Record<string, unknown> = {};
    cycle.self = cycle;
    const line = json({ service: "timing", token: "t0p", cycle });
    expect(line).to.include({ message: "started", service: "timing", token: "***" });
    expect(line.log_error).to.match(/^fields cannot be written: TypeError: Converting circular/);
  });

  it("cuts a text that is longer than any log needs", () => {
    expect(json({ body: "x".repeat(10_000) }).body).to.match(/^x{8192}… \(10000 characters\)$/);
  });

  for (const name of [
    "authorization",
    "Authorization",
    "proxy-authorization",
    "apiKey",
    "api_key",
    "x-api-key",
    "token",
    "joinToken",
    "clientSecret",
    "password",
    "Cookie",
    "set-cookie",
  ]) {
    it(`masks the field ${name}, at any depth`, () => {
      expect(json({ [name]: "hidden", headers: [{ [name]: "hidden" }] })).to.deep.include({
        [name]: "***",
        headers: [{ [name]: "***" }],
      });
    });
  }

  for (const name of ["output_tokens", "tokenizer", "tokenCount", "key", "monkey"]) {
    it(`does not mask the field ${name}`, () => {
      expect(json({ [name]: 7 })).to.include({ [name]: 7 });
    });
  }

  it("masks registered values in the message, in fields and in errors, for programs and for people", () => {
    const secrets = secretsOf("hunter22");
    const entry = {
      ...entryOf({ url: "http://u:hunter22@h/", error: new Error("hunter22!") }, "got hunter22"),
      level: "error",
    } as const;
    for (const line of [jsonLine(entry, secrets), humanLine(entry, secrets, false)]) {
      expect(line).to.not.include("hunter22");
      expect(line).to.include("got ***");
    }
  });

  it("masks the whole of a value that contains another", () => {
    expect(json({ a: "longer-secret" }, "secret", "longer-secret").a).to.equal("***");
  });

  it("never contains a registered value of four characters or more, whatever the characters", () => {
    const unit = fc.constantFrom("a", "b", '"', "\\", "\n", "\u0001", "é", "😀", "\ud800");
    fc.assert(
      fc.property(fc.string({ minLength: 4, maxLength: 20, unit }), fc.string({ maxLength: 20, unit }), (secret, around) => {
        fc.pre(!'{"time":"2026-01-02T03:04:05.678Z","level":"info","message":"started","where":"***"}'.includes(secret));
        const line = json({ where: around + secret + around }, secret);
        expect(String(line.where).replaceAll("***", "\u0000")).to.not.include(secret);
      }),
    );
  });

  it("has columns for people, quotes what has spaces and omits nothing", () => {
    const line = humanLine(
      entryOf({ service: "timing", run_id: "r1", text: "two words", n: 3, list: [1, 2], token: "t0p" }),
      secretsOf(),
      false,
    );
    expect(line).to.equal('03:04:05.678  info   timing  started  run_id=r1 text="two words" n=3 list=[1,2] token=***');
  });

  it("shows a person an error's message in its place and the stack below, when the line is an error", () => {
    const error = new Error("broken pipe");
    const [first, ...stack] = humanLine({ ...entryOf({ error }), level: "error" }, secretsOf(), false).split("\n");
    expect(first).to.match(/error="broken pipe"$/);
    expect(stack.join("\n")).to.equal(error.stack);
    expect(humanLine({ ...entryOf({ error }), level: "warn" }, secretsOf(), false)).to.not.include("\n");
  });

  it("has colours only where they were asked for", () => {
    expect(humanLine(entryOf({ a: 1 }), secretsOf(), true)).to.include("\u001b[");
    expect(humanLine(entryOf({ a: 1 }), secretsOf(), false)).to.not.include("\u001b[");
  });

  it("masks secrets among bytes, with as many asterisks, and copies nothing else", () => {
    const own = new Secrets();
    own.add("s3cret");
    own.add("s3cret-and-more");
    const bytes = Buffer.concat([Buffer.from([0xff, 0]), Buffer.from("a s3cret, s3cret-and-more s3cret"), Buffer.from([0xfe])]);
    const before = Buffer.from(bytes);
    const masked = Buffer.from(own.maskBytes(bytes));
    expect(masked.toString("latin1")).to.equal("\xff\0a ******, *************** ******\xfe");
    expect(bytes).to.deep.equal(before);
    const clean = Buffer.from("nothing of it");
    expect(own.maskBytes(clean)).to.equal(clean);
  });
});
