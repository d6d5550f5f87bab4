/** What the options of `assay send` mean together. Pure. */
import type { GivenOptions } from "./asked.ts";
import { sendFlags } from "./flags.ts";

/** What is wrong between options, one line each. What the environment gives and this command has no use for is no mistake. */
export function problemsOfSend({ origins }: GivenOptions<typeof sendFlags>): string[] {
  const problems: string[] = [];
  const isArgument = (name: keyof typeof sendFlags): boolean => origins.get(name) === "argument";
  if (!origins.has("models")) problems.push("--model: expected the name of the model to ask for");
  if (isArgument("prompt") && isArgument("isl")) {
    problems.push(`${sendFlags.prompt.flag}: not together with ${sendFlags.isl.flag}`);
  }
  for (const name of ["tokenFile", "tls", "tlsCa", "tlsCert", "tlsKey"] as const) {
    if (isArgument(name) && !origins.has("controller")) {
      problems.push(`${sendFlags[name].flag}: needs ${sendFlags.controller.flag} beside it`);
    }
  }
  return problems;
}
