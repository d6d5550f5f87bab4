// Generates everything that is made from the protos. What there is no Python or no Go for stays as it is, and is named.
import { generate, targets } from "./proto-tools.mjs";
import { rootFolder } from "./setup.mjs";

for (const target of targets) {
  const outcome = await generate(target, rootFolder);
  if (outcome === "missing")
    console.error(`proto: ${target.out} is left as it is: there is no program to install its generators with`);
  if (outcome === "failed") process.exitCode = 1;
}
