import { expect } from "chai";
import { createVideoGenerationEndpoint } from "../../../../endpoints/openai/video-generation.ts";

describe("a video's job", () => {
  const parsed = (job: object) => {
    const payload = Buffer.from(JSON.stringify({ id: "v1", status: "completed", ...job }));
    const reads = { readEnds: Uint32Array.of(payload.length), readNs: Float64Array.of(5e6) };
    const response = { status: 200, contentType: "application/json", payload, ...reads, isStreaming: false };
    return createVideoGenerationEndpoint().parse(response);
  };

  it("says how long the making took and what memory it needed, where the server does", () => {
    const made = parsed({ inference_time_s: 1.5, peak_memory_mb: 900 });
    expect(made).to.include({ error: undefined, videoInferenceSec: 1.5, videoPeakMemoryMb: 900 });
    for (const job of [{}, { inference_time_s: "1.5", peak_memory_mb: -1 }, { inference_time_s: null }]) {
      expect(parsed(job)).not.to.have.any.keys("videoInferenceSec", "videoPeakMemoryMb");
    }
  });
});
