/** The services' spans over OpenTelemetry's. Trace contexts travel as W3C says (`traceparent`, `tracestate`). */
import {
  type Attributes,
  type Context,
  context,
  type Span as OtelSpan,
  type Tracer as OtelTracer,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
} from "@opentelemetry/api";
import { W3CTraceContextPropagator } from "@opentelemetry/core";
import type { WallNs } from "../../clock.ts";
import type { Carrier, Span, SpanAttributes, SpanError, SpanOptions, Tracer } from "../tracing.ts";
import { hrTimeOf } from "./hr-time.ts";

const propagator = new W3CTraceContextPropagator();
const kinds = { internal: SpanKind.INTERNAL, server: SpanKind.SERVER, client: SpanKind.CLIENT } as const;

/** `root`: what spans without another parent are parts of; where it holds no trace context each begins a trace. */
export function createTracer(tracer: OtelTracer, root: Carrier): Tracer {
  const rootContext = extract(root);
  return {
    isOn: true,
    start(name, options) {
      const { kind, attributes = {}, startWallNs } = options;
      const parent = parentOf(options, rootContext);
      const span = tracer.startSpan(
        name,
        {
          kind: kinds[kind],
          attributes: attributesOf(attributes),
          ...(startWallNs === undefined ? {} : { startTime: hrTimeOf(startWallNs) }),
        },
        parent,
      );
      return new TracedSpan(span, trace.setSpan(parent, span));
    },
    carrier: () => inject(context.active()),
  };
}

function parentOf({ parent, remoteParent }: SpanOptions, rootContext: Context): Context {
  if (parent instanceof TracedSpan) return parent.context;
  const remote = remoteParent === undefined ? ROOT_CONTEXT : extract(remoteParent);
  if (trace.getSpanContext(remote) !== undefined) return remote;
  const active = context.active();
  return trace.getSpanContext(active) === undefined ? rootContext : active;
}

function extract(carrier: Carrier): Context {
  return propagator.extract(ROOT_CONTEXT, carrier, { get: (from, key) => from[key], keys: Object.keys });
}

function inject(from: Context): Carrier {
  const carrier: Record<string, string> = {};
  propagator.inject(from, carrier, {
    set: (into, key, value) => {
      into[key] = value;
    },
  });
  return carrier;
}

class TracedSpan implements Span {
  readonly context: Context;
  readonly #span: OtelSpan;

  constructor(span: OtelSpan, spanContext: Context) {
    this.#span = span;
    this.context = spanContext;
  }

  get carrier(): Carrier {
    return inject(this.context);
  }

  set(attributes: SpanAttributes): void {
    this.#span.setAttributes(attributesOf(attributes));
  }

  event(name: string, attributes: SpanAttributes = {}, wallNs?: WallNs): void {
    this.#span.addEvent(name, attributesOf(attributes), wallNs === undefined ? undefined : hrTimeOf(wallNs));
  }

  within<Result>(work: () => Result): Result {
    return context.with(this.context, work);
  }

  end(error?: SpanError, endWallNs?: WallNs): void {
    if (error !== undefined) {
      this.#span.setAttribute("error.type", error.code);
      this.#span.setStatus({ code: SpanStatusCode.ERROR, message: error.message });
    }
    this.#span.end(endWallNs === undefined ? undefined : hrTimeOf(endWallNs));
  }
}

function attributesOf(attributes: SpanAttributes): Attributes {
  return Object.fromEntries(
    Object.entries(attributes).map(([key, value]) => [key, typeof value === "object" ? [...value] : value]),
  );
}
