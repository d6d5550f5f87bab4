import { expect } from "chai";
import { usualServerPages } from "../../../../services/telemetry/core/server-pages.ts";

describe("pages of the servers under load", () => {
  it("are at /metrics of each server, once, and at port 8002 of what is asked over gRPC", () => {
    const targets = [
      "http://h:8000/v1/chat/completions?key=k",
      "http://u:p@h:8000",
      "https://s",
      "grpc://t:8001",
      "grpcs://[::1]:8001",
      "unix:/run/s.sock",
      "no url",
    ];
    expect(usualServerPages(targets)).to.deep.equal([
      "http://h:8000/metrics",
      "https://s/metrics",
      "http://t:8002/metrics",
      "http://[::1]:8002/metrics",
    ]);
  });
});
