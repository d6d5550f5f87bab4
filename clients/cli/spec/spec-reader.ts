/**
 * A RunSpec as people write it, in YAML or JSON: read along the proto's own descriptors, so that every mistake has a place and a
 * name. Pure.
 *
 * More than proto JSON is taken: names in snake_case or camelCase, enum values without their prefix (`poisson`), a URL alone for
 * one of `target.urls`. A file of AIPerf's becomes a RunSpec first.
 */
import type { DescEnum, DescField, DescMessage, JsonObject, JsonValue } from "@bufbuild/protobuf";
import { ScalarType } from "@bufbuild/protobuf";
import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Pair,
  type ParsedNode,
  parseDocument,
  visit,
  type YAMLMap,
} from "yaml";
import { RunSpecSchema, TargetUrlSchema } from "../../../gen/assay/common/v1/run_spec_pb.js";
import { messageOf } from "../../../services/common/errors.ts";
import { didYouMean } from "../../../services/common/nearest.ts";
import { type AiperfContext, type FileOptions, isAiperfConfig, readAiperfConfig } from "./aiperf/config.ts";
import { givenOf } from "./aiperf/given.ts";
import { nodeOf } from "./aiperf/nodes.ts";

export interface ReadSpec {
  /** Proto JSON with the proto's own names; what could not be read is missing. */
  readonly spec: JsonObject;
  /** `line:column`, both from 1, by path with indices: `phases[0].concurrency.limit`. */
  readonly places: ReadonlyMap<string, string>;
  /** One line each: place, path, what was expected. */
  readonly problems: readonly string[];
  /** What a file of AIPerf's asks of the command line. */
  readonly options?: FileOptions;
}

/** Of a file: what is longer is no run's spec. */
const maxChars = 4 * 1024 * 1024;
/** Maps merged into one that is merged. */
const deepestMerge = 20;

const noContext: AiperfContext = { env: {} };

/** Reads a whole file. */
export function readSpecText(text: string, context: AiperfContext = noContext): ReadSpec {
  const lines = new LineCounter();
  if (text.length > maxChars) {
    return { spec: {}, places: new Map(), problems: [`1:1: a file may have ${maxChars} characters, got ${text.length}`] };
  }
  // That no name comes twice is looked for here: the package compares each with all before it.
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    intAsBigInt: true,
    merge: true,
    uniqueKeys: false,
  });
  const reader = new SpecReader(document, (offset) => {
    const { line, col } = lines.linePos(offset);
    return `${line}:${col}`;
  });
  for (const error of document.errors) reader.report(error.pos[0], "", `${error.message.split("\n")[0]}`);
  if (document.errors.length > 0) return reader.result({});
  if (document.contents === null) return reader.result({});
  for (const { at, name } of repeatedNames(document))
    reader.report(at, "", `Map keys must be unique: ${JSON.stringify(name)} comes again`);
  if (!isAiperfConfig(document.contents)) return reader.result(reader.message(document.contents, RunSpecSchema, ""));
  const given = givenOf(document, (at, problem) => reader.report(at, "", problem));
  const { spec, options } = readAiperfConfig(given, context, (at, path, problem) => reader.report(at, path, problem));
  return { ...reader.result(reader.message(nodeOf(spec), RunSpecSchema, "")), options };
}

/** Keys that their map has had before. */
function repeatedNames(document: Document.Parsed): { readonly at: number; readonly name: string }[] {
  const repeated: { at: number; name: string }[] = [];
  visit(document, {
    Map(_, { items }) {
      const names = new Set<string>();
      for (const { key } of items) {
        if (!isScalar(key) || isMergeKey(key)) continue;
        const name = `${typeof key.value} ${String(key.value)}`;
        if (names.has(name)) repeated.push({ at: key.range?.[0] ?? 0, name: String(key.value) });
        names.add(name);
      }
    },
  });
  return repeated;
}

/** A value for one field, as in `--set path=value`. Its problems have no place. */
export function readSpecValue(text: string, field: DescField, path: string): { value: JsonValue } | { problem: string } {
  const document = parseDocument(text, { prettyErrors: false, intAsBigInt: true });
  const [error] = document.errors;
  if (error !== undefined) return { problem: `${path}: ${error.message.split("\n")[0]}` };
  const reader = new SpecReader(document, () => "");
  const value = reader.field(document.contents, field, path);
  const [problem] = reader.result({}).problems;
  if (problem !== undefined) return { problem };
  return value === undefined ? { problem: `${path}: expected a value` } : { value };
}

/** The field of a message by either of its names. */
export function fieldOf(schema: DescMessage, name: string): DescField | undefined {
  return schema.fields.find((field) => field.name === name || field.jsonName === name);
}

/** `, did you mean …?` among a message's fields. */
export function nearestField(schema: DescMessage, name: string): string {
  return didYouMean(
    name,
    schema.fields.map((field) => field.name),
  );
}

type Node = ParsedNode | null;

class SpecReader {
  readonly #document: Document.Parsed;
  readonly #placeOf: (offset: number) => string;
  readonly #places = new Map<string, string>();
  readonly #problems: string[] = [];

  constructor(document: Document.Parsed, placeOf: (offset: number) => string) {
    this.#document = document;
    this.#placeOf = placeOf;
  }

  result(spec: JsonObject): ReadSpec {
    return { spec, places: this.#places, problems: this.#problems };
  }

  report(offset: number, path: string, text: string): void {
    const parts = [this.#placeOf(offset), path, text].filter((part) => part !== "");
    this.#problems.push(parts.join(": "));
  }

  message(given: Node, schema: DescMessage, path: string): JsonObject {
    const node = this.#resolved(given);
    if (!isMap(node)) {
      this.#mismatch(given, path, path === "" ? "an object with fields of RunSpec" : "an object");
      return {};
    }
    const object: JsonObject = {};
    const chosen = new Map<string, string>();
    for (const { key, value } of this.#items(node)) {
      const name = nameOf(key);
      const at = (key as ParsedNode).range[0];
      const field = fieldOf(schema, name);
      const below = path === "" ? name : `${path}.${name}`;
      if (field === undefined) {
        this.report(at, below, `unknown field${nearestField(schema, name)}`);
        continue;
      }
      const own = path === "" ? field.name : `${path}.${field.name}`;
      const other = field.oneof === undefined ? undefined : chosen.get(field.oneof.name);
      if (other !== undefined) this.report(at, own, `not together with ${other}`);
      if (field.oneof !== undefined) chosen.set(field.oneof.name, field.name);
      this.#places.set(own, this.#placeOf(at));
      const read = this.field(value as Node, field, own);
      if (read !== undefined) object[field.name] = read;
    }
    return object;
  }

  /** Undefined: nothing was given, or it could not be read and has been reported. */
  field(node: Node, field: DescField, path: string): JsonValue | undefined {
    if (isNothing(this.#resolved(node))) return undefined;
    switch (field.fieldKind) {
      case "scalar":
        return this.#scalar(node, field.scalar, path);
      case "enum":
        return this.#enum(node, field.enum, path);
      case "message":
        return this.#inner(node, field.message, path);
      case "list":
        return this.#list(node, field, path);
      case "map":
        return this.#map(node, path);
    }
  }

  /** Items of a map, those merged into it (`<<: *other`) included unless it has their names itself. */
  #items({ items }: YAMLMap.Parsed, depth = 0): Pair<ParsedNode, ParsedNode | null>[] {
    if (depth > deepestMerge) {
      this.report(items[0]?.key.range[0] ?? 0, "", "what is merged is merged into itself");
      return [];
    }
    const own = items.filter(({ key }) => !isMergeKey(key));
    const names = new Set(own.map(({ key }) => nameOf(key)));
    const merged = items
      .filter(({ key }) => isMergeKey(key))
      .flatMap(({ value }) => {
        const source = this.#resolved(value);
        return isMap(source) ? this.#items(source as YAMLMap.Parsed, depth + 1) : [];
      });
    return [...merged.filter(({ key }) => !names.has(nameOf(key))), ...own];
  }

  #inner(node: Node, schema: DescMessage, path: string): JsonValue | undefined {
    const resolved = this.#resolved(node);
    if (schema.typeName === TargetUrlSchema.typeName && isScalar(resolved)) return { url: String(resolved.value) };
    if (schema.typeName !== "google.protobuf.Struct") return this.message(node, schema, path);
    if (isMap(resolved)) return this.#free(resolved, path);
    this.#mismatch(node, path, "an object");
    return undefined;
  }

  /** Any JSON. Undefined, and reported, where its aliases make too much of it. */
  #free(map: YAMLMap, path: string): JsonObject | undefined {
    try {
      return plain(map.toJS(this.#document)) as JsonObject;
    } catch (error) {
      this.report(map.range?.[0] ?? 0, path, messageOf(error));
      return undefined;
    }
  }

  #list(node: Node, field: DescField & { fieldKind: "list" }, path: string): JsonValue | undefined {
    const resolved = this.#resolved(node);
    if (!isSeq(resolved)) {
      this.#mismatch(node, path, "a list");
      return undefined;
    }
    return resolved.items.flatMap((given, index) => {
      const item = given as ParsedNode;
      const below = `${path}[${index}]`;
      this.#places.set(below, this.#placeOf(item.range[0]));
      const read =
        field.listKind === "message"
          ? this.#inner(item, field.message, below)
          : field.listKind === "enum"
            ? this.#enum(item, field.enum, below)
            : this.#scalar(item, field.scalar, below);
      return read === undefined ? [] : [read];
    });
  }

  /** Maps of the spec have texts as values. */
  #map(node: Node, path: string): JsonValue | undefined {
    const resolved = this.#resolved(node);
    if (!isMap(resolved)) {
      this.#mismatch(node, path, "an object of texts");
      return undefined;
    }
    const object: JsonObject = {};
    for (const { key, value } of this.#items(resolved)) {
      const name = nameOf(key);
      const text = this.#scalar(value as Node, ScalarType.STRING, `${path}.${name}`);
      if (text !== undefined) object[name] = text;
    }
    return object;
  }

  #enum(node: Node, { values, sharedPrefix = "" }: DescEnum, path: string): string | undefined {
    const resolved = this.#resolved(node);
    const given = isScalar(resolved) ? String(resolved.value) : "";
    const short = (name: string): string => name.slice(sharedPrefix.length).toLowerCase();
    const found = values.find(({ name }) => name === given || short(name) === given.toLowerCase().replaceAll("-", "_"));
    if (found !== undefined && found.number !== 0) return found.name;
    const choices = values.filter(({ number }) => number !== 0).map(({ name }) => short(name));
    this.#mismatch(node, path, `${choices.slice(0, -1).join(", ")} or ${choices.at(-1)}`);
    return undefined;
  }

  #scalar(node: Node, type: ScalarType, path: string): string | number | boolean | undefined {
    const resolved = this.#resolved(node);
    const value = isScalar(resolved) ? resolved.value : undefined;
    switch (type) {
      case ScalarType.STRING:
        if (typeof value === "string") return value;
        // 007 and 1e3 are texts here, as they were written.
        if (isScalar(resolved) && value !== null) return resolved.source ?? String(value);
        this.#mismatch(node, path, "a text");
        return undefined;
      case ScalarType.BOOL:
        if (typeof value === "boolean") return value;
        this.#mismatch(node, path, "true or false");
        return undefined;
      case ScalarType.DOUBLE:
      case ScalarType.FLOAT:
        if (typeof value === "bigint" || (typeof value === "number" && Number.isFinite(value))) return Number(value);
        // JSON has no number for it.
        if (value === Number.POSITIVE_INFINITY) return "Infinity";
        this.#mismatch(node, path, "a number");
        return undefined;
      default:
        return this.#integer(node, value, type === ScalarType.UINT64 ? 64n : 32n, path);
    }
  }

  /** 64 bits travel as text. */
  #integer(node: Node, value: unknown, bits: 32n | 64n, path: string): string | number | undefined {
    const isText = bits === 64n && typeof value === "string" && /^\d{1,20}$/.test(value);
    const whole = isText || (typeof value === "number" && Number.isInteger(value)) ? BigInt(value) : value;
    if (typeof whole === "bigint" && whole >= 0n && whole < 1n << bits) return bits === 64n ? String(whole) : Number(whole);
    this.#mismatch(node, path, `an integer from 0 to 2^${bits} − 1`);
    return undefined;
  }

  #mismatch(node: Node, path: string, expected: string): void {
    this.report(node?.range[0] ?? 0, path, `expected ${expected}, got ${shown(this.#resolved(node))}`);
  }

  #resolved(node: Node): Node {
    if (!isAlias(node)) return node;
    return (node.resolve(this.#document) ?? null) as Node;
  }
}

function nameOf(key: unknown): string {
  return isScalar(key) ? String(key.value) : "";
}

function isMergeKey(key: unknown): boolean {
  return isScalar(key) && (typeof key.value === "symbol" || key.value === "<<");
}

function isNothing(node: Node): boolean {
  return node === null || (isScalar(node) && node.value === null);
}

function shown(node: Node): string {
  if (isMap(node)) return "an object";
  if (isSeq(node)) return "a list";
  if (!isScalar(node)) return "nothing";
  return typeof node.value === "string" ? JSON.stringify(node.value) : (node.source ?? String(node.value));
}

/** Integers of a free-form object are numbers: nothing in a request's body is a BigInt. */
function plain(value: unknown): unknown {
  if (typeof value === "bigint") return Number(value);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, plain(inner)]));
}
