/** docs/mock.md: its commands as they stand there. */
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { expect } from "chai";
import { runShell, shellBlocksOf } from "../../support/shell-page.ts";

const root = join(import.meta.dirname, "../../..");

describe("the page of the mock", function () {
  this.timeout(60_000);
  let folder: string;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "assay-mock-page-"));
    const command = `#!/bin/sh\nexec '${process.execPath}' '${join(root, "services/main.ts")}' "$@"\n`;
    await writeFile(join(folder, "assay"), command);
    await chmod(join(folder, "assay"), 0o755);
  });

  after(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  it("has commands that do what it says", async () => {
    const script = (await shellBlocksOf(join(root, "docs/mock.md"))).join("\n");
    const tools = join(root, "node_modules/.bin");
    const env = { PATH: [folder, process.env.PATH, tools].join(delimiter) };
    const { code, stdout, stderr } = await runShell(script, env, folder);
    expect(code, `${stdout}${stderr}`).to.equal(0);
    const lines = stdout.split("\n").filter((line) => line !== "");
    const answers = lines.filter((line) => line.startsWith("{")).map((line) => JSON.parse(line));
    const [whole, completion, embeddings, ranking, models, unknown, unauthorized, stats, secured] = answers;
    expect(answers).to.have.length(9);
    expect(whole.usage).to.deep.equal({ prompt_tokens: 3, completion_tokens: 5, total_tokens: 8 });
    expect(completion.choices).to.have.length(2);
    expect(embeddings.data.map(({ embedding }: { embedding: number[] }) => embedding.length)).to.deep.equal([2, 2]);
    expect(ranking.results).to.have.length(2);
    expect(lines).to.include("event: message_stop");
    expect(models.data.map(({ id }: { id: string }) => id)).to.deep.equal(["small", "large"]);
    expect(secured.object).to.equal("list");
    expect(unknown.error).to.deep.include({ type: "NotFoundError", code: 404 });
    expect(unauthorized.error).to.include({ code: "invalid_api_key" });
    const events = lines.filter((line) => line.startsWith("data: "));
    expect(events.filter((line) => line === "data: [DONE]")).to.have.length(2);
    expect(events.some((line) => line.startsWith('data: {"error":'))).to.equal(true);
    const statuses = lines.filter((line) => /^\d{3} retry-after/.test(line));
    expect(new Set(statuses)).to.have.all.keys(['200 retry-after ""', '429 retry-after "2"']);
    expect(stats.failures).to.deep.equal({ "429": statuses.filter((line) => line.startsWith("429")).length });
    expect(stats.requests).to.equal(6);
    expect(lines).to.include("curl: 18");
    expect(lines.filter((line) => /^vllm:generation_tokens_total\{.*\} 20$/.test(line))).to.have.length(1);
    const finals = lines.filter((line) => line.trim().startsWith('"boolParam"')).map((line) => line.trim());
    expect(finals).to.deep.equal(['"boolParam": false', '"boolParam": false', '"boolParam": true']);
    const said = lines.find((line) => line.trim().startsWith('"errorMessage"'))?.trim();
    expect(said).to.equal(`"errorMessage": "Request for unknown model: 'nobody' is not found",`);
    expect(lines.map((line) => line.trim())).to.include('"inferenceCount": "1",');
    expect(lines.filter((line) => line.startsWith('"assay_received_ns"'))).to.have.length(1);
    expect(lines.filter((line) => line.startsWith('"assay_sent_ns"'))).to.have.length(5);
    expect(lines.filter((line) => /^\d+$/.test(line)).map(Number)[0]).to.be.within(2, 15);
  });
});
