import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { withTemplateText } from "../../../../clients/cli/spec/template-file.ts";

describe("a template of requests", () => {
  let folder = "";
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "assay-template-"));
    await writeFile(join(folder, "ask.jinja"), '{"a": {{ text|tojson }}}');
    await mkdir(join(folder, "sub"));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  const read = (endpoint: Record<string, string | Record<string, string>>) => withTemplateText({ endpoint }, folder);

  it("is what is in the file that is named, by either way of naming it", async () => {
    const text = '{"a": {{ text|tojson }}}';
    const inputs = { payload_template: "ask.jinja", top: "1" };
    expect(await read({ type: "template", extra_inputs: inputs })).to.deep.equal({
      spec: { endpoint: { type: "template", extra_inputs: { payload_template: text, top: "1" } } },
    });
    expect(await read({ type: "template", template: { body: join(folder, "ask.jinja") } })).to.deep.equal({
      spec: { endpoint: { type: "template", template: { body: text } } },
    });
  });

  it("stays as it is where there is no such file, and for other endpoints", async () => {
    for (const body of ["nv-embedqa", "{}", "ask.jinja/x", "x".repeat(5000)]) {
      const endpoint = { type: "template", template: { body } };
      expect(await read(endpoint)).to.deep.equal({ spec: { endpoint } });
    }
    const chat = { type: "chat", extra_inputs: { payload_template: "ask.jinja" } };
    expect(await read(chat)).to.deep.equal({ spec: { endpoint: chat } });
  });

  it("that cannot be read is said", async () => {
    expect((await read({ type: "template", template: { body: "sub" } })).problem).to.match(
      /^the template cannot be read: EISDIR/,
    );
  });
});
