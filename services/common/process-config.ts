/** What every process of a suite may be configured with, whichever services it runs. */
import { cpus, hostname } from "node:os";
import { targetForm, wrongTarget } from "./allowed-targets.ts";
import { defineConfig } from "./config-schema.ts";

/** Of a host, as it is written. */
function isLabel(text: string): boolean {
  return /^[\w./:-]+=[\w./:-]*$/.test(text);
}

/** Labels as they are written, as a record. */
export function labelsOf(labels: readonly string[]): Record<string, string> {
  return Object.fromEntries(labels.map((label) => [label.slice(0, label.indexOf("=")), label.slice(label.indexOf("=") + 1)]));
}

export const processConfig = defineConfig({
  controller: {
    doc: "Address of the controller, host:port; unset where this process serves the controller itself.",
    default: null,
    format: "string",
    env: "ASSAY_CONTROLLER",
    arg: "controller",
  },
  host: {
    doc: "Address to listen on. Anything but loopback needs TLS, or --insecure.",
    default: "127.0.0.1",
    format: "string",
    env: "ASSAY_HOST",
    arg: "host",
  },
  port: { doc: "Port to listen on; 0: any free one.", default: 0, format: "port", env: "ASSAY_PORT", arg: "port" },
  advertise: {
    doc: "Address that others are given for this process, host:port, or a host alone for the port that it listens on; unset: the one that it listens on, or where that is 0.0.0.0 or ::, its host's own towards the controller.",
    default: null,
    format: "string",
    env: "ASSAY_ADVERTISE",
    arg: "advertise",
  },
  joinTokenFile: {
    doc: "File with the suite's token. The controller's process makes it, readable by its owner alone, where it is missing; unset: the usual place.",
    default: null,
    format: "string",
    env: "ASSAY_JOIN_TOKEN_FILE",
    arg: "join-token-file",
  },
  tokensFile: {
    doc: "File with the names, roles and hashes of further tokens, as assay token create makes them; read again when it changes; unset: none.",
    default: null,
    format: "string",
    env: "ASSAY_TOKENS_FILE",
    arg: "tokens-file",
  },
  maxFailedAuthentications: {
    doc: "Calls in a minute of one address whose caller is not known, above which it is told that and nothing else; 0: no limit.",
    default: 60,
    format: "nat",
    env: "ASSAY_MAX_FAILED_AUTHENTICATIONS",
    arg: "max-failed-authentications",
  },
  maxMessageBytes: {
    doc: "Bytes of a message at most that this process takes; members send each other up to 16 MiB, where answers are kept raw.",
    default: 16 * 2 ** 20,
    format: "nat",
    check: (bytes: number) => (bytes >= 2 ** 20 ? undefined : "at least 1048576"),
    env: "ASSAY_MAX_MESSAGE_BYTES",
    arg: "max-message-bytes",
  },
  maxMetadataBytes: {
    doc: "Bytes of a call's metadata at most, names and values together; over HTTP/1.1, of its headers.",
    default: 16_384,
    format: "nat",
    check: (bytes: number) => (bytes >= 1024 && bytes <= 65_536 ? undefined : "from 1024 to 65536"),
    env: "ASSAY_MAX_METADATA_BYTES",
    arg: "max-metadata-bytes",
  },
  maxStreams: {
    doc: "Calls at once on one connection. Half of them may be streams, and one more is refused; a client has other calls wait, and one that does not loses its connection.",
    default: 1024,
    format: "nat",
    check: (streams: number) => (streams > 0 ? undefined : "above 0"),
    env: "ASSAY_MAX_STREAMS",
    arg: "max-streams",
  },
  maxConnections: {
    doc: "Connections to this process at once; further ones are closed, and the log says so.",
    default: 4096,
    format: "nat",
    check: (connections: number) => (connections > 0 ? undefined : "above 0"),
    env: "ASSAY_MAX_CONNECTIONS",
    arg: "max-connections",
  },
  allowTargets: {
    doc: "Where requests of runs go and whose pages of metrics are read, whoever asks: hosts, addresses and networks (10.0.0.0/8), each with :PORT or for any port, and unix:/PATH, with commas between them; checked again for each connection on the address that a name stands for; empty: anywhere.",
    default: [],
    format: "list",
    check: (entries: readonly string[]) => (wrongTarget(entries) === undefined ? undefined : targetForm),
    env: "ASSAY_ALLOW_TARGETS",
    arg: "allow-targets",
  },
  insecure: {
    doc: "No token is asked for and none is needed to listen beyond loopback.",
    default: false,
    format: "boolean",
    env: "ASSAY_INSECURE",
    arg: "insecure",
  },
  tlsCert: {
    doc: "PEM file of the certificate to serve and to dial other members with; read again when it is replaced; unset: no TLS.",
    default: null,
    format: "string",
    env: "ASSAY_TLS_CERT",
    arg: "tls-cert",
  },
  tlsKey: { doc: "PEM file of its key.", default: null, format: "string", env: "ASSAY_TLS_KEY", arg: "tls-key" },
  tlsCa: {
    doc: "PEM file of the authority that other members' and clients' certificates must be of; unset: no client certificate is asked for.",
    default: null,
    format: "string",
    env: "ASSAY_TLS_CA",
    arg: "tls-ca",
  },
  tlsClientCertificates: {
    doc: "Whether clients must show a certificate of that authority.",
    default: "optional",
    format: ["none", "optional", "required"],
    env: "ASSAY_TLS_CLIENT_CERTIFICATES",
    arg: "tls-client-certificates",
  },
  metrics: {
    doc: "Whether this process serves its metrics for Prometheus at /metrics of its own port; so do the workers that it starts.",
    default: false,
    format: "boolean",
    env: "ASSAY_METRICS",
    arg: "metrics",
  },
  logLevel: {
    doc: "Least level that is written.",
    default: "info",
    format: ["debug", "info", "warn", "error"],
    env: "ASSAY_LOG_LEVEL",
    arg: "log-level",
  },
  logFile: {
    doc: "File to write the log to, beside the terminal; unset: none.",
    default: null,
    format: "string",
    env: "ASSAY_LOG_FILE",
    arg: "log-file",
  },
  endpointModule: {
    doc: "File of JavaScript or TypeScript with endpoints of one's own, run in every process that needs them; unset: none.",
    default: null,
    format: "string",
    env: "ASSAY_ENDPOINT_MODULE",
    arg: "endpoint-module",
  },
  hostName: {
    doc: "Name of this host in runs and results, for a host whose own says nothing or is another's, too.",
    default: hostname(),
    format: "string",
    env: "ASSAY_HOST_NAME",
    arg: "host-name",
    check: (name: string) => (/^[\w.:-]{1,253}$/.test(name) ? undefined : "1 to 253 letters, digits, . : - or _"),
  },
  labels: {
    doc: "Labels of this host as KEY=VALUE, by which runs choose where their load comes from.",
    default: [],
    format: "list",
    env: "ASSAY_LABELS",
    arg: "labels",
    check: (labels: readonly string[]) =>
      labels.every(isLabel) ? undefined : "KEY=VALUE each, of letters, digits, . / : - and _",
  },
  cores: {
    doc: "Cores of this host that the suite may use.",
    default: cpus().length,
    format: "nat",
    env: "ASSAY_CORES",
    arg: "cores",
  },
});
