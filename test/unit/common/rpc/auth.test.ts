import { expect } from "chai";
import fc from "fast-check";
import { AssayError } from "../../../../services/common/errors.ts";
import {
  type CallerFacts,
  createAuthorizer,
  isLoopbackAddress,
  rolesOfCertificate,
  satisfies,
} from "../../../../services/common/rpc/auth.ts";
import {
  type ImplementedMethod,
  implement,
  implementOpenOnLoopback,
  type Role,
} from "../../../../services/common/rpc/handler.ts";
import { EchoService } from "../../../support/gen/assay/testing/v1/echo_service_pb.js";

const handlers = {
  echo: () => ({}),
  async *repeat() {},
  collect: async () => ({}),
  async *talk() {},
};

function methodFor(role: Role | readonly Role[], isOpenOnLoopback = false): ImplementedMethod {
  const make = isOpenOnLoopback ? implementOpenOnLoopback : implement;
  const method = make(EchoService, { role, handlers }).methods.get("echo");
  if (method === undefined) throw new Error("no echo");
  return method;
}

const facts = (more: Partial<CallerFacts> = {}): CallerFacts => ({ remoteAddress: "10.0.0.7", remotePort: 4321, ...more });
const bearer = (token: string) => facts({ authorization: `Bearer ${token}` });

function codeOf(attempt: () => unknown): string {
  try {
    attempt();
    return "ok";
  } catch (error) {
    return error instanceof AssayError ? error.code : String(error);
  }
}

describe("the authorizer", () => {
  const authorizer = createAuthorizer({ tokens: { v: "viewer", o: "operator", m: "member", both: ["operator", "member"] } });

  const rows: [held: string, needed: Role | readonly Role[], outcome: string][] = [
    ["v", "viewer", "ok"],
    ["v", "operator", "permission_denied"],
    ["v", "member", "permission_denied"],
    ["o", "viewer", "ok"],
    ["o", "operator", "ok"],
    ["o", "member", "permission_denied"],
    ["m", "viewer", "permission_denied"],
    ["m", "operator", "permission_denied"],
    ["m", "member", "ok"],
    ["m", ["viewer", "member"], "ok"],
    ["both", "viewer", "ok"],
    ["both", "member", "ok"],
    ["x", "viewer", "unauthenticated"],
  ];
  for (const [held, needed, outcome] of rows) {
    it(`answers ${outcome} to the token "${held}" where ${needed} is needed`, () => {
      expect(codeOf(() => authorizer.admit(bearer(held), methodFor(needed)))).to.equal(outcome);
    });
  }

  it("tells who calls what and what is missing", () => {
    expect(() => authorizer.admit(bearer("v"), methodFor(["operator", "member"]))).to.throw(
      "calling assay.testing.v1.EchoService/Echo needs the role operator or member, which this token does not give",
    );
    expect(() => authorizer.admit(facts(), methodFor("viewer"))).to.throw("send a bearer token or a client certificate");
  });

  it("needs a token on this host too", () => {
    const local = facts({ remoteAddress: "127.0.0.1" });
    expect(codeOf(() => authorizer.admit(local, methodFor("viewer")))).to.equal("unauthenticated");
  });

  it("opens health and reflection to this host only", () => {
    const open = methodFor(["viewer", "operator", "member"], true);
    expect(codeOf(() => authorizer.admit(facts({ remoteAddress: "::1" }), open))).to.equal("ok");
    expect(codeOf(() => authorizer.admit(facts(), open))).to.equal("unauthenticated");
    expect(codeOf(() => authorizer.admit(bearer("m"), open))).to.equal("ok");
  });

  it("gives everybody every role where it is off", () => {
    const { roles, peer } = createAuthorizer({ insecure: true }).admit(facts(), methodFor("member"));
    expect(roles).to.have.members(["viewer", "operator", "member"]);
    expect(peer).to.deep.equal({ address: "10.0.0.7:4321", isLoopback: false, identity: { kind: "anonymous" } });
  });

  it("joins the roles of a certificate and of a token", () => {
    const certificate = { subject: { CN: "anna" }, subjectaltname: "URI:assay:role:viewer", fingerprint256: "AB" };
    const { roles, peer } = authorizer.admit({ ...bearer("m"), certificate }, methodFor("member"));
    expect(roles).to.have.members(["viewer", "member"]);
    expect(peer.identity).to.deep.equal({ kind: "certificate", name: "anna", fingerprint256: "AB" });
    expect(codeOf(() => authorizer.admit({ ...bearer("wrong"), certificate }, methodFor("viewer")))).to.equal("unauthenticated");
  });

  it("reads the bearer scheme and nothing else", () => {
    for (const authorization of ["bearer v", "BEARER  v "]) authorizer.admit(facts({ authorization }), methodFor("viewer"));
    for (const authorization of ["v", "Basic v", "Bearer", "Bearer v v", "xBearer v", ""]) {
      expect(
        codeOf(() => authorizer.admit(facts({ authorization }), methodFor("viewer"))),
        authorization,
      ).to.equal("unauthenticated");
    }
  });

  it("knows no token but those in its table", () => {
    fc.assert(
      fc.property(fc.string(), (token) => {
        fc.pre(!["v", "o", "m", "both"].includes(token.trim()));
        expect(codeOf(() => authorizer.admit(bearer(token), methodFor("viewer")))).to.equal("unauthenticated");
      }),
    );
  });

  it("refuses an empty token in its table", () => {
    expect(() => createAuthorizer({ tokens: { "": "viewer" } })).to.throw("must not be empty");
  });
});

describe("roles of a certificate", () => {
  const rows: [string | undefined, Role[]][] = [
    [undefined, []],
    ["", []],
    ["URI:assay:role:operator", ["operator"]],
    ["DNS:host, URI:assay:role:viewer, URI:assay:role:member", ["viewer", "member"]],
    ['URI:"assay:role:viewer\\u002c URI:assay:role:operator"', []],
    ["URI:assay:role:operators", []],
    ["URI:assay:role:", []],
    ["DNS:assay:role:operator", []],
    ["URI:x URI:assay:role:operator", []],
  ];
  for (const [names, roles] of rows) {
    it(`are ${roles.join(" and ") || "none"} for ${names}`, () => expect(rolesOfCertificate(names)).to.deep.equal(roles));
  }
});

it("nothing satisfies a method that nobody may call", () => {
  expect(satisfies(["viewer", "operator", "member"], [])).to.equal(false);
});

describe("loopback", () => {
  const rows: [string, boolean][] = [
    ["127.0.0.1", true],
    ["127.8.9.10", true],
    ["::1", true],
    ["::ffff:127.0.0.1", true],
    ["10.0.0.1", false],
    ["127.0.0.1.example", false],
    ["1127.0.0.1", false],
    ["", false],
    ["::", false],
    ["0.0.0.0", false],
  ];
  for (const [address, expected] of rows) {
    it(`${expected ? "is" : "is not"} ${address || "an unknown address"}`, () =>
      expect(isLoopbackAddress(address)).to.equal(expected));
  }
});
