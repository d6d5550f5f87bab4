import { readFileSync } from "node:fs";
import { status } from "@grpc/grpc-js";
import { expect } from "chai";
import { grpcError } from "../../../endpoints/grpc-status.ts";

describe("the status of a call", () => {
  const page = readFileSync(new URL("../../../docs/errors.md", import.meta.url), "utf8");

  for (const [name, code] of Object.entries(status).filter(([, code]) => typeof code === "number" && code > 0)) {
    it(`${name} is a code of its own, which docs/errors.md has`, () => {
      const error = grpcError(String(code), "", "wait");
      expect(error).to.deep.equal({ code: `grpc_${name.toLowerCase()}`, phase: "wait", message: `grpc status ${code}` });
      expect(page).to.contain(`\`grpc_${name.toLowerCase()}\``);
    });
  }

  it("is no error where it is OK, and unknown where it is none of gRPC's", () => {
    expect(grpcError("0", "fine", "stream")).to.equal(undefined);
    for (const odd of ["17", "-1", "", "x"]) expect(grpcError(odd, "", "stream")?.code, odd).to.equal("grpc_unknown");
  });

  it("has the server's words, their bytes decoded, what is malformed as it came, and cut to 1 KiB", () => {
    const said = (words: string) => grpcError("5", words, "wait")?.message;
    expect(said("no %C3%BC 100%25, 5% of %E2")).to.equal("grpc status 5: no ü 100%, 5% of \ufffd");
    expect(Buffer.byteLength(said("%C3%BC".repeat(2000)) ?? "")).to.be.at.most(1024);
  });

  it("is a prompt that is too long where the words say so", () => {
    expect(grpcError("3", "prompt is too long", "wait")?.code).to.equal("context_overflow");
  });
});
