// `import { connect } from "assay"`: one ES module and its types.
import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import { build } from "esbuild";
import { rootFolder } from "../setup.mjs";
import { common, distFolder } from "./common.mjs";
import { packagePlugins } from "./packages.mjs";

/** Messages are those of the generated code that the package exports: a bundled copy would describe each a second time. @type {import("esbuild").Plugin} */
const sharedMessages = {
  name: "shared-messages",
  setup({ onResolve }) {
    onResolve({ filter: /\/gen\/.*_pb\.js$/ }, ({ path }) => ({ path: path.replace(/^.*\/gen\//, "../gen/"), external: true }));
    onResolve({ filter: /^@bufbuild\/protobuf(\/|$)/ }, ({ path }) => ({ path, external: true }));
  },
};

/** Builds the library. */
export async function buildLibrary() {
  await copyFile(join(rootFolder, "clients/node/types.d.ts"), join(distFolder, "client.d.ts"));
  return build({
    ...common,
    entryPoints: { client: "clients/node/connect.ts" },
    format: "esm",
    plugins: [sharedMessages, ...packagePlugins],
    // CommonJS packages inside the bundle ask for Node's modules by require.
    banner: {
      js: 'import { createRequire as __createRequire } from "node:module";\nconst require = __createRequire(import.meta.url);',
    },
  });
}
