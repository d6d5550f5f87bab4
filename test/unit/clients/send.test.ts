import { create } from "@bufbuild/protobuf";
import { expect } from "chai";
import { sendFlags } from "../../../clients/cli/flags.ts";
import { parseFlags } from "../../../clients/cli/parse.ts";
import { problemsOfSend } from "../../../clients/cli/send-options.ts";
import { type SendReport, sendJson, sendLines } from "../../../clients/cli/send-report.ts";
import { ParseResponseResponseSchema } from "../../../gen/assay/record_processor/v1/record_processor_service_pb.js";
import { SendOneResponseSchema } from "../../../gen/assay/worker/v1/worker_service_pb.js";
import { createPaint } from "../../../report/paint.ts";

/** Connected in 1 ms, sent after 2, answered from 52 to 82. */
function answered(): SendReport {
  const sent = create(SendOneResponseSchema, {
    url: "https://h/v1/chat/completions",
    record: {
      model: "m",
      requestId: "r-1",
      sentNs: 102e6,
      connectNs: 1.5e6,
      firstByteNs: 50e6,
      endNs: 80e6,
      status: 200,
      contentType: "text/event-stream",
      requestBytes: 345n,
      responseBytes: 4321n,
    },
    connection: { startNs: 100e6, resolvedNs: 0.25e6, connectedNs: 1e6, securedNs: 1.5e6, remoteAddress: "10.0.0.1:443" },
    headers: { server: "uvicorn", "content-type": "text/event-stream", "x-odd": "not shown" },
  });
  const parsed = create(ParseResponseResponseSchema, {
    record: { values: [50, 10, Number.NaN, 3, 5], finishReason: "length", tokenSource: "usage" },
    tags: ["time_to_first_token", "inter_token_latency", "response_time", "output_sequence_length", "input_sequence_length"],
    units: ["ms", "ms", "ms", "tokens", "tokens"],
    outputText: "one\x1b[2J two\nthree",
    reasoningText: "hm",
    contentNs: [50e6, 60e6, 70e6],
  });
  return { sent, parsed };
}

function refused(): SendReport {
  const error = { code: "connect_refused", phase: "connect", message: "connect ECONNREFUSED" };
  const record = { model: "m", sentNs: 100e6, endNs: 1e6, requestBytes: 10n, error };
  const sent = create(SendOneResponseSchema, { url: "http://h/v1", record, connection: { startNs: 100e6 } });
  return { sent, parsed: create(ParseResponseResponseSchema, { record: { error } }) };
}

const style = { width: 80, paint: createPaint(false) };

describe("what assay send shows", () => {
  it("is where, the timeline, the answer and its figures", () => {
    expect(sendLines(answered(), style)).to.deep.equal([
      "POST https://h/v1/chat/completions",
      "  content-type: text/event-stream",
      "  server: uvicorn",
      "",
      "   0.00 ms  start",
      "   0.25 ms  name resolved",
      "   1.00 ms  connected to 10.0.0.1:443",
      "   1.50 ms  TLS stands",
      "   2.00 ms  request sent, 345 bytes",
      "  52.00 ms  first byte, status 200",
      "  52.00 ms  first content",
      "  72.00 ms  last content, 3 chunks with content",
      "  82.00 ms  end, 4,321 bytes",
      "",
      "Reasoning",
      "  hm",
      "",
      "Text",
      "  one\ufffd[2J two",
      "  three",
      "",
      "5 tokens in, 3 out (by the server's usage) · TTFT 50.00 ms · ITL 10.00 ms ·",
      "finish reason length",
    ]);
  });

  it("ends where a failed request ended, and claims nothing beyond", () => {
    expect(sendLines(refused(), style)).to.deep.equal([
      "POST http://h/v1",
      "",
      "   0.00 ms  start",
      "   1.00 ms  failed: connect_refused",
    ]);
  });

  it("is for programs everything, in numbers, without what is not known", () => {
    const json = JSON.parse(JSON.stringify(sendJson(answered())));
    expect(json).to.deep.include({
      url: "https://h/v1/chat/completions",
      remote_address: "10.0.0.1:443",
      status: 200,
      text: "one\x1b[2J two\nthree",
      content_ms: [50, 60, 70],
      finish_reason: "length",
    });
    expect(json.timeline).to.deep.equal({
      start_ms: 0,
      resolved_ms: 0.25,
      connected_ms: 1,
      secured_ms: 1.5,
      sent_ms: 2,
      first_byte_ms: 52,
      first_content_ms: 52,
      last_content_ms: 72,
      end_ms: 82,
    });
    expect(json.metrics.time_to_first_token).to.deep.equal({ value: 50, unit: "ms" });
    expect(json.metrics).to.not.have.property("response_time");
    expect(json.headers).to.have.property("x-odd");
    expect(json).to.not.have.property("error");
    const failed = JSON.parse(JSON.stringify(sendJson(refused())));
    expect(failed.error).to.deep.equal({ code: "connect_refused", phase: "connect", message: "connect ECONNREFUSED" });
    expect(failed).to.not.have.any.keys("status", "content_type", "remote_address", "finish_reason");
    expect(failed.timeline).to.deep.equal({ start_ms: 0, end_ms: 1 });
  });
});

describe("the options of assay send", () => {
  const problems = (line: string): string[] => {
    const parsed = parseFlags(sendFlags, line.split(" "));
    const origins = new Map([...parsed.given].map((name) => [name, "argument" as const]));
    return [...parsed.problems, ...problemsOfSend({ options: parsed.options, origins })];
  };

  for (const [line, expected] of [
    ["-u h", ["--model: expected the name of the model to ask for"]],
    ["-m m --prompt x --isl 5", ["--prompt: not together with --isl"]],
    ["-m m --token-file f", ["--token-file: needs --controller beside it"]],
    ["-m m --concurrency 5", ["--concurrency: unknown option"]],
    ["-m m --streaming -u h:1 --prompt - --osl 5 -H a:b --extra-inputs x:1 --json --request-timeout-seconds 5", []],
  ] as const) {
    it(`are read: ${line}`, () => expect(problems(line)).to.deep.equal(expected));
  }

  it("are not wrong where the environment gives more than this command needs", () => {
    const origins = new Map([
      ["models", "argument"],
      ["prompt", "argument"],
      ["isl", "environment"],
      ["tokenFile", "environment"],
    ] as const);
    expect(problemsOfSend({ options: {}, origins })).to.deep.equal([]);
  });
});
