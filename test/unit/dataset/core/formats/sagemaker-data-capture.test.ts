import { expect } from "chai";
import { sagemakerFormat } from "../../../../../services/dataset/core/formats/sagemaker-data-capture.ts";
import { finishedRows, problemOf, readerOptions, readerTools, rowSource } from "../loading.ts";

const body = { model: "theirs", messages: [{ role: "user", content: "hi" }], max_tokens: 7, temperature: 0.5 };

function capture(data: unknown, inferenceTime: unknown = "2026-04-29T00:03:18Z", encoding: unknown = "JSON") {
  return {
    captureData: { endpointInput: { data, encoding } },
    eventMetadata: { eventId: "e", inferenceTime },
    eventVersion: "0",
  };
}

describe("rows of sagemaker_data_capture", () => {
  it("are requests in the order of time, the first one at 0, for the run's model", () => {
    const { read, finish } = sagemakerFormat.createReader(readerOptions, readerTools);
    const tools = [{ type: "function", function: { name: "f" } }];
    const base64 = Buffer.from(JSON.stringify({ ...body, messages: [{ role: "user", content: "grün" }], tools })).toString(
      "base64",
    );
    expect(read(capture(base64, "2026-04-29T00:03:19.5Z", "BASE64"), rowSource)).to.deep.equal({ row: undefined });
    expect(read(capture(JSON.stringify(body)), rowSource)).to.deep.equal({ row: undefined });
    const [first, second] = finishedRows(finish).map(({ turns }) => turns[0]);
    expect(first).to.deep.equal({
      messages: [{ role: "user", content: "hi" }],
      maxOutputTokens: 7,
      model: undefined,
      extraInputs: undefined,
      delayMs: 0,
      timestampMs: 0,
      isSelfContained: true,
    });
    expect(second).to.deep.include({ timestampMs: 1500, toolsJson: JSON.stringify(tools) });
    expect(second?.messages[0]?.content).to.equal("grün");
  });

  it("are in base64 where they do not say", () => {
    const data = Buffer.from(JSON.stringify(body)).toString("base64");
    const { read } = sagemakerFormat.createReader(readerOptions, readerTools);
    expect(read({ ...capture(data), captureData: { endpointInput: { data } } }, rowSource)).to.deep.equal({ row: undefined });
  });

  it("ask for one token at least, and know the other name of the length", () => {
    const { read, finish } = sagemakerFormat.createReader(readerOptions, readerTools);
    for (const lengths of [{ max_tokens: 0 }, { max_tokens: null, max_completion_tokens: 5 }, { max_tokens: undefined }]) {
      read(capture(JSON.stringify({ ...body, ...lengths })), rowSource);
    }
    expect(finishedRows(finish).map(({ turns }) => turns[0].maxOutputTokens)).to.deep.equal([1, 5, undefined]);
  });

  const where = "captureData/captureData.endpointInput";
  const refused: readonly (readonly [row: Record<string, unknown>, problem: string])[] = [
    [capture("{}", "soon"), 'eventMetadata/eventMetadata.inferenceTime: expected a moment as 2026-04-29T00:03:18Z, got "soon"'],
    [{ captureData: {} }, "eventMetadata/eventMetadata.inferenceTime: expected a moment as 2026-04-29T00:03:18Z, got nothing"],
    [{ ...capture("{}"), captureData: {} }, `${where}: expected an object, got nothing`],
    [capture("a,b", undefined, "CSV"), `${where}.data: expected the encoding JSON or BASE64, got "CSV"`],
    [capture(7), `${where}.data: expected a text, got 7`],
    [capture("%", undefined, "BASE64"), `${where}.data: expected base64, got "%"`],
    [capture("/w==", undefined, "BASE64"), `${where}.data: expected base64, got "/w=="`],
    [capture("[1]"), `${where}.data: expected the JSON of a request's body, got "[1]"`],
    [capture('{"prompt":"a"}'), `${where}.data.messages: expected a list of messages that is not empty, got nothing`],
    [
      capture('{"messages":[{"content":"a"}]}'),
      `${where}.data.messages[0]: expected an object with the role system, developer, user, assistant or tool, got {"content":"a"}`,
    ],
  ];
  for (const [row, problem] of refused) {
    it(`are refused by their place: ${problem}`, () => expect(problemOf(sagemakerFormat, row)).to.equal(problem));
  }
});
