import { Code } from "@connectrpc/connect";
import { Metadata, status } from "@grpc/grpc-js";
import { expect } from "chai";
import fc from "fast-check";
import { AssayError, type ErrorCode } from "../../../../services/common/errors.ts";
import { abortErrorOf, connectErrorOf } from "../../../../services/common/rpc/connect-status.ts";
import {
  asAssayError,
  errorCodeOf,
  errorOfGrpcStatus,
  grpcCodeOf,
  grpcStatusOf,
} from "../../../../services/common/rpc/status.ts";

const CODES: readonly ErrorCode[] = [
  "invalid_argument",
  "not_found",
  "already_exists",
  "permission_denied",
  "unauthenticated",
  "failed_precondition",
  "resource_exhausted",
  "deadline_exceeded",
  "cancelled",
  "aborted",
  "unimplemented",
  "unavailable",
  "data_loss",
  "internal",
];

describe("the status of an error", () => {
  for (const code of CODES) {
    it(`has the number of ${code} in gRPC and in Connect, and comes back`, () => {
      const name = code === "cancelled" ? "CANCELLED" : code.toUpperCase();
      expect(grpcCodeOf(code)).to.equal(status[name as keyof typeof status]);
      const connectName = code.replace(/(?:^|_)(\w)/g, (_, letter: string) => letter.toUpperCase());
      const connectCode = connectErrorOf(new AssayError(code, "x")).code;
      expect(Code[connectCode]).to.equal(connectName === "Cancelled" ? "Canceled" : connectName);
      expect(errorCodeOf(grpcCodeOf(code))).to.equal(code);
    });
  }

  it("of a code that has no word here is internal, or the nearest", () => {
    expect(errorCodeOf(status.UNKNOWN)).to.equal("internal");
    expect(errorCodeOf(99)).to.equal("internal");
    expect(errorCodeOf(status.OUT_OF_RANGE)).to.equal("invalid_argument");
  });

  it("carries everything there and back", () => {
    const text = fc.string({ unit: "grapheme", maxLength: 40 });
    const violation = fc.record({ field: text, description: text });
    fc.assert(
      fc.property(
        fc.constantFrom(...CODES),
        text,
        text,
        fc.dictionary(
          text.filter((key) => key !== "__proto__"),
          text,
          { maxKeys: 5 },
        ),
        fc.array(violation, { maxLength: 5 }),
        (code, message, reason, metadata, violations) => {
          const error = new AssayError(code, message, { reason, metadata, violations });
          const back = errorOfGrpcStatus(grpcStatusOf(error), "calling X at Y");
          expect(back.code).to.equal(error.code);
          expect(back.message).to.equal(error.message);
          expect(back.reason).to.equal(error.reason);
          expect(Object.entries(back.metadata)).to.have.deep.members(Object.entries(error.metadata));
          expect(back.violations).to.deep.equal(error.violations);
        },
      ),
    );
  });

  it("fits into a trailer whatever it is made of", () => {
    const long = fc.string({ unit: "binary", maxLength: 20_000 });
    fc.assert(
      fc.property(
        long,
        fc.dictionary(long, long, { maxKeys: 3 }),
        fc.array(fc.record({ field: long, description: long })),
        (message, metadata, violations) => {
          const sent = grpcStatusOf(new AssayError("invalid_argument", message, { metadata, violations }));
          const [bytes] = sent.metadata.get("grpc-status-details-bin");
          expect((bytes?.length ?? 0) * (4 / 3) + encodeURI(sent.details).length).to.be.below(16_000);
        },
      ),
      { numRuns: 30 },
    );
  });

  it("is well-formed text, which a cut message may not be", () => {
    for (const message of ["bad \ud83d", `${"x".repeat(1023)}é and more`]) {
      const { details } = grpcStatusOf(new AssayError("internal", message));
      expect(() => encodeURI(details)).not.to.throw();
      expect(details.replace(/^bad /, "").replaceAll("x", "")).to.be.oneOf(["\ufffd", "…"]);
    }
  });

  it("of somebody else's error names the attempt, since the message was made on the way", () => {
    const error = errorOfGrpcStatus({ code: status.UNAVAILABLE, details: "no route" }, "calling X/Y at h:1");
    expect(error).to.include({ code: "unavailable", message: "calling X/Y at h:1: no route", reason: "UNAVAILABLE" });
  });

  it("survives details that cannot be read", () => {
    const metadata = new Metadata();
    metadata.set("grpc-status-details-bin", Buffer.from([255, 255, 255]));
    const error = errorOfGrpcStatus({ code: status.NOT_FOUND, details: "gone", metadata }, "calling X/Y at h:1");
    expect(error).to.include({ code: "not_found", message: "calling X/Y at h:1: gone" });
  });

  it("makes an internal error of anything thrown, and leaves an AssayError alone", () => {
    const own = new AssayError("aborted", "x");
    expect(asAssayError(own)).to.equal(own);
    expect(asAssayError("text")).to.include({ code: "internal", message: "text" });
    const thrown = new RangeError("bad");
    expect(asAssayError(thrown)).to.include({ code: "internal", message: "bad", cause: thrown });
  });

  it("tells a deadline from a cancellation where Connect aborts", () => {
    expect(abortErrorOf(connectErrorOf(new AssayError("deadline_exceeded", "late")))).to.include({ code: "deadline_exceeded" });
    expect(abortErrorOf(new Error("gone"))).to.include({ code: "cancelled" });
    expect(abortErrorOf(undefined)).to.include({ code: "cancelled" });
  });
});
