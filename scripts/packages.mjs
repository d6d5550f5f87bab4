// Which packages ship: those that the published package depends on, and those that its bundles hold. Plain JavaScript for Node 20.

/**
 * Packages that the program loads and dist/ holds. In package.json they are devDependencies: whoever installs the package has them
 * already. The build refuses a bundle with a package that is not here or needed by one that is.
 */
export const bundled = [
  "@connectrpc/connect",
  "@connectrpc/connect-node",
  "@grpc/grpc-js",
  "@huggingface/jinja",
  "@huggingface/tokenizers",
  "@opentelemetry/api",
  "@opentelemetry/context-async-hooks",
  "@opentelemetry/core",
  "@opentelemetry/exporter-metrics-otlp-grpc",
  "@opentelemetry/exporter-metrics-otlp-http",
  "@opentelemetry/exporter-metrics-otlp-proto",
  "@opentelemetry/exporter-trace-otlp-grpc",
  "@opentelemetry/exporter-trace-otlp-http",
  "@opentelemetry/exporter-trace-otlp-proto",
  "@opentelemetry/resources",
  "@opentelemetry/sdk-metrics",
  "@opentelemetry/sdk-trace",
  "ajv",
  "convict",
  "csv-stringify",
  "hdr-histogram-js",
  "hyparquet",
  "hyparquet-compressors",
  "hyparquet-writer",
  "jmespath",
  "jpeg-js",
  "picocolors",
  "pngjs",
  "prom-client",
  "re2js",
  "undici",
  "winston",
  "yaml",
];

/**
 * @typedef {{
 *   version?: string, integrity?: string, license?: string, resolved?: string, dev?: boolean, optional?: boolean, devOptional?: boolean,
 *   dependencies?: Record<string, string>, optionalDependencies?: Record<string, string>, peerDependencies?: Record<string, string>,
 * }} LockEntry
 * @typedef {Record<string, LockEntry>} LockEntries `packages` of a package-lock.json, by path
 */

/**
 * Paths in the lock file of everything that ships, what the packages themselves need included. A name that the file lacks (an
 * optional package, a peer that nobody brings) is left out.
 * @param {LockEntries} lock
 * @returns {Set<string>}
 */
export function shippedPaths(lock) {
  const paths = new Set();
  const open = [...Object.keys(lock[""]?.dependencies ?? {}), ...bundled].map((name) => ({ from: "", name }));
  for (const { from, name } of open) {
    const path = resolve(lock, from, name);
    if (path === undefined || paths.has(path)) continue;
    paths.add(path);
    const { dependencies, optionalDependencies, peerDependencies } = lock[path] ?? {};
    const needed = Object.keys({ ...dependencies, ...optionalDependencies, ...peerDependencies });
    open.push(...needed.map((needs) => ({ from: path, name: needs })));
  }
  return paths;
}

/**
 * Where Node finds a package: the nearest node_modules up the tree.
 * @param {LockEntries} lock
 * @param {string} from
 * @param {string} name
 * @returns {string | undefined}
 */
function resolve(lock, from, name) {
  for (let folder = from; ; ) {
    const path = folder === "" ? `node_modules/${name}` : `${folder}/node_modules/${name}`;
    if (path in lock) return path;
    if (folder === "") return undefined;
    const end = folder.lastIndexOf("/node_modules/");
    folder = end < 0 ? "" : folder.slice(0, end);
  }
}
