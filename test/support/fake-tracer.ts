/** A tracer that keeps its spans. Contexts are numbers, in `traceparent` alone. */
import { AsyncLocalStorage } from "node:async_hooks";
import type { Span, SpanAttributes, SpanError, SpanOptions, Tracer } from "../../services/common/observe/tracing.ts";

export interface KeptSpan {
  readonly id: string;
  readonly name: string;
  readonly kind: SpanOptions["kind"];
  /** Id of what it is a part of; undefined: of nothing. */
  readonly parent: string | undefined;
  readonly attributes: Record<string, SpanAttributes[string]>;
  readonly events: string[];
  readonly startWallNs: number | undefined;
  endWallNs: number | undefined;
  error: SpanError | undefined;
  /** How often it was ended. */
  ends: number;
}

export class FakeTracer implements Tracer {
  readonly isOn = true;
  readonly spans: KeptSpan[] = [];
  readonly #active = new AsyncLocalStorage<string>();

  start(name: string, options: SpanOptions): Span {
    const { kind, parent, remoteParent, attributes, startWallNs } = options;
    const given = parent?.carrier.traceparent ?? remoteParent?.traceparent;
    const id = `span-${this.spans.length + 1}`;
    const kept: KeptSpan = {
      id,
      name,
      kind,
      parent: given ?? this.#active.getStore(),
      attributes: { ...attributes },
      events: [],
      startWallNs,
      endWallNs: undefined,
      error: undefined,
      ends: 0,
    };
    this.spans.push(kept);
    return {
      carrier: { traceparent: id },
      set: (more) => void Object.assign(kept.attributes, more),
      event: (event) => void kept.events.push(event),
      within: (work) => this.#active.run(id, work),
      end(error, endWallNs) {
        kept.ends++;
        kept.error = error;
        kept.endWallNs = endWallNs;
      },
    };
  }

  carrier(): Readonly<Record<string, string>> {
    const id = this.#active.getStore();
    return id === undefined ? {} : { traceparent: id };
  }

  /** Spans of this name, in the order of their start. */
  named(name: string): KeptSpan[] {
    return this.spans.filter((span) => span.name === name);
  }
}
