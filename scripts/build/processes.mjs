// The program's bundles: one for each kind of process, so that a start reads one file with little in it that it does not use.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { build } from "esbuild";
import { rootFolder } from "../setup.mjs";
import { commonJs, importOfFiles } from "./common.mjs";
import { packagePlugins } from "./packages.mjs";

/** Files that import by choice: a command, a service, what only a person needs. */
const choosing = ["services/main.ts", "services/serve.ts", "services/suite-process.ts"];

/** What these import for a person's command line alone. */
const forPersons = [
  "../clients/cli/commands.ts",
  "../clients/cli/help.ts",
  "./common/config.ts",
  "./doctor.ts",
  "./manual.ts",
  "./recover.ts",
];

/**
 * What a bundle `loads` of these imports becomes part of its start. Left out of it are those that other bundles load and those that it
 * `lacks`; the rest is in it and loaded when it is asked for. `services` are those of a process that another one starts.
 * @typedef {{ command?: string, services?: string, loads: readonly string[], lacks: readonly string[] }} Bundle
 */

/** The bundle of all commands that have none of their own. */
export const everyOther = "cli";

/** @param {readonly string[]} services */
const modulesOf = (...services) => ["./serve.ts", ...services.map((service) => `./${service}/module.ts`)];

/** @type {Record<string, Bundle>} By file name; `services` as clients/cli/local-suite.ts and the worker-manager name them. */
export const bundles = {
  suite: {
    services: "controller,dataset,worker-manager,telemetry",
    loads: modulesOf("controller", "dataset", "worker-manager", "telemetry"),
    lacks: forPersons,
  },
  timing: { services: "timing", loads: modulesOf("timing"), lacks: forPersons },
  records: {
    services: "records-manager,record-processor",
    loads: modulesOf("records-manager", "record-processor"),
    lacks: forPersons,
  },
  worker: { services: "worker", loads: modulesOf("worker"), lacks: forPersons },
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
    lacks: ["./doctor.ts", "./recover.ts"],
  },
  doctor: { command: "doctor", loads: ["../clients/cli/command.ts", "./doctor.ts"], lacks: ["./recover.ts"] },
  mock: { command: "mock", loads: ["../mock/command.ts"], lacks: forPersons },
  [everyOther]: { loads: ["../clients/cli/command.ts"], lacks: [] },
};

/** Programs of threads, by file name: their starters look for them beside themselves. */
const threads = {
  "alarm-thread": "services/worker/alarm-thread.ts",
  "lease-thread": "services/worker/lease-thread.ts",
  "query-thread": "services/records-manager/query-thread.ts",
  "dataset-thread": "services/dataset/thread/dataset-thread.ts",
  "media-thread": "services/dataset/media/media-thread.ts",
};

/**
 * Builds all of them.
 * @param {Record<string, string>} define text put in the place of names
 */
export function buildProcesses(define) {
  const settings = { ...commonJs, define: { ...commonJs.define, ...define } };
  return Promise.all([
    ...Object.entries(bundles).map(([name, bundle]) =>
      build({
        ...settings,
        entryPoints: { [name]: "services/main.ts" },
        plugins: [choices(bundle), importOfFiles, ...packagePlugins],
      }),
    ),
    build({ ...settings, entryPoints: threads, plugins: packagePlugins }),
  ]);
}

/**
 * Makes the choice that the files of `choosing` leave open: an import of what the bundle loads becomes a static one, which costs no wrapper
 * at run time and lets esbuild drop what is not used; one that is left out says so.
 * @param {Bundle} bundle
 * @returns {import("esbuild").Plugin}
 */
function choices({ loads, lacks }) {
  const leftOut = [...lacks, ...Object.values(bundles).flatMap((bundle) => bundle.loads)].filter((path) => !loads.includes(path));
  return {
    name: "choices",
    setup({ onLoad, onEnd }) {
      const missing = new Set(loads);
      onLoad({ filter: /\.ts$/ }, async ({ path }) => {
        if (!choosing.some((file) => join(rootFolder, file) === path)) return undefined;
        /** @type {string[]} */
        const head = [];
        const text = (await readFile(path, "utf8")).replace(/\bimport\("([^"]+)"\)/g, (whole, chosen) => {
          if (leftOut.includes(chosen)) return `Promise.reject(new Error("${chosen} is not in this bundle"))`;
          if (!missing.delete(chosen)) return whole;
          const name = `chosen${head.length}`;
          head.push(`import * as ${name} from "${chosen}";`);
          return `Promise.resolve(${name})`;
        });
        return { contents: head.join("") + text, loader: "ts" };
      });
      onEnd(() => ({ errors: [...missing].map((path) => ({ text: `${path}: nobody imports it in ${choosing.join(", ")}` })) }));
    },
  };
}
