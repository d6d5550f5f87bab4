/** The checks of a run as a JUnit XML report, which CI systems read. Pure. */
import { type Run, RunState } from "../../gen/assay/controller/v1/controller_pb.js";
import type { Check } from "./checks.ts";

/** One suite, named after the run; its first case is that the run completed, the others are `checks`. */
export function junitXml(run: Run, checks: readonly Check[]): string {
  const isCompleted = run.state === RunState.COMPLETED;
  const state = (RunState[run.state] ?? "unknown").toLowerCase();
  const reason = run.reason === "" ? "" : `: ${run.reason}`;
  const cases = [
    { name: "the run completes", problem: isCompleted ? undefined : `the run is ${state}${reason}` },
    ...(isCompleted ? checks : []),
  ];
  const failures = cases.filter(({ problem }) => problem !== undefined).length;
  const suite = attributes({ name: run.spec?.name || run.runId, tests: cases.length, failures, errors: 0 });
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites${attributes({ tests: cases.length, failures, errors: 0 })}>`,
    `  <testsuite${suite}>`,
    ...cases.flatMap(({ name, problem }) => caseLines(attributes({ classname: "assay", name }), problem)),
    "  </testsuite>",
    "</testsuites>",
    "",
  ].join("\n");
}

function caseLines(head: string, problem: string | undefined): string[] {
  if (problem === undefined) return [`    <testcase${head}/>`];
  return [`    <testcase${head}>`, `      <failure${attributes({ message: problem })}/>`, "    </testcase>"];
}

function attributes(values: Readonly<Record<string, string | number>>): string {
  return Object.entries(values)
    .map(([name, value]) => ` ${name}="${escaped(String(value))}"`)
    .join("");
}

/** Characters that XML has no place for are replaced. */
function escaped(text: string): string {
  return text
    .replaceAll(/\p{Cc}|[\ufffe\uffff]|\p{Cs}/gu, "\ufffd")
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}
