import { X509Certificate } from "node:crypto";
import { expect } from "chai";
import * as der from "../../../clients/cli/certs/der.ts";
import { problemsOfCerts, wantedCertificates } from "../../../clients/cli/certs/requests.ts";
import { createAuthority, issueCertificate, readAuthority } from "../../../clients/cli/certs/x509.ts";

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

describe("DER", () => {
  // By the encodings that X.690 and RFC 5280 give as examples, or as openssl asn1parse reads them.
  const rows: readonly (readonly [string, Uint8Array, string])[] = [
    ["an integer below 128", der.unsignedInteger(Uint8Array.of(2)), "020102"],
    ["an integer whose highest bit is no sign", der.unsignedInteger(Uint8Array.of(0, 0, 0x80)), "02020080"],
    ["zero", der.unsignedInteger(Uint8Array.of(0)), "020100"],
    ["an identifier with an arc of two bytes", der.objectId("1.2.840.113549.1.1.11"), "06092a864886f70d01010b"],
    ["the identifier of subjectAltName", der.objectId("2.5.29.17"), "0603551d11"],
    ["keyCertSign and cRLSign", der.namedBits([5, 6]), "03020106"],
    ["digitalSignature", der.namedBits([0]), "03020780"],
    ["a bit of the second byte", der.namedBits([8]), "0303070080"],
    ["a time of 2049", der.time(Date.UTC(2049, 11, 31, 23, 59, 59)), "170d3439313233313233353935395a"],
    ["a time of 2050", der.time(Date.UTC(2050, 0, 1)), "180f32303530303130313030303030305a"],
    ["true", der.boolean(true), "0101ff"],
    ["whole bytes of bits", der.bitString(Uint8Array.of(1, 2)), "0303000102"],
    ["a length of one byte", der.octetString(new Uint8Array(127)).subarray(0, 2), "047f"],
    ["a length of two bytes", der.octetString(new Uint8Array(128)).subarray(0, 3), "048180"],
    ["a length of three bytes", der.octetString(new Uint8Array(256)).subarray(0, 4), "04820100"],
  ];
  for (const [what, bytes, expected] of rows) it(`writes ${what}`, () => expect(hex(bytes)).to.equal(expected));

  it("finds the parts of what it wrote, of any length", () => {
    const parts = [der.nothing(), der.octetString(new Uint8Array(300)), der.sequence(der.boolean(false))];
    expect(der.partsOf(der.sequence(...parts)).map(hex)).to.deep.equal(parts.map(hex));
    expect(der.contentOf(der.octetString(Uint8Array.of(7)))).to.deep.equal(Buffer.of(7));
  });

  it("reads nothing of what is cut off", () => {
    expect(() => der.partsOf(der.octetString(new Uint8Array(300)).subarray(0, 200))).to.throw(RangeError);
    expect(() => der.partsOf(Uint8Array.of(0x30, 0x85, 1, 1, 1, 1, 1))).to.throw(RangeError);
  });
});

describe("a certificate", () => {
  const fromMs = Date.UTC(2026, 0, 1);
  const untilMs = Date.UTC(2060, 5, 1);
  const made = createAuthority("An authority", { fromMs, untilMs });
  const authority = readAuthority(made.cert, made.key);
  const issue = (hosts: readonly string[], uris: readonly string[] = []) =>
    new X509Certificate(issueCertificate(authority, { commonName: "host", hosts, uris, uses: ["server"], fromMs, untilMs }).cert);

  it("names hosts, addresses and roles", () => {
    const found = issue(["a.example", "10.0.0.1", "::1", "fe80::a:0:1", "::ffff:1.2.3.4"], ["assay:role:viewer"]);
    expect(found.subjectAltName?.split(", ")).to.deep.equal([
      "DNS:a.example",
      "IP Address:10.0.0.1",
      "IP Address:0:0:0:0:0:0:0:1",
      "IP Address:FE80:0:0:0:0:A:0:1",
      "IP Address:0:0:0:0:0:FFFF:102:304",
      "URI:assay:role:viewer",
    ]);
  });

  it("is of its authority, and of no other with the same name", () => {
    const other = createAuthority("An authority", { fromMs, untilMs });
    const found = issue(["localhost"]);
    expect(found.checkIssued(new X509Certificate(authority.cert))).to.equal(true);
    expect(found.verify(new X509Certificate(authority.cert).publicKey)).to.equal(true);
    expect(found.verify(new X509Certificate(other.cert).publicKey)).to.equal(false);
    expect(found.checkIssued(new X509Certificate(other.cert)), "its key is called otherwise").to.equal(false);
    expect(found.ca).to.equal(false);
  });

  it("is none of an authority, and an authority's makes none of further authorities", () => {
    // basicConstraints, critical: empty; and CA with a path of no further ones.
    expect(hex(issue(["localhost"]).raw)).to.include("0603551d130101ff04023000");
    expect(hex(new X509Certificate(authority.cert).raw)).to.include("0603551d130101ff040830060101ff020100");
  });

  it("holds from and until when it was asked to, with a serial number of its own", () => {
    const [one, other] = [issue(["localhost"]), issue(["localhost"])];
    expect([Date.parse(one.validFrom), Date.parse(one.validTo)]).to.deep.equal([fromMs, untilMs]);
    expect(one.serialNumber)
      .to.match(/^[4-7][0-9A-F]{31}$/)
      .and.not.equal(other.serialNumber);
  });

  it("is not signed by what is no authority, or with another's key", () => {
    const leaf = issueCertificate(authority, { commonName: "a", hosts: ["a"], uris: [], uses: ["client"], fromMs, untilMs });
    const other = createAuthority("Another", { fromMs, untilMs });
    expect(() => readAuthority(leaf.cert, leaf.key)).to.throw("no certificate of an authority");
    expect(() => readAuthority(authority.cert, other.key)).to.throw("do not belong together");
    expect(() => readAuthority("nothing", other.key)).to.throw();
  });
});

describe("what assay certs is asked for", () => {
  const asked = (options: Parameters<typeof problemsOfCerts>[0]["options"]) => ({ options, origins: new Map() });

  it("is certificates of processes, which are members, and of clients, which listen nowhere", () => {
    const wanted = wantedCertificates(
      asked({ server: ["a", "10.0.0.1"], member: ["b", "c=d,10.0.0.2"], client: ["ann:operator"] }),
    );
    const loopback = ["localhost", "127.0.0.1", "::1"];
    expect(wanted.map(({ name, hosts, uris, uses }) => ({ name, hosts, uris, uses }))).to.deep.equal([
      { name: "server", hosts: ["a", "10.0.0.1", ...loopback], uris: ["assay:role:member"], uses: ["server", "client"] },
      { name: "b", hosts: ["b", ...loopback], uris: ["assay:role:member"], uses: ["server", "client"] },
      { name: "c", hosts: ["d", "10.0.0.2", ...loopback], uris: ["assay:role:member"], uses: ["server", "client"] },
      { name: "ann", hosts: [], uris: ["assay:role:operator"], uses: ["client"] },
    ]);
  });

  const wrong: readonly (readonly [string, Parameters<typeof asked>[0], string])[] = [
    ["a host with a port", { server: ["a:443"] }, "--server a:443: expected a host name"],
    ["a host that is empty", { member: ["a="] }, "--member a=: expected NAME"],
    ["a member that would be another folder's", { member: ["../a"] }, "--member ../a: expected NAME"],
    ["a name of the authority", { client: ["ca:viewer"] }, "is not ca"],
    [
      "a role that there is not",
      { client: ["ann:boss"] },
      "--client ann:boss: expected NAME:ROLE, of the roles viewer, operator",
    ],
    ["a client that would be a member", { client: ["ann:member"] }, "--client ann:member: expected NAME:ROLE"],
    ["a client without a role", { client: ["ann"] }, "--client ann: expected NAME:ROLE"],
    ["a name too long for a certificate", { client: [`${"a".repeat(65)}:viewer`] }, "at most 64"],
    ["one name twice", { member: ["server"], server: ["a"] }, "server: asked for more than once"],
  ];
  for (const [what, options, expected] of wrong) {
    it(`is not ${what}`, () => expect(problemsOfCerts(asked(options)).join("\n")).to.include(expected));
  }
});
