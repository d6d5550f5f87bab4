import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { hintAtDoctor } from "../../../clients/cli/doctor-hint.ts";
import { readFloor } from "../../../services/common/floor-store.ts";
import { doctor } from "../../../services/doctor.ts";
import { FakeTerminal } from "./fake-terminal.ts";

const entry = join(import.meta.dirname, "mock-entry.ts");

describe("the hint at the doctor", () => {
  const said = (env: Record<string, string>, isErrTty = true): string => {
    const terminal = new FakeTerminal({ env, isErrTty });
    hintAtDoctor({ env: terminal.env, isErrTty, err: (text) => terminal.err(text) });
    return terminal.stderr;
  };

  it("comes once, to a terminal, and not where it cannot be remembered", () => {
    const folder = mkdtempSync(join(tmpdir(), "assay-hint-"));
    try {
      const env = { XDG_DATA_HOME: folder };
      expect(said(env, false)).to.equal("");
      expect(said(env)).to.match(/^hint: assay doctor measures/);
      expect(said(env)).to.equal("");
      writeFileSync(join(folder, "file"), "");
      expect(said({ XDG_DATA_HOME: join(folder, "file") })).to.equal("");
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

describe("assay doctor", function () {
  this.timeout(30_000);
  let runsDir: string;
  beforeEach(() => {
    runsDir = mkdtempSync(join(tmpdir(), "assay-doctor-"));
  });
  afterEach(() => rmSync(runsDir, { recursive: true, force: true }));

  const asked = (terminal: FakeTerminal, options: { json?: boolean } = {}) => ({
    ...{ options, terminal, origins: new Map(), operands: [], name: "assay doctor", argv: [] },
  });
  const terminalOf = () => new FakeTerminal({ env: { ASSAY_RUNS_DIR: runsDir }, isErrTty: true });

  it("measures every part, shows it and keeps it for later runs", async () => {
    const terminal = terminalOf();
    expect(await doctor(asked(terminal, { json: true }), { command: [process.execPath, entry], share: 0.2 })).to.equal(0);
    const shown = JSON.parse(terminal.stdout);
    for (const spread of [shown.pacing.normal, shown.pacing.precise, shown.stamps, shown.timers]) {
      expect(spread.count).to.be.greaterThan(0);
      expect(spread.p99_ms).to.be.at.least(spread.p50_ms);
    }
    for (const pacing of [shown.pacing.normal, shown.pacing.precise]) expect(pacing.p50_ms).to.be.at.least(0);
    expect(shown.requests_per_sec).to.be.greaterThan(0);
    expect(shown.chunks_per_sec).to.be.greaterThan(0);
    expect(shown.connections.at_once).to.be.within(1, shown.connections.tried);
    expect(shown.clock.reading_ns).to.be.greaterThan(0);
    const kept = readFloor(runsDir);
    expect(kept?.pacing.precise.p99Ms).to.equal(shown.pacing.precise.p99_ms);
    expect(terminal.isTakingSignals).to.equal(false);
  });

  it("ends with everything that it started by a Ctrl-C", async () => {
    const terminal = terminalOf();
    const ended = doctor(asked(terminal), { command: [process.execPath, entry] });
    await terminal.seen("measuring requests per second");
    terminal.press();
    expect(await ended).to.equal(130);
    expect(terminal.stdout).to.equal("");
    expect(readFloor(runsDir)).to.equal(undefined);
  });

  it("says why it cannot measure", async () => {
    const terminal = terminalOf();
    const missing = join(runsDir, "nothing.mjs");
    expect(await doctor(asked(terminal), { command: [process.execPath, missing], share: 0.05 })).to.equal(1);
    expect(terminal.stderr).to.match(
      /assay doctor: the machine cannot be measured: the built-in server did not start: exit code 1/,
    );
  });
});
