import { PassThrough } from "node:stream";
import { expect } from "chai";
import { readParent } from "../../../services/common/parent.ts";

function parent() {
  const input = new PassThrough();
  return { input, parent: readParent(input as unknown as NodeJS.ReadStream) };
}

async function failureOf(promise: Promise<unknown>) {
  return promise.then(
    () => {
      throw new Error("expected a failure");
    },
    (error: unknown) => error as { code: string; message: string },
  );
}

describe("what a parent process says", () => {
  it("is read from one line, however it is cut", async () => {
    const line = JSON.stringify({
      token: "tökén",
      controller: "h:1",
      memberId: "w",
      logFile: "f",
      logLevel: "warn",
      config: { a: 1 },
    });
    const bytes = Buffer.from(`${line}\n`);
    for (let cut = 0; cut <= bytes.length; cut++) {
      const { input, parent: reading } = parent();
      input.write(bytes.subarray(0, cut));
      input.write(bytes.subarray(cut));
      const { bootstrap } = await reading;
      expect(bootstrap).to.deep.equal({
        token: "tökén",
        controller: "h:1",
        memberId: "w",
        logFile: "f",
        logLevel: "warn",
        config: { a: 1 },
      });
    }
  });

  it("leaves unset what is missing, empty or of another type", async () => {
    const { input, parent: reading } = parent();
    input.write(`${JSON.stringify({ token: "", controller: 7, config: [1], logFile: null })}\n`);
    const { bootstrap } = await reading;
    expect(bootstrap).to.deep.equal({
      token: undefined,
      controller: undefined,
      memberId: undefined,
      logFile: undefined,
      logLevel: undefined,
      config: {},
    });
  });

  for (const [what, text] of [
    ["garbage", "hello\n"],
    ["an empty line", "\n"],
    ["a list", "[]\n"],
    ["null", "null\n"],
    ["a number", "7\n"],
    ["half a document", '{"token":\n'],
  ] as const) {
    it(`is refused as invalid when it is ${what}`, async () => {
      const { input, parent: reading } = parent();
      input.write(text);
      const error = await failureOf(reading);
      expect(error.code).to.equal("invalid_argument");
      expect(error.message).to.include("the parent process");
    });
  }

  it("is refused once it has passed a mebibyte without a line's end", async () => {
    const { input, parent: reading } = parent();
    for (let index = 0; index < 17; index++) input.write("x".repeat(1 << 16));
    expect((await failureOf(reading)).code).to.equal("invalid_argument");
  });

  it("may be almost a mebibyte long", async () => {
    const { input, parent: reading } = parent();
    const token = "t".repeat((1 << 20) - 100);
    input.write(`${JSON.stringify({ token })}\n`);
    expect((await reading).bootstrap.token).to.equal(token);
  });

  it("is missed when the parent ends first, even in the middle of its line", async () => {
    for (const said of ["", '{"token":"x"}']) {
      const { input, parent: reading } = parent();
      input.end(said);
      expect(await failureOf(reading)).to.include({ code: "unavailable" });
    }
  });

  it("is followed by its end, which says that the parent is gone", async () => {
    const { input, parent: reading } = parent();
    input.write("{}\n");
    const { gone } = await reading;
    input.write("more that nobody asked for\n");
    input.end();
    await gone;
  });
});
