/**
 * What one HTTP watch still has to tell its reader.
 *
 * Core's ServiceView merges what the port says; this keeps the latest untold line per instance, so
 * a slow reader gets the newest of each and what waits is bounded by the service's size.
 *
 * A resumed watch may be answered with a delta or `unchanged`: then the reader holds instances
 * that the view does not, and an id that changes is looked up in the node's own answer instead.
 */
import {
  type ChangeMessage,
  type ContentDigest,
  type InstanceChange,
  type MemberView,
  originText,
  type RecordGroup,
  RecordKind,
  type RegistryRecord,
  type RemovalReason,
  ServiceView,
  type SnapshotKind,
  type SnapshotMessage,
  type Stamp,
  type ViewInstance,
} from "@fpzk/core";
import { bodyDecoder } from "./body-decoder.js";
import { type ResumePoint, START } from "./resume-token.js";

export interface WatchFeedOptions {
  readonly namespace: string;
  readonly service: string;
  /** Where the reader stopped; undefined when it holds nothing. */
  readonly from: ResumePoint | undefined;
  readonly members: () => readonly MemberView[];
  /** The node's own answer now. */
  readonly query: () => readonly ViewInstance[];
}

export type FeedLine = InstanceLine | CompleteLine;

/** About one instance; the latest of an id replaces what waits. */
export type InstanceLine =
  | { readonly type: "instance"; readonly instance: ViewInstance }
  | { readonly type: "changed"; readonly instance: ViewInstance }
  | {
      readonly type: "removed";
      readonly id: string;
      readonly stamp: Stamp;
      readonly reason: RemovalReason;
    };

export interface CompleteLine {
  readonly type: "complete";
  readonly kind: SnapshotKind;
  /** The answering node has seen less than the reader: what it lacks is not gone. */
  readonly isBehind: boolean;
  /** Unknown while the view does not hold all that the reader holds. */
  readonly instanceCount: number | undefined;
}

/**
 * What the view knows of the reader. `empty`: it holds nothing. `resumed`: it holds what this view
 * does not. `equal`: it holds what the view holds, once it was told what waits.
 */
type ReaderState = "empty" | "resumed" | "equal";

export class WatchFeed {
  readonly #options: WatchFeedOptions;
  #view: ServiceView;
  readonly #pending = new Map<string, InstanceLine>();
  /** Winners named by the answer or change at hand, by instance id. */
  readonly #touched = new Map<string, RegistryRecord>();
  #complete: CompleteLine | undefined;
  #reader: ReaderState;
  #isInSnapshot = false;
  #isAnswered = false;
  #digest: ContentDigest = START.digest;

  constructor(options: WatchFeedOptions) {
    this.#options = options;
    this.#reader = options.from === undefined ? "empty" : "resumed";
    this.#view = this.#newView();
  }

  /** Whether lines can be told now; none are in the middle of a snapshot. */
  get hasPending(): boolean {
    return !this.#isInSnapshot && (this.#pending.size > 0 || this.#complete !== undefined);
  }

  /** Where the reader may resume once all lines taken so far reached it; undefined amid them. */
  get point(): ResumePoint | undefined {
    if (!this.#isAnswered || this.#isInSnapshot || this.hasPending) return undefined;
    return { position: this.#view.position, digest: this.#digest };
  }

  applySnapshot(message: SnapshotMessage): void {
    const isFirstPart = !this.#isInSnapshot;
    this.#isInSnapshot = true;
    // After a delta the view counts records as seen that it does not hold, and would refuse them.
    const isStranger = this.#reader === "resumed" && this.#isAnswered;
    if (isFirstPart && isStranger && message.kind === "full") this.#view = this.#newView();
    this.#touch(message.groups);
    const { changes } = this.#view.applySnapshot(message);
    if (this.#reader === "equal") this.#tellChanges(changes);
    if (!message.isFinal) return;
    this.#isInSnapshot = false;
    this.#isAnswered = true;
    this.#digest = message.digest;
    this.#finishAnswer(message);
    this.#touched.clear();
  }

  applyChange(message: ChangeMessage): void {
    this.#touch(message.groups);
    const { changes } = this.#view.applyChange(message);
    this.#digest = message.digest;
    if (this.#reader === "equal") this.#tellChanges(changes);
    else if (this.#reader === "resumed" && this.#isAnswered) this.#tellTouched();
    if (!this.#isInSnapshot && this.#isAnswered) this.#touched.clear();
  }

  /** Nodes came or went: other instances are orphaned or unreachable now. */
  applyMembers(members: readonly MemberView[]): void {
    const changes = this.#view.setMembers(byNodeId(members));
    if (this.#reader === "equal") this.#tellChanges(changes);
    else if (this.#reader === "resumed" && this.#isAnswered) {
      for (const instance of this.#options.query()) this.#tell({ type: "changed", instance });
    }
  }

  /** The next line in order, taken out; undefined when there is none now. */
  take(): FeedLine | undefined {
    if (!this.hasPending) return undefined;
    for (const [key, line] of this.#pending) {
      this.#pending.delete(key);
      return line;
    }
    const line = this.#complete;
    this.#complete = undefined;
    return line;
  }

  #finishAnswer(message: SnapshotMessage): void {
    const isBehind = this.#options.from !== undefined && this.#isBehind(message);
    if (this.#reader === "equal") {
      this.#setComplete("delta", false);
    } else if (this.#reader === "empty" || message.kind === "full") {
      this.#pending.clear();
      for (const instance of this.#view.instances) {
        this.#pending.set(instance.id, { type: "instance", instance });
      }
      this.#reader = "equal";
      this.#setComplete("full", isBehind);
    } else {
      this.#tellTouched();
      this.#setComplete(message.kind, isBehind);
    }
  }

  #setComplete(kind: SnapshotKind, isBehind: boolean): void {
    const isWhole = this.#reader === "equal";
    const instanceCount = isWhole ? this.#view.instances.length : undefined;
    this.#complete = { type: "complete", kind, isBehind, instanceCount };
  }

  #isBehind(message: SnapshotMessage): boolean {
    if (message.kind === "unchanged") return false;
    const seen = new Map(
      message.position.map(({ origin, version }) => [originText(origin), version]),
    );
    const from = this.#options.from?.position ?? [];
    return from.some(({ origin, version }) => version > (seen.get(originText(origin)) ?? 0));
  }

  #touch(groups: readonly RecordGroup[]): void {
    if (this.#reader !== "resumed") return;
    for (const group of groups) {
      for (const record of group.records) {
        const held = this.#touched.get(record.id);
        if (held?.kind === RecordKind.instance && record.kind !== RecordKind.instance) continue;
        this.#touched.set(record.id, record);
      }
    }
  }

  #tellChanges(changes: readonly InstanceChange[]): void {
    for (const change of changes) {
      const { instance } = change;
      if (change.type === "removed") {
        const { id, stamp } = instance;
        // A feed is in one region for good.
        if (change.reason === "elsewhere") continue;
        this.#tell({ type: "removed", id, stamp, reason: change.reason });
      } else this.#tell({ type: "changed", instance });
    }
  }

  #tellTouched(): void {
    if (this.#touched.size === 0) return;
    const present = new Map(this.#options.query().map((instance) => [instance.id, instance]));
    for (const [id, record] of this.#touched) {
      const instance = present.get(id);
      if (instance !== undefined) this.#tell({ type: "changed", instance });
      else if (record.kind === RecordKind.instance) {
        this.#tell({ type: "removed", id, stamp: record.stamp, reason: record.reason });
      }
    }
  }

  #tell(line: InstanceLine): void {
    const id = line.type === "removed" ? line.id : line.instance.id;
    // Told before the mark of a full answer, it belongs to it: the reader keeps what those name.
    const isOfAnswer = this.#complete?.kind === "full" && line.type === "changed";
    this.#pending.set(id, isOfAnswer ? { type: "instance", instance: line.instance } : line);
  }

  #newView(): ServiceView {
    const { namespace, service, members } = this.#options;
    const view = new ServiceView(namespace, service, bodyDecoder);
    view.setMembers(byNodeId(members()));
    return view;
  }
}

function byNodeId(members: readonly MemberView[]): ReadonlyMap<string, MemberView> {
  return new Map(members.map((member) => [member.nodeId, member]));
}
