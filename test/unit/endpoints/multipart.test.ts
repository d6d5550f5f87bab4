import { expect } from "chai";
import fc from "fast-check";
import { encodeForm, extraFields, fileOf, formContentType } from "../../../endpoints/multipart.ts";

/** What the platform's own reader of forms makes of it. */
function read(body: Uint8Array): Promise<FormData> {
  return new Response(new Uint8Array(body), { headers: { "content-type": formContentType } }).formData();
}

describe("a body of form fields", () => {
  it("is what another reader of forms finds in it, whatever texts and bytes", async () => {
    const text = fc.string({ unit: "grapheme" }).filter((one) => !/[\r\n]/.test(one));
    await fc.assert(
      fc.asyncProperty(text, fc.uint8Array({ maxLength: 100 }), async (value, bytes) => {
        const file = { fileName: 'a "b".bin', contentType: "application/octet-stream", bytes };
        const form = await read(
          encodeForm([
            { name: "text", value },
            { name: "file", value: file },
          ]),
        );
        expect(form.get("text")).to.equal(value);
        const found = form.get("file");
        if (!(found instanceof File)) throw new Error("no file");
        expect(new Uint8Array(await found.arrayBuffer())).to.deep.equal(bytes);
        expect(found.type).to.equal("application/octet-stream");
      }),
      { numRuns: 50 },
    );
  });

  it("has extra inputs as texts, and everything but texts as its JSON", () => {
    expect(extraFields({ a: "x", n: 2, b: true, o: { c: 1 } })).to.deep.equal([
      { name: "a", value: "x" },
      { name: "n", value: "2" },
      { name: "b", value: "true" },
      { name: "o", value: '{"c":1}' },
    ]);
  });

  it("cannot hold what separates its fields", () => {
    expect(() => encodeForm([{ name: "a", value: formContentType.slice(-20) + formContentType }])).to.throw(/the field a holds/);
  });

  it("has a file of a data URL, named by its type, and of no other URL", () => {
    expect(fileOf("data:image/jpeg;base64,/9j/", "image")).to.deep.include({ fileName: "image.jpg", contentType: "image/jpeg" });
    expect(fileOf("data:audio/mpeg;base64,AAAA", "audio")?.fileName).to.equal("audio.mp3");
    expect(fileOf("data:image/svg+xml;charset=utf-8;base64,AAAA", "image")?.fileName).to.equal("image.svg");
    expect(fileOf("data:image/png;base64,AAEC", "image")?.bytes).to.deep.equal(Buffer.from([0, 1, 2]));
    expect(fileOf("https://h/a.png", "image")).to.equal(undefined);
  });
});
