/** A translated file as YAML nodes that know where they come from, so that what reads a RunSpec reads it. Pure. */
import { Pair, type ParsedNode, Scalar, YAMLMap, YAMLSeq } from "yaml";
import type { Given } from "./given.ts";

export function nodeOf(given: Given): ParsedNode {
  const node = unplaced(given);
  node.range = [given.at, given.at, given.at];
  // It has what a parsed one has, but for the tokens that nobody looks at.
  return node as ParsedNode;
}

function unplaced(given: Given): Scalar | YAMLMap | YAMLSeq {
  switch (given.is) {
    case "scalar": {
      const scalar = new Scalar(given.value);
      if (given.source !== undefined) scalar.source = given.source;
      return scalar;
    }
    case "list": {
      const list = new YAMLSeq();
      list.items = given.items.map(nodeOf);
      return list;
    }
    case "object": {
      const map = new YAMLMap();
      map.items = [...given.entries].map(([name, { keyAt, given: value }]) => {
        const key = new Scalar(name);
        key.range = [keyAt, keyAt, keyAt];
        return new Pair(key, nodeOf(value));
      });
      return map;
    }
  }
}
