import { create } from "@bufbuild/protobuf";
import { expect } from "chai";
import { followed, suiteSilent, type WatchedRun } from "../../../clients/node/follow-run.ts";
import { RunEventSchema, RunSchema, RunState } from "../../../gen/assay/controller/v1/controller_pb.js";
import { AssayError } from "../../../services/common/errors.ts";

const kinds = ["a", "b", "c", "d"];
const events = kinds.map((kind) => create(RunEventSchema, { kind }));
const running = create(RunSchema, { state: RunState.RUNNING });
const ended = create(RunSchema, { state: RunState.COMPLETED, endTime: {} });

/** One stream after the other: each tells its messages, all but the last one breaks then. */
function streams(...told: readonly (readonly WatchedRun[])[]): () => AsyncIterable<WatchedRun> {
  let dial = 0;
  return async function* () {
    const index = dial++;
    yield* told[index] ?? [];
    if (index < told.length - 1) throw new AssayError("unavailable", "cut");
  };
}

async function toldKinds(open: () => AsyncIterable<WatchedRun>): Promise<string[]> {
  const found: string[] = [];
  const { signal } = new AbortController();
  for await (const { events: told } of followed(open, { signal })) found.push(...told.map(({ kind }) => kind));
  return found;
}

describe("following a run", () => {
  it("tells every event once, though each stream begins with all so far", async () => {
    const open = streams(
      [
        { run: running, events: events.slice(0, 1) },
        { run: running, events: events.slice(1, 3) },
      ],
      [{ run: running, events: events.slice(0, 2) }],
      [
        { run: running, events: events.slice(0, 3) },
        { run: ended, events: events.slice(3) },
      ],
    );
    expect(await toldKinds(open)).to.deep.equal(kinds);
  });

  it("says once that a stream broke, and again when another one has told something", async () => {
    const open = streams([{ run: running, events: [] }], [], [], [{ run: running, events: [] }], [{ run: ended, events: [] }]);
    const broken: string[] = [];
    const { signal } = new AbortController();
    for await (const _ of followed(open, { signal, onBroken: ({ message }) => broken.push(message) }));
    expect(broken).to.deep.equal(["cut", "cut"]);
  });

  it("ends with what was wrong last when nothing is heard for too long", async () => {
    const open = streams([{ run: running, events: [] }], [], [], [], [], []);
    const { signal } = new AbortController();
    let failure: unknown;
    try {
      for await (const _ of followed(open, { signal, silenceMs: 50 }));
    } catch (error) {
      failure = error;
    }
    expect(failure).to.be.instanceOf(AssayError).and.include({ reason: suiteSilent, code: "unavailable" });
    expect(failure).to.have.property("message", "the suite has not answered for 0 s: cut");
  });

  it("tells what happened while there was no stream", async () => {
    const open = streams([{ run: running, events: events.slice(0, 1) }], [{ run: ended, events }]);
    expect(await toldKinds(open)).to.deep.equal(kinds);
  });
});
