// The program's bundles: one for each kind of process, so that a start reads one file with little in it that it does not use.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { build } from "esbuild";
import { rootFolder } from "../setup.mjs";
import { commonJs } from "./common.mjs";
import { packagePlugins } from "./packages.mjs";

/**
 * Files that import by choice: a command, a service. What a bundle `loads` becomes part of its start; all others are left out of it.
 * @typedef {{ readonly command?: string, readonly services?: string, readonly loads: readonly string[] }} Bundle
 */
const choosing = ["services/main.ts", "services/suite-process.ts"];

/** @param {readonly string[]} services */
const modulesOf = (...services) => ["./serve.ts", ...services.map((service) => `./${service}/module.ts`)];

/** By file name. `services`: as the processes of a local run (clients/cli/local-suite.ts) and their workers name them. @type {Record<string, Bundle>} */
export const bundles = {
  suite: {
    services: "controller,dataset,worker-manager,telemetry",
    loads: modulesOf("controller", "dataset", "worker-manager", "telemetry"),
  },
  timing: { services: "timing", loads: modulesOf("timing") },
  records: { services: "records-manager,record-processor", loads: modulesOf("records-manager", "record-processor") },
  worker: { services: "worker", loads: modulesOf("worker") },
  serve: {
    command: "serve",
    loads: modulesOf(
      "controller",
      "dataset",
      "timing",
      "worker-manager",
      "worker",
      "record-processor",
      "records-manager",
      "telemetry",
    ),
  },
  mock: { command: "mock", loads: ["../mock/command.ts"] },
};

/** The bundle of every other command. What no bundle above loads is in it, too, and loaded when it is asked for. */
export const remaining = { name: "cli", loads: ["../clients/cli/command.ts"] };

/** Programs of threads, by file name: their starters look for them beside themselves. */
const threads = { "query-thread": "services/records-manager/query-thread.ts" };

/**
 * Builds all of them.
 * @param {Record<string, string>} define text put in the place of names
 */
export function buildProcesses(define) {
  const claimed = new Set(Object.values(bundles).flatMap(({ loads }) => loads));
  const settings = { ...commonJs, define: { ...commonJs.define, ...define } };
  /** @type {(name: string, loads: readonly string[], keeps: (path: string) => boolean) => ReturnType<typeof build>} */
  const buildOne = (name, loads, keeps) => {
    const plugins = [choices(loads, keeps), ...packagePlugins];
    return build({ ...settings, entryPoints: { [name]: "services/main.ts" }, plugins });
  };
  return Promise.all([
    ...Object.entries(bundles).map(([name, { loads }]) => buildOne(name, loads, () => false)),
    buildOne(remaining.name, remaining.loads, (path) => !claimed.has(path)),
    build({ ...settings, entryPoints: threads, plugins: packagePlugins }),
  ]);
}

/**
 * Makes the choice that the files of `choosing` leave open: an import of what the bundle `loads` becomes a static one, which costs no wrapper
 * at run time and lets esbuild drop what is not used; one that it `keeps` stays as it is; any other says that it is not there.
 * @param {readonly string[]} loads
 * @param {(path: string) => boolean} keeps
 * @returns {import("esbuild").Plugin}
 */
function choices(loads, keeps) {
  return {
    name: "choices",
    setup({ onLoad, onEnd }) {
      const missing = new Set(loads);
      onLoad({ filter: /\.ts$/ }, async ({ path }) => {
        const file = choosing.find((each) => join(rootFolder, each) === path);
        if (file === undefined) return undefined;
        /** @type {string[]} */
        const head = [];
        const text = (await readFile(path, "utf8")).replace(/\bimport\("([^"]+)"\)/g, (whole, chosen) => {
          if (loads.includes(chosen)) {
            missing.delete(chosen);
            return `Promise.resolve(chosen${head.push(`import * as chosen${head.length} from "${chosen}";`) - 1})`;
          }
          return keeps(chosen) ? whole : `Promise.reject(new Error("${chosen} is not in this bundle"))`;
        });
        return { contents: head.join("") + text, loader: "ts" };
      });
      onEnd(() => ({ errors: [...missing].map((path) => ({ text: `${path}: nobody imports it in ${choosing.join(" or ")}` })) }));
    },
  };
}
