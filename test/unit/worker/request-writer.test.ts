import type { Socket } from "node:net";
import { expect } from "chai";
import { type ReadyHead, RequestWriter, writeRequest } from "../../../services/worker/transport/request-writer.ts";

/** A socket whose kernel takes all at once, or nothing. */
function socketThat(takesAll: boolean): { socket: Socket; written: Buffer[]; corks: () => number } {
  const written: Buffer[] = [];
  let corks = 0;
  const socket = {
    write: (bytes: Buffer) => written.push(takesAll ? Buffer.from(bytes) : bytes),
    cork: () => corks++,
    uncork: () => {},
    get writableLength() {
      return takesAll ? 0 : 1;
    },
  };
  return { socket: socket as unknown as Socket, written, corks: () => corks };
}

describe("the writer of requests", () => {
  const writer = new RequestWriter([{ origin: "http://h:1", connectTimeoutMs: 1, isPooled: true }]);
  const headers = ["a", "b"];
  const ready = (own: string[] = []): ReadyHead => {
    const head = writer.headOf({ target: 0, path: "/", headers, ownHeaders: own, body: Buffer.from("xy") });
    if (typeof head === "string") throw new Error(head);
    return head;
  };

  it("does not write over what a socket still holds", () => {
    const { socket, written } = socketThat(false);
    writeRequest(socket, ready(), Buffer.from("xy"));
    const before = written[0]?.toString();
    writeRequest(socketThat(true).socket, ready(["c", "d"]), Buffer.from("zz"));
    expect(before).to.match(/\r\n\r\nxy$/);
    expect(written[0]?.toString()).to.equal(before);
  });

  it("writes small requests as one piece, and large ones as one head and one body together", () => {
    const { socket, written, corks } = socketThat(true);
    writeRequest(socket, ready(), Buffer.from("xy"));
    expect([written.length, corks()]).to.deep.equal([1, 0]);
    const large = Buffer.alloc(40_000, "z");
    writeRequest(socket, ready(), large);
    expect([written.length, corks()]).to.deep.equal([3, 1]);
    expect(written[2]?.equals(large)).to.equal(true);
  });

  it("reads headers that requests share once", () => {
    expect(ready().shared).to.equal(ready(["c", "d"]).shared);
    const other = writer.headOf({ target: 0, path: "/other", headers, body: Buffer.from("xy") });
    expect(typeof other === "string" ? other : other.shared.toString()).to.match(/^POST \/other HTTP\/1\.1\r\nhost: h:1\r\n/);
  });

  const wrong: { own: string[]; says: RegExp }[] = [
    { own: ["a b", "x"], says: /"a b" is no header name/ },
    { own: ["x", "a\nb"], says: /the value of x holds characters/ },
    { own: ["Connection", "close"], says: /the header Connection is the connection's own/ },
    { own: ["content-length", "2"], says: /the header content-length is the connection's own/ },
  ];
  for (const { own, says } of wrong) {
    it(`says why a request with ${JSON.stringify(own)} cannot be sent`, () => {
      expect(writer.headOf({ target: 0, path: "/", headers, ownHeaders: own, body: Buffer.from("") })).to.match(says);
    });
  }
});
