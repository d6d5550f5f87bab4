import { expect } from "chai";
import { azureLlmTraceFormat } from "../../../../../services/dataset/core/formats/azure-llm-trace.ts";
import { burstGptTraceFormat } from "../../../../../services/dataset/core/formats/burst-gpt-trace.ts";
import { loadedCsv, problemOf, readerOptions, readerTools, rowOf, rowSource } from "../loading.ts";

describe("a row of burst_gpt_trace", () => {
  const row = { Timestamp: 5.25, Model: "GPT-4", "Request tokens": 472, "Response tokens": 18, "Total tokens": 490 };

  it("is a request of its own text, at its second", () => {
    const read = rowOf(burstGptTraceFormat, row);
    expect(read.unknownFields).to.deep.equal([]);
    expect(read.sessionId).to.equal(undefined);
    expect(read.turns[0]).to.deep.include({ timestampMs: 5250, maxOutputTokens: 18, model: undefined });
    expect(read.turns[0].recipe).to.deep.include({ inputTokens: 472, blockIds: [] });
  });

  it("asks for one token where the request failed", () => {
    expect(rowOf(burstGptTraceFormat, { ...row, "Response tokens": 0 }).turns[0].maxOutputTokens).to.equal(1);
  });

  it("comes from a CSV file", () => {
    const file = loadedCsv(
      "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\r\n5,ChatGPT,472,18,490,Conversation log\r\n45,GPT-4,1087,0,1087,API log\r\n",
    );
    expect(file.format).to.equal("burst_gpt_trace");
    expect(file.turns.size).to.equal(2);
    expect([...(file.timestampsMs ?? [])]).to.deep.equal([5000, 45_000]);
    expect(file.recipeTokens).to.deep.equal({ sum: 472 + 1087, count: 2 });
  });

  it("is refused without a number in its columns", () => {
    const { Timestamp: _, ...timeless } = row;
    expect(problemOf(burstGptTraceFormat, timeless)).to.equal("Timestamp: expected a number, got nothing");
    expect(problemOf(burstGptTraceFormat, { ...row, "Request tokens": "many" })).to.contain("Request tokens: expected a whole");
    expect(problemOf(burstGptTraceFormat, { ...row, "Request tokens": 0 })).to.contain("from 1 to 10000000, got 0");
    expect(problemOf(burstGptTraceFormat, { ...row, Timestamp: -1 })).to.contain("expected a number from 0 to");
    expect(problemOf(burstGptTraceFormat, { ...row, "Response tokens": "" })).to.contain("Response tokens: expected a whole");
  });
});

describe("a row of azure_llm_trace", () => {
  const row = { TIMESTAMP: "2023-11-16 18:15:46.6805900", ContextTokens: 374, GeneratedTokens: 44 };
  const timesOf = (moments: readonly string[]): (number | undefined)[] => {
    const reader = azureLlmTraceFormat.createReader(readerOptions, readerTools);
    return moments.map((TIMESTAMP) => {
      const read = reader.read({ ...row, TIMESTAMP }, rowSource);
      return "row" in read ? read.row?.turns[0].timestampMs : undefined;
    });
  };

  it("is a request of its own text, at its moment after the first one", () => {
    const read = rowOf(azureLlmTraceFormat, row).turns[0];
    expect(read.recipe).to.deep.include({ inputTokens: 374, blockIds: [] });
    expect(read).to.deep.include({ timestampMs: 0, maxOutputTokens: 44 });
  });

  it("has moments of seven decimals, with and without a zone", () => {
    const [first, second, third] = timesOf([
      "2023-11-16 18:15:46.6805900",
      "2023-11-16 18:15:50.9951690",
      "2023-11-16T20:15:50.9951691+02:00",
    ]);
    expect(first).to.equal(0);
    expect(second).to.be.closeTo(4314.579, 1e-3);
    expect(third).to.be.closeTo(4314.5791, 1e-3);
    expect(timesOf(["2024-05-10 00:00:00.009930+00:00", "2024-05-10 00:00:01+00:00"])[1]).to.be.closeTo(990.07, 1e-3);
  });

  it("begins the schedule where it is earlier than the first", () => {
    expect(timesOf(["2023-11-16 18:15:46", "2023-11-16 18:15:45"])).to.deep.equal([0, 0]);
  });

  it("is refused without a moment or a number", () => {
    expect(problemOf(azureLlmTraceFormat, { ...row, TIMESTAMP: "yesterday" })).to.equal(
      'TIMESTAMP: expected a moment as 2023-11-16 18:15:46.6805900, got "yesterday"',
    );
    expect(problemOf(azureLlmTraceFormat, { ...row, TIMESTAMP: "2023-13-16 18:15:46" })).to.contain("TIMESTAMP: expected");
    expect(problemOf(azureLlmTraceFormat, { ...row, ContextTokens: 0 })).to.contain(
      "ContextTokens: expected a whole number from 1",
    );
    expect(problemOf(azureLlmTraceFormat, { ...row, GeneratedTokens: undefined })).to.contain(
      "GeneratedTokens: expected a whole",
    );
    expect(problemOf(azureLlmTraceFormat, { ...row, GeneratedTokens: "x" })).to.contain("GeneratedTokens: expected a whole");
  });
});
