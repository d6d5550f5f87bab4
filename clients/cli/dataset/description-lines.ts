/** What `assay dataset show` prints. Pure. */
import type { DatasetDescription, LengthDistribution, RequestPreview } from "../../../gen/assay/dataset/v1/dataset_pb.js";
import { createPaint } from "../../../report/paint.ts";
import { tableLines } from "../../../report/table.ts";
import { figure, harmless, whole } from "../../../report/text.ts";

export interface LineStyle {
  readonly width: number;
  readonly hasColour: boolean;
}

/** Lines of a body that are shown. */
const maxBodyLines = 60;
const maxTextChars = 400;

export function descriptionLines(description: DatasetDescription, style: LineStyle): string[] {
  const { info } = description;
  return [
    ...factLines(description),
    "",
    ...lengthLines(description, style),
    ...(info?.warnings ?? []).map((warning) => `warning: ${harmless(warning)}`),
    ...description.firstRequests.flatMap((request) => ["", ...requestLines(request)]),
  ];
}

function factLines({ info, prefixes, media }: DatasetDescription): string[] {
  if (info === undefined) return [];
  const { file, turnsEach } = info;
  const skipped = info.skippedRows === 0n ? "" : `, ${whole(info.skippedRows)} of them left out`;
  const each = turnsEach === 0 ? "" : `, ${turnsEach} each`;
  const reason = file === undefined || file.formatReason === "" ? "as asked for" : file.formatReason;
  const ofFile: readonly (readonly [label: string, text: string])[] = [
    ["Format", `${info.format} (${reason})`],
    ["Written as", writtenAs(file?.containers ?? [], file?.files ?? 1n)],
    ["Rows", `${whole(file?.rows ?? 0n)}${skipped}`],
  ];
  const kept = info.sizeBytes === 0n ? "nowhere: made when it is asked for" : `${figure(Number(info.sizeBytes) / 2 ** 20)} MiB`;
  const rows: readonly (readonly [label: string, text: string])[] = [
    ["Dataset", harmless(file?.name ?? info.description)],
    ...(file === undefined ? [] : ofFile),
    ["Conversations", conversationsText(info)],
    ["Turns", `${whole(info.turns)}${each}`],
    ...timeRows(info),
    ...prefixRows(info, prefixes),
    ...mediaRows(media, info),
    ["Kept in", kept],
  ];
  const width = Math.max(...rows.map(([label]) => label.length)) + 2;
  return rows.map(([label, text]) => `${label.padEnd(width)}${text}`);
}

const mediaNames: Readonly<Record<string, string>> = { image: "Images", audio: "Audio", video: "Videos" };

function mediaRows(media: DatasetDescription["media"], { turns: all }: Info): (readonly [string, string])[] {
  return media.map(({ modality, turns, count, bytes }) => {
    const where = turns === all ? "" : ` in ${whole(turns)} of the turns`;
    const sizes =
      bytes === undefined
        ? "elsewhere"
        : `${figure((bytes.mean * Number(bytes.count)) / 2 ** 20)} MiB together, ${figure(bytes.min / 1024)} to ${figure(bytes.max / 1024)} KiB each`;
    return [mediaNames[modality] ?? modality, `${whole(count)}${where}, ${sizes}`];
  });
}

const containerNames: Readonly<Record<string, string>> = { jsonl: "JSON lines", json: "JSON", csv: "CSV", parquet: "Parquet" };

function writtenAs(containers: readonly string[], files: bigint): string {
  const names = containers.map((name) => containerNames[name] ?? name).join(", ");
  return files === 1n ? names : `${names}, in ${whole(files)} files`;
}

type Info = NonNullable<DatasetDescription["info"]>;

function conversationsText({ conversations, rootConversations }: Info): string {
  const children = conversations - rootConversations;
  if (children === 0n) return whole(conversations);
  return `${whole(conversations)}: ${whole(rootConversations)} to be drawn, ${whole(children)} that these begin`;
}

function timeRows(info: Info): (readonly [string, string])[] {
  const { timedConversations, firstTimestampMs, lastTimestampMs, rootConversations } = info;
  if (timedConversations === 0n) return [];
  const seconds = (lastTimestampMs - firstTimestampMs) / 1000;
  const rate = seconds === 0 ? "" : `, ${figure((Number(timedConversations) - 1) / seconds)} conversations/s`;
  const some = timedConversations === rootConversations ? "" : `; ${whole(rootConversations - timedConversations)} have none`;
  return [["Timestamps", `${figure(firstTimestampMs)} to ${figure(lastTimestampMs)} ms: ${figure(seconds)} s${rate}${some}`]];
}

/** Blocks that the file itself names tell more than those of the texts that are made for them. */
function prefixRows(info: Info, prefixes: DatasetDescription["prefixes"]): (readonly [string, string])[] {
  const { prefixBlocks, prefixUniqueBlocks, prefixHitShare, prefixSharedTokens } = info;
  if (prefixBlocks > 0n) {
    const named = `${whole(prefixBlocks)} named blocks, ${whole(prefixUniqueBlocks)} of them different`;
    const saved = `a prefix cache has ${figure(100 * prefixHitShare)} % of them at best, ${whole(prefixSharedTokens)} tokens`;
    return [["Prefixes", `${named}; ${saved}`]];
  }
  return prefixes === undefined || prefixes.blocks === 0n ? [] : [["Prefixes", sharedText(prefixes)]];
}

function sharedText({ blocks, sharedBlocks, blockChars, requests }: NonNullable<DatasetDescription["prefixes"]>): string {
  const share = (100 * Number(sharedBlocks)) / Number(blocks);
  const what = `of ${whole(blocks)} blocks of ${blockChars} characters, in the first ${whole(requests)} requests`;
  return `${figure(share)} % ${what}, are at the same place of a prompt before: what a prefix cache saves at best`;
}

function lengthLines({ inputTokens, outputTokens, turns }: DatasetDescription, { width, hasColour }: LineStyle): string[] {
  const paint = createPaint(hasColour);
  const rows: readonly (readonly [name: string, lengths: LengthDistribution | undefined])[] = [
    ["Input of a turn (tokens)", inputTokens],
    ["Output asked for (tokens)", outputTokens],
    ["Turns of a conversation", turns],
  ];
  const table = {
    title: "Lengths",
    columns: [
      { header: "", align: "left" },
      ...["mean", "min", "p50", "p90", "p99", "max", "measured"].map((header) => ({ header, align: "right" }) as const),
    ],
    rows: rows.flatMap(([name, lengths]) => (lengths === undefined ? [] : [[name, ...figuresOf(lengths)]])),
  } as const;
  return tableLines(table, Math.max(80, width), { title: paint.bold, header: paint.bold, cell: (text) => text });
}

function figuresOf({ mean, min, p50, p90, p99, max, count }: LengthDistribution): string[] {
  return [figure(mean), ...[min, p50, p90, p99, max].map(whole), whole(count)];
}

function requestLines({ method, path, headers, body, bodyBytes, conversation }: RequestPreview): string[] {
  return [
    `Conversation ${whole(conversation)}: ${method} ${harmless(path)}, ${whole(bodyBytes)} bytes`,
    ...Object.entries(headers).map(([name, value]) => `${harmless(name)}: ${harmless(value)}`),
    ...bodyLines(new TextDecoder().decode(body)),
  ];
}

function bodyLines(body: string): string[] {
  let lines: string[];
  try {
    lines = JSON.stringify(JSON.parse(body), (_, value) => (typeof value === "string" ? shortened(value) : value), 2).split("\n");
  } catch {
    // A body that is no JSON, or was cut.
    lines = shortened(body).split("\n");
  }
  const shown = lines.slice(0, maxBodyLines).map((line) => `  ${line.replaceAll(/\p{Cc}/gu, "\ufffd")}`);
  return lines.length > maxBodyLines ? [...shown, `  … (${lines.length - maxBodyLines} more lines)`] : shown;
}

function shortened(text: string): string {
  return text.length > maxTextChars ? `${text.slice(0, maxTextChars)}… (${text.length} characters)` : text;
}
