import { expect } from "chai";
import { probedTargets } from "../../../../services/worker-manager/core/probed-target.ts";

describe("targets of a latency probe", () => {
  it("are each host and port of the URLs once, with the scheme's own port where none is named", () => {
    const urls = [
      "http://a:8000/v1",
      "http://a:8000/other",
      "b",
      "https://c/x",
      "grpc://d:8001",
      "grpcs://d:8001",
      "http://[::1]:9000",
    ];
    expect(probedTargets(urls)).to.deep.equal([
      { name: "a:8000", host: "a", port: 8000 },
      { name: "b:80", host: "b", port: 80 },
      { name: "c:443", host: "c", port: 443 },
      { name: "d:8001", host: "d", port: 8001 },
      { name: "[::1]:9000", host: "::1", port: 9000 },
    ]);
  });

  it("are none on a Unix socket, and none of what is no URL", () => {
    expect(probedTargets(["unix:/run/s.sock", "http+unix://%2Frun%2Fs.sock/v1", "ftp://x"])).to.deep.equal([]);
  });
});
