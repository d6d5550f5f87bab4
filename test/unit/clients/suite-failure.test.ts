import { expect } from "chai";
import { mayGoOn, outOfSight } from "../../../clients/cli/out-of-sight.ts";
import { suiteFailure } from "../../../clients/cli/suite-failure.ts";
import { suiteSilent } from "../../../clients/node/follow-run.ts";
import { AssayError, type ErrorCode } from "../../../services/common/errors.ts";

const where = "bench:7400";

describe("why a suite cannot be used", () => {
  const rows: readonly (readonly [ErrorCode, string, string])[] = [
    [
      "unavailable",
      "calling assay.controller.v1.SuiteService/GetSuite at bench:7400: certificate has expired",
      "bench:7400 cannot be reached: certificate has expired",
    ],
    [
      "unauthenticated",
      "calling assay.controller.v1.RunService/DriveRun: unknown bearer token",
      "bench:7400 does not know this token (--token-file, ASSAY_TOKEN)",
    ],
    [
      "unauthenticated",
      "calling assay.controller.v1.RunService/DriveRun needs the role operator: send a bearer token or a client certificate",
      "bench:7400 asks for a token (--token-file, ASSAY_TOKEN) or a certificate (--tls-cert, --tls-key)",
    ],
    [
      "permission_denied",
      "calling assay.controller.v1.RunService/DriveRun needs the role operator, which this token does not give",
      "this needs the role operator, which this token does not give",
    ],
    ["not_found", "there is no run nobody", "there is no run nobody"],
    [
      "unavailable",
      "calling grpc.health.v1.Health/List at bench:7400: Failed to connect",
      "bench:7400 cannot be reached: it has cut the connection; does it speak TLS (--tls-ca, --tls)?",
    ],
    [
      "unavailable",
      "calling grpc.health.v1.Health/List at bench:7400: tlsv13 alert certificate required",
      "bench:7400 cannot be reached: it asks for a certificate (--tls-cert, --tls-key)",
    ],
    [
      "unavailable",
      "calling grpc.health.v1.Health/List at bench:7400: self-signed certificate in certificate chain",
      "bench:7400 cannot be reached: self-signed certificate in certificate chain (--tls-ca names the authority of its certificate)",
    ],
    [
      "internal",
      "calling grpc.health.v1.Health/List at bench:7400: Protocol error",
      "bench:7400 cannot be reached: what listens there is no suite",
    ],
  ];
  for (const [code, message, line] of rows) {
    it(`is said in one line: ${line}`, () => {
      expect(suiteFailure(new AssayError(code, message), { controller: where })).to.equal(line);
    });
  }

  it("is said with how a run is met again, where the suite was silent for too long", () => {
    const cause = "calling assay.controller.v1.RunService/DriveRun at bench:7400: no answer within 10 s";
    const silent = new AssayError("unavailable", `the suite has not answered for 61 s: ${cause}`, { reason: suiteSilent });
    const { message } = outOfSight(silent, "r1", { controller: where, tlsCa: "my ca.crt", tokenFile: "ann.token" });
    expect(message).to.equal(
      "bench:7400 has not answered for 61 s: no answer within 10 s; run r1 may go on: " +
        "assay watch r1 --controller bench:7400 --tls-ca 'my ca.crt' --token-file ann.token",
    );
    const other = new AssayError("not_found", "there is no run r1");
    expect(outOfSight(other, "r1", {})).to.equal(other);
    expect(mayGoOn("r1", { tls: true, insecure: true })).to.equal("run r1 may go on: assay watch r1 --tls --insecure");
  });
});
