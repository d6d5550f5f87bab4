/** Commands of AIPerf that assay does not have, and the nearest thing that there is. They are refused by name. Pure. */

const instead: Readonly<Record<string, string>> = {
  chat: "assay send asks once, and shows the timeline of the answer",
  plot: "nothing is plotted; profile_export_aiperf.csv and --slice-duration of a run have the figures",
  analyze: "assay runs records RUN prints what was measured of each request",
  "analyze-trace": "assay dataset show FILE tells of lengths and of what prompts share",
  "config init": "assay config show prints a file for --config",
  "config expand": "assay config show -f FILE prints what a file comes to",
  "config validate": "assay config show -f FILE tells what is wrong with a file",
  synthesize: "assay run makes synthetic prompts, and --synthesis-… changes a trace",
  validate: "assay dataset show FILE tells what is wrong with a file",
  plugins: "assay run --help lists the endpoint types, docs/extending.md says how to add to them",
  service: "assay serve runs one service or several",
  kube: "assay serve on each host makes a suite of many",
  proxy: "assay serve has everybody reach the others by its --host and --port",
  "speed-bench-report": "assay runs summary RUN --json has the figures of a run",
  "--install-completion": "assay completion SHELL prints a script for it",
};

/** What is said of a command line that begins with one of them; undefined: it does not. */
export function aiperfCommandHint([first = "", second = ""]: readonly string[]): string | undefined {
  const name = [`${first} ${second}`, first].find((words) => Object.hasOwn(instead, words));
  return name === undefined ? undefined : `${name}: a command of AIPerf that assay does not have: ${instead[name]}`;
}
