/** The texts of `--help`, made from the tables of flags. */
import { type ExitCodeName, exitCodes, exitMeanings } from "./exit-codes.ts";
import { type Flag, type FlagTable, flagGroups, healthFlags, runFlags, sendFlags } from "./flags.ts";

export const overview = `assay: measures how fast an inference server is, and says how far its figures can be trusted

  assay run [options]      run a benchmark (assay profile is the same)
  assay send [options]     send one request and show its timeline
  assay mock [options]     the built-in server, to try things out against
  assay serve [options]    services of a suite that stays
  assay health [options]   whether a suite is there and serving
  assay recover FOLDER     finish a run whose processes were all killed, from its file
  assay --version          the version

assay COMMAND --help lists the options of a command. To see it work: assay run --mock
`;

/** `width`: columns of the terminal. */
export function runHelp(width: number): string {
  return [
    "assay run [options]: sends requests to a server and measures its answers",
    ...flagGroups.flatMap((group) => ["", group, ...flagLines(runFlags, group, width)]),
    "",
    "Without --request-rate the load is a number of requests at once; with it, requests start by the clock.",
    "",
    "Examples",
    "  assay run --mock",
    "  assay run -m Qwen/Qwen3-0.6B -u localhost:8000 --streaming --concurrency 16 --request-count 200 --isl 512 --osl 128",
    "  assay run -m my-model --streaming --request-rate 20 --arrival-pattern constant --benchmark-duration 60",
    "  assay run -m my-model --concurrency 64 --json --quiet | jq '.phases[0].metrics.request_latency.p99'",
    "",
    ...wrapped(`Exit codes: ${exitLines(["ok", "failed", "usage", "unmet", "tooManyFailed", "interrupted"])}`, width),
    "",
  ].join("\n");
}

export function sendHelp(width: number): string {
  const groups = flagGroups.filter((group) => group === "Suite" || Object.values(sendFlags).some((flag) => flag.group === group));
  return [
    "assay send [options]: sends one request and shows its timeline, its answer and what went wrong",
    ...groups.flatMap((group) => ["", group, ...flagLines(sendFlags, group, width)]),
    "",
    "Examples",
    "  assay send -m my-model -u localhost:8000 --streaming --prompt 'Why is the sky blue?' --osl 64",
    "  cat question.txt | assay send -m my-model --prompt - --json | jq .timeline",
    "",
    ...wrapped(
      `Exit codes: ${exitCodes.ok} the request succeeded · ${exitCodes.failed} it failed · ` +
        `${exitCodes.usage} ${exitMeanings.usage} · ${exitCodes.interrupted} ${exitMeanings.interrupted}`,
      width,
    ),
    "",
  ].join("\n");
}

export function healthHelp(width: number): string {
  return [
    "assay health [options]: asks a suite which of its services serve, within 3 s",
    "",
    ...flagLines(healthFlags, "Suite", width),
    "",
    `Exit codes: ${exitCodes.ok} all SERVING · ${exitCodes.failed} not, or no answer · ${exitCodes.usage} wrong options`,
    "",
  ].join("\n");
}

function exitLines(names: readonly ExitCodeName[]): string {
  return names.map((name) => `${exitCodes[name]} ${exitMeanings[name]}`).join(" · ");
}

const columnOfDocs = 34;

function flagLines(table: FlagTable, group: Flag["group"], width: number): string[] {
  const rows = Object.values(table).filter((flag) => flag.group === group);
  return [...rows, ...(group === "Suite" ? [helpFlag] : [])].flatMap((flag) => {
    const negation = flag.kind.is === "switch" ? flag.kind.negation : undefined;
    const spellings = [...(flag.aliases ?? []).filter((alias) => !alias.startsWith("--")), flag.flag];
    const others = [
      ...(flag.aliases ?? []).filter((alias) => alias.startsWith("--")),
      ...(negation === undefined ? [] : [negation]),
    ];
    const usage = `  ${spellings.join(", ")}${flag.value === undefined ? "" : ` ${flag.value}`}`;
    const doc = others.length === 0 ? flag.doc : `${flag.doc}; also ${others.join(", ")}`;
    const lines = wrapped(doc, Math.max(30, Math.min(width, 120) - columnOfDocs));
    const head = usage.length < columnOfDocs - 1 ? [usage.padEnd(columnOfDocs) + (lines.shift() ?? "")] : [usage];
    return [...head, ...lines.map((line) => " ".repeat(columnOfDocs) + line)];
  });
}

const helpFlag: Flag = { flag: "--help", aliases: ["-h"], kind: { is: "switch" }, group: "Suite", doc: "this text" };

function wrapped(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === "" ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}
