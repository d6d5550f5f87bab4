/**
 * Who writes the rows of a run: of each shard the records-manager that has it, or whoever has taken its place. What one of them is asked
 * its successor is asked again where it dies over it: everything may be asked twice.
 */
import { ServiceKind } from "../../gen/assay/common/v1/common_pb.js";
import type { CommandResult, FinishRun } from "../../gen/assay/controller/v1/controller_service_pb.js";
import type { Action, MemberEntry, Members } from "./members.ts";

export interface RunWritersOptions {
  readonly runId: string;
  readonly members: Pick<Members, "serving" | "isHeard" | "command">;
  /** Shards of the run's rows, each of which has a records-manager of its own. */
  readonly shardCount: number;
  /** Has a records-manager make its file, or go on with the one that is there. */
  configure(entry: MemberEntry): Promise<unknown>;
  /** The member that `find` finds, as soon as it joins. Rejects with `unavailable` and the words where that takes too long. */
  awaited(find: () => MemberEntry | undefined, missing: string): Promise<MemberEntry>;
}

export class RunWriters {
  private readonly options: RunWritersOptions;
  private readonly shards: readonly number[];
  /** Whether each has the file yet: the one that began, and those in its place. */
  private readonly prepared = new Map<MemberEntry, Promise<unknown>>();

  constructor(options: RunWritersOptions) {
    this.options = options;
    this.shards = Array.from({ length: options.shardCount }, (_, shard) => shard);
  }

  /** Whether this member writes rows of the run, or would as things stand. */
  isWriter({ member }: MemberEntry): boolean {
    return member.services.includes(ServiceKind.RECORDS_MANAGER) && member.shard < this.shards.length;
  }

  /** Somebody who can be spoken to writes this shard. */
  isWritten(shard: number): boolean {
    return this.writerNow(shard) !== undefined;
  }

  /** Resolves when every shard has somebody who has its file. */
  async prepareAll(): Promise<void> {
    await Promise.all(this.shards.map(async (shard) => this.prepare(await this.writerOf(shard))));
  }

  /** Resolves when this one has its file. */
  async prepare(entry: MemberEntry): Promise<void> {
    const configured = this.options.configure(entry);
    this.prepared.set(entry, configured);
    await configured;
  }

  /** Asks all of them at once. Results by shard. */
  async toAll(action: Action, timeoutMs: number): Promise<readonly CommandResult[]> {
    return Promise.all(this.shards.map((shard) => this.toOne(shard, action, timeoutMs)));
  }

  /** The files of the shards are whole before one is made of all. */
  async finish(value: FinishRun, timeoutMs: number): Promise<void> {
    const action = { case: "finish" as const, value };
    await Promise.all(this.shards.slice(1).map((shard) => this.toOne(shard, action, timeoutMs)));
    await this.toOne(0, action, timeoutMs);
  }

  private async toOne(shard: number, action: Action, timeoutMs: number): Promise<CommandResult> {
    const { members, runId } = this.options;
    const service = ServiceKind.RECORDS_MANAGER;
    for (;;) {
      const entry = await this.writerOf(shard);
      try {
        await this.prepared.get(entry);
        return await members.command(entry, { runId, service, action, timeoutMs });
      } catch (error) {
        if (members.isHeard(entry)) throw error;
      }
    }
  }

  private writerNow(shard: number): MemberEntry | undefined {
    return this.options.members.serving(ServiceKind.RECORDS_MANAGER).find(({ member }) => member.shard === shard);
  }

  private writerOf(shard: number): Promise<MemberEntry> {
    const which = this.shards.length === 1 ? "" : ` of shard ${shard}`;
    return this.options.awaited(() => this.writerNow(shard), `no records-manager${which} is in the suite`);
  }
}
