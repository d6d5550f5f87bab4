/** Named values of one log line. Never secrets: a field is written as it is. */
export type LogFields = Readonly<Record<string, unknown>>;

/** Where log lines go. Every service is given one; nothing logs by any other way. A call never throws and never blocks. */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
}

/** Drops every line. */
export const silentLogger: Logger = { debug() {}, info() {}, warn() {}, error() {} };
