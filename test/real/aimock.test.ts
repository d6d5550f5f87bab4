/**
 * Runs against aimock, whose answers are set: how they are paced, what they say, and how they fail. The model that is asked for chooses
 * one of `aimock/answers.json`. What the server itself counts, and its journal of requests, are held against what was recorded.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "chai";
import { decodeStamps } from "../../services/common/chunk-stamps.ts";
import { useStage } from "../support/suite.ts";
import { useBudget } from "./budgets.ts";
import { sumOf } from "./metrics-page.ts";
import { type RealServer, startRealServer } from "./real-server.ts";
import { type Ended, expectClose, type Row, runAgainst } from "./run-against.ts";

/** Of the paced answers: until the first event, and between two. */
const firstMs = 150;
const gapMs = 50;
/** By so much a server's timer may be early, each time. */
const timerMs = 1;

/** A request as the server remembers it. */
interface Entry {
  readonly headers: Readonly<Record<string, string>>;
  /** The status is 0 where the server cut the connection before it said one. */
  readonly response: { readonly status: number; readonly chaosAction?: string };
}

describe("a run against aimock", function () {
  this.timeout(180_000);
  useBudget("aimock");
  const stage = useStage();
  let server: RealServer;

  before(async () => {
    server = await startRealServer("aimock");
  });

  beforeEach(async () => {
    // Its counters go on; its journal begins anew.
    await fetch(`${server.url}/__aimock/reset/journal`, { method: "POST" });
  });

  after(async () => {
    await server?.stop();
  });

  const run = (model: string, requests: number, ...flags: readonly string[]): Promise<Ended> =>
    runAgainst(stage, { url: server.url, model, requests }, "--isl", "16", ...flags);

  /** By X-Request-ID. */
  async function journal(): Promise<Map<string, Entry["response"]>> {
    const entries: Entry[] = JSON.parse(await server.page("/__aimock/journal"));
    return new Map(entries.map(({ headers, response }) => [headers["x-request-id"] ?? "", response]));
  }

  /** Every request reached the server once, and ended there as it did here. */
  async function expectSeen(rows: readonly Row[]): Promise<void> {
    const seen = await journal();
    expect(rows.map((row) => [row.request_id, row.status])).to.have.deep.members(
      [...seen].map(([id, { status }]) => [id, status]),
    );
  }

  function expectAll(rows: readonly Row[], values: Partial<Row>): void {
    for (const row of rows) expect(row).to.include(values);
  }

  it("measures the pace that was set, in tokens as the server counts them, which are not its chunks", async () => {
    const { exit, rows } = await run("paced", 12, "--streaming", "--concurrency", "4");
    expect(exit.code, exit.stderr).to.equal(0);
    expectAll(rows, { status: 200, finish_reason: "stop", token_source: "usage", error_code: null });
    expectAll(rows, { input_sequence_length: 11, output_sequence_length: 21 });
    for (const row of rows) {
      const stamps = [...decodeStamps(row.content_stamps)];
      expect(stamps).to.have.length(5);
      // The first event has a role and no text: it is no token.
      stamps.forEach((ns, index) => {
        expect(ns / 1e6).to.be.at.least(firstMs + (1 + index) * gapMs - (2 + index) * timerMs);
      });
      expect(row.inter_token_latency).to.be.closeTo((row.decode_duration ?? 0) / 20, 1e-6);
    }
    expectClose(rows.map((row) => [row.time_to_first_token, firstMs + gapMs]));
    expectClose(rows.map((row) => [row.decode_duration, 4 * gapMs]));
    await expectSeen(rows);
  });

  it("tells thought from text", async () => {
    const { exit, rows } = await run("o3-paced", 8, "--streaming", "--concurrency", "4");
    expect(exit.code, exit.stderr).to.equal(0);
    expectAll(rows, { finish_reason: "stop", output_sequence_length: 13 });
    for (const row of rows) expect(decodeStamps(row.content_stamps)).to.have.length(5);
    expectClose(rows.map((row) => [row.time_to_first_token, firstMs]));
    // Three events of thought, then the role, then text.
    expectClose(rows.map((row) => [row.time_to_first_output_token, firstMs + 4 * gapMs]));
  });

  it("takes calls of tools for content, names and arguments", async () => {
    const { exit, rows } = await run("caller", 8, "--streaming", "--concurrency", "2");
    expect(exit.code, exit.stderr).to.equal(0);
    expectAll(rows, { finish_reason: "tool_calls", output_sequence_length: 9, error_code: null });
    for (const row of rows) expect(decodeStamps(row.content_stamps)).to.have.length(3);
  });

  it("takes an answer in one piece", async () => {
    const { exit, rows } = await run("paced", 12, "--concurrency", "4");
    expect(exit.code, exit.stderr).to.equal(0);
    expectAll(rows, { status: 200, finish_reason: "stop", token_source: "usage", time_to_first_token: null });
    expectAll(rows, { input_sequence_length: 11, output_sequence_length: 21 });
    await expectSeen(rows);
  });

  const failures: readonly {
    /** Goes on after "a server". */
    readonly title: string;
    readonly model: string;
    readonly says: Pick<Row, "status" | "error_code" | "error_phase">;
    readonly words: RegExp;
    /** Chunks with content that came before it. */
    readonly chunks?: number;
  }[] = [
    {
      title: "whose streams are cut off after two events",
      model: "cut-off",
      says: { status: 200, error_code: "truncated", error_phase: "stream" },
      words: /./,
      // One event had a role, one text.
      chunks: 1,
    },
    {
      title: "whose answers are malformed",
      model: "malformed",
      says: { status: 200, error_code: "parse", error_phase: "parse" },
      words: /no JSON object: \{malformed json/,
    },
    {
      title: "that is overloaded",
      model: "overloaded",
      says: { status: 503, error_code: "http_5xx", error_phase: "wait" },
      words: /^http status 503: every engine is busy \(overloaded\)$/,
    },
    {
      title: "that limits the rate, and is not asked again",
      model: "limited",
      says: { status: 429, error_code: "http_4xx", error_phase: "wait" },
      words: /^http status 429: too many requests \(rate_limit_exceeded\)$/,
    },
    {
      title: "whose context the prompt exceeds",
      model: "crammed",
      says: { status: 400, error_code: "context_overflow", error_phase: "wait" },
      words: /^http status 400: the prompt does not fit \(context_length_exceeded\)$/,
    },
    {
      title: "that has no such answer",
      model: "unheard-of",
      says: { status: 503, error_code: "http_5xx", error_phase: "wait" },
      words: /no fixture matched/,
    },
  ];

  for (const { title, model, says, words, chunks = 0 } of failures) {
    it(`fails where every request meets a server ${title}`, async () => {
      const { exit, rows, file } = await run(model, 20, "--streaming", "--concurrency", "4");
      expect(exit.code).to.equal(1);
      expect(exit.stderr).to.contain("all 20 requests failed");
      expect(exit.stdout)
        .to.match(/Error Request Count: 20 requests/)
        .and.to.contain(says.error_code);
      expect(file.state).to.equal("FAILED");
      expectAll(rows, { ...says, finish_reason: null });
      for (const row of rows) {
        expect(row.error_message).to.match(words);
        expect(decodeStamps(row.content_stamps)).to.have.length(chunks);
      }
      await expectSeen(rows);
    });
  }

  it("counts as failed what is dropped at a rate, request for request, and as succeeded the rest", async () => {
    const before = await server.page("/metrics");
    const { exit, rows, folder } = await run(
      "steady",
      200,
      "--streaming",
      "--concurrency",
      "8",
      "-H",
      "X-AIMock-Chaos-Drop: 0.3",
    );
    const after = await server.page("/metrics");
    expect(exit.code, exit.stderr).to.equal(4);
    const dropped =
      sumOf(after, "aimock_chaos_triggered_total", { action: "drop" }) -
      sumOf(before, "aimock_chaos_triggered_total", { action: "drop" });
    expect(dropped).to.be.within(1, 199);
    const failed = rows.filter((row) => row.error_code !== null);
    expectAll(failed, { status: 500, error_code: "http_5xx", error_phase: "wait" });
    expectAll(failed, { error_message: "http status 500: Chaos: request dropped (chaos_drop)" });
    expect(failed).to.have.length(dropped);
    expectAll(
      rows.filter((row) => row.error_code === null),
      { status: 200, finish_reason: "stop", output_sequence_length: 9 },
    );
    await expectSeen(rows);
    const summary = JSON.parse(await readFile(join(folder, "profile_export_aiperf.json"), "utf8"));
    expect(summary.request_count.avg).to.equal(200 - dropped);
    expect(summary.error_request_count.avg).to.equal(dropped);
  });

  it("names connections that are cut before an answer by whether they had carried one", async () => {
    const { exit, rows } = await run("steady", 100, "--streaming", "--concurrency", "4", "-H", "X-AIMock-Chaos-Disconnect: 0.2");
    expect([0, 4], exit.stderr).to.include(exit.code);
    const failed = rows.filter((row) => row.error_code !== null);
    for (const row of failed) {
      expect(row).to.include({ status: 0, error_phase: "wait" });
      expect(row.error_code).to.equal(row.is_connection_reused === 1 ? "stale_connection" : "reset");
    }
    const cut = [...(await journal())].filter(([, { chaosAction }]) => chaosAction === "disconnect");
    expect(failed.map((row) => row.request_id)).to.have.members(cut.map(([id]) => id));
    await expectSeen(rows);
  });
});
