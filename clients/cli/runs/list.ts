/** `assay runs list`. */
import type { Run } from "../../../gen/assay/controller/v1/controller_pb.js";
import { createPaint } from "../../../report/paint.ts";
import { tableLines } from "../../../report/table.ts";
import { harmless } from "../../../report/text.ts";
import type { Asked } from "../asked.ts";
import { exitCodes } from "../exit-codes.ts";
import type { runsListFlags } from "./flags.ts";
import { runJson, stateOf, wallTimeOf } from "./run-view.ts";
import { withSuite } from "./session.ts";

const defaultLimit = 20;

export async function runsList(asked: Asked<typeof runsListFlags>): Promise<number> {
  const { options, terminal } = asked;
  return withSuite(asked, async ({ client }) => {
    const runs: Run[] = [];
    for await (const run of client.listRuns(options.limit ?? defaultLimit)) runs.push(run);
    if (options.json) terminal.out(`${JSON.stringify(runs.map(runJson), null, 2)}\n`);
    else if (runs.length === 0) terminal.err("no runs yet\n");
    else terminal.out(runLines(runs, terminal.width, terminal.hasColour).join(""));
    return exitCodes.ok;
  });
}

function runLines(runs: readonly Run[], width: number, hasColour: boolean): string[] {
  const paint = createPaint(hasColour);
  const table = {
    title: "Runs",
    columns: [
      { header: "Run", align: "left" },
      { header: "State", align: "left" },
      { header: "Created", align: "left", dropRank: 0 },
      { header: "Name", align: "left", minWidth: 12, dropRank: 1 },
      { header: "Folder", align: "left", minWidth: 20, dropRank: 2 },
    ],
    rows: runs.map((run) => [
      run.runId,
      stateOf(run),
      wallTimeOf(run.createTime) ?? "",
      harmless(run.name),
      harmless(run.folder),
    ]),
  } as const;
  const colours = { completed: paint.green, failed: paint.red, cancelled: paint.yellow } as const;
  const lines = tableLines(table, Math.max(80, width), {
    title: paint.bold,
    header: paint.bold,
    cell: (text, column) => (column === 1 && text in colours ? colours[text as keyof typeof colours](text) : text),
  });
  return lines.map((line) => `${line}\n`);
}
