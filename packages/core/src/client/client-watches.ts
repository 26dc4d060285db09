/**
 * The views of one client: what is asked of the node for each, and whether they are current.
 *
 * A view whose digest has differed from the node's for {@link RESYNC_PATIENCE_MS}, with no
 * agreement in between, is asked for again from scratch. Not at once: a pong may be one turn ahead
 * of the changes it counts, and a node that a client has moved to may be behind the one it left.
 * Asking again is spread out by a backoff, because a node that is behind for good must not be asked
 * for ever.
 *
 * Route sets are watched as a service is, but only of a node whose welcome says that it knows them:
 * one of an earlier version would answer that there are none.
 */
import { ERROR_CODES, ErrorCode } from "../errors.js";
import { type ContentDigest, EMPTY_DIGEST, isSameDigest } from "../hash.js";
import { CLIENT_QUERY_COUNT_MAX, SESSION_WATCH_COUNT_MAX } from "../limits.js";
import type {
  ChangeMessage,
  MemberView,
  OriginVersion,
  PongMessage,
  SnapshotMessage,
  WelcomeMessage,
} from "../messages.js";
import { ROUTE_SET_SERVICE } from "../record.js";
import { after, type Instant, instant, NEVER } from "../time.js";
import type { Accusation, ClientCommand, ClientOutbox, ViewState } from "./client-events.js";
import { CommandWaiters } from "./command-waiters.js";
import type { MemberTable } from "./member-liveness.js";
import type { SavedView } from "./saved-view.js";
import { type BodyDecoder, type DrainingRecord, ServiceView } from "./service-view.js";

/** Longer than a round of anti-entropy between nodes, shorter than ten heartbeats. */
const RESYNC_PATIENCE_MS = 5_000;
const RESYNC_MIN_MS = 10_000;
const RESYNC_MAX_MS = 300_000;
/** Said at once of one view; the rest comes with a later verification. */
const AHEAD_COUNT_MAX = 100;
const REFUSED_RETRY_MS = 5_000;

interface Watch {
  readonly view: ServiceView;
  /** Of the watch message on this session; 0 when none was sent. */
  requestId: number;
  /** The final part came on this session. */
  isAnswered: boolean;
  isCurrent: boolean;
  lastCurrentAt: Instant | undefined;
  /** Since when the node's digest has differed; undefined while it agrees. */
  divergedAt: Instant | undefined;
  resyncCount: number;
  resyncAt: Instant;
  /** After a refusal: when to send the watch again. */
  retryAt: Instant;
  reported: ViewState | undefined;
}

interface Query {
  readonly view: ServiceView;
  requestId: number;
}

export interface ClientWatchesOptions {
  readonly namespace: string;
  readonly decoder: BodyDecoder;
  /** How long changes of a view gather before it is saved; undefined saves nothing. */
  readonly saveDelayMs: number | undefined;
}

export class ClientWatches {
  readonly #options: ClientWatchesOptions;
  readonly #outbox: ClientOutbox;
  readonly #watches = new Map<string, Watch>();
  /** Watches that were refused and wait for their `retryAt`. */
  readonly #refused = new Set<Watch>();
  readonly #queries = new Map<number, Query>();
  readonly #waiters = new CommandWaiters<Query, "query">();
  readonly #unsaved = new Set<string>();
  #saveAt: Instant = NEVER;
  #members: MemberTable | undefined;
  /** Of the node of this session; empty without one. */
  #region = "";
  /** The node of this session has said that it knows route sets. */
  #knowsRouteSets = false;
  /** And that it takes accusations. */
  #knowsAccusations = false;

  constructor(options: ClientWatchesOptions, outbox: ClientOutbox) {
    this.#options = options;
    this.#outbox = outbox;
  }

  /** Watches and open queries. */
  get count(): number {
    return this.#watches.size + this.#queries.size;
  }

  /** The node of this session has answered every watch, or refused it. */
  get isAnswered(): boolean {
    for (const watch of this.#watches.values()) {
      const isAsked = !this.#refused.has(watch) && this.#isServed(watch);
      if (!watch.isAnswered && isAsked) return false;
    }
    return true;
  }

  view(service: string): ServiceView | undefined {
    return this.#watches.get(service)?.view;
  }

  /** Some view disagreed with the node: ask for digests at the next heartbeat. */
  get wantsDigests(): boolean {
    return [...this.#watches.values()].some((watch) => watch.divergedAt !== undefined);
  }

  watch(service: string, saved: SavedView | undefined, isOnSession: boolean): void {
    if (this.#watches.has(service)) return;
    if (this.#watches.size >= SESSION_WATCH_COUNT_MAX) {
      const message = `watch ${service}: watch count must be <= ${SESSION_WATCH_COUNT_MAX}`;
      const code = ErrorCode.resourceExhausted;
      this.#outbox.emit({ type: "watch-refused", service, code, message });
      return;
    }
    const watch: Watch = {
      view: this.#newView(service),
      ...{ requestId: 0, isAnswered: false, isCurrent: false, lastCurrentAt: undefined },
      ...{ divergedAt: undefined, resyncCount: 0, resyncAt: instant(0), retryAt: instant(0) },
      reported: undefined,
    };
    this.#watches.set(service, watch);
    watch.view.enterRegion(this.#region);
    if (saved !== undefined) {
      const { changes } = watch.view.restore(saved);
      this.#outbox.emit({ type: "view-changed", service, changes });
    }
    this.#report(service, watch);
    if (isOnSession) this.#sendWatch(watch);
  }

  unwatch(service: string, isOnSession: boolean): void {
    const watch = this.#watches.get(service);
    if (watch === undefined) return;
    this.#watches.delete(service);
    this.#refused.delete(watch);
    this.#unsaved.delete(service);
    if (!isOnSession || !this.#isServed(watch)) return;
    this.#outbox.emit({ type: "send", message: { type: "unwatch", service } });
  }

  query(
    command: Extract<ClientCommand, { type: "query" }>,
    now: Instant,
    isOnSession: boolean,
  ): void {
    const { commandId, service, timeoutMs } = command;
    if (this.#queries.size >= CLIENT_QUERY_COUNT_MAX) {
      const message = `query ${service}: pending query count must be <= ${CLIENT_QUERY_COUNT_MAX}`;
      const code = ErrorCode.resourceExhausted;
      this.#outbox.emit({ type: "command-failed", commandId, code, message });
      return;
    }
    const query: Query = { view: this.#newView(service), requestId: 0 };
    const deadline = after(now, timeoutMs);
    this.#waiters.add({ commandId, kind: "query", subject: query, revision: 0, deadline });
    query.requestId = this.#outbox.nextRequestId();
    this.#queries.set(query.requestId, query);
    if (isOnSession) this.#sendQuery(query);
  }

  /** Told now or never: a node that cannot be told now is told when it happens again. */
  accuse({ service, id, incarnation, isRetraction }: Accusation): void {
    if (!this.#knowsAccusations || !this.#watches.has(service)) return;
    const accusation = { service, id, incarnation, isRetraction };
    this.#outbox.emit({ type: "send", message: { type: "accuse", ...accusation } });
  }

  /** A new session: all watches and open queries are sent again. */
  reconnect(): void {
    for (const watch of this.#watches.values()) {
      if (watch.requestId === 0) this.#sendWatch(watch);
    }
    const queries = [...this.#queries.values()];
    this.#queries.clear();
    for (const query of queries) {
      query.requestId = this.#outbox.nextRequestId();
      query.view.beginWatch();
      this.#queries.set(query.requestId, query);
      this.#sendQuery(query);
    }
  }

  /** A node of a region has welcomed this client: what comes now may be that region's own. */
  welcomed({ region, knowsRouteSets, knowsAccusations }: WelcomeMessage): void {
    this.#knowsAccusations = knowsAccusations;
    this.#region = region;
    for (const { view } of this.#watches.values()) view.enterRegion(region);
    this.#knowsRouteSets = knowsRouteSets;
    const routeSets = this.#watches.get(ROUTE_SET_SERVICE);
    if (routeSets !== undefined) this.#sendWatch(routeSets);
  }

  /** The session is gone: views stay and are no longer current. */
  disconnect(now: Instant): void {
    this.#region = "";
    this.#knowsRouteSets = false;
    this.#knowsAccusations = false;
    for (const [service, watch] of this.#watches) {
      if (watch.isCurrent) watch.lastCurrentAt = now;
      watch.isCurrent = false;
      watch.isAnswered = false;
      watch.divergedAt = undefined;
      watch.requestId = 0;
      this.#report(service, watch);
    }
  }

  /** To the node that was moved from: it is no longer asked what is shown. */
  sayUnwatched(): void {
    for (const service of this.#watches.keys()) {
      if (service === ROUTE_SET_SERVICE) continue;
      this.#outbox.emit({ type: "send", message: { type: "unwatch", service } });
    }
  }

  setMembers(members: readonly MemberView[]): void {
    this.#members = new Map(members.map((member) => [member.nodeId, member]));
    for (const [service, watch] of this.#watches) {
      const changes = watch.view.setMembers(this.#members);
      if (changes.length > 0) this.#outbox.emit({ type: "view-changed", service, changes });
    }
  }

  snapshot(message: SnapshotMessage, now: Instant): void {
    const query = this.#queries.get(message.requestId);
    if (query !== undefined) {
      this.#answerQuery(query, message);
      return;
    }
    const watch = this.#watches.get(message.service);
    if (watch === undefined) return;
    // Not asked for: changes were dropped because this client read too slowly, and here is all.
    const isUnasked = message.requestId === 0 && watch.isAnswered;
    // A part of an answer to an earlier watch of this session: the newer one covers it.
    if (!isUnasked && watch.requestId !== message.requestId) return;
    const { changes, draining } = watch.view.applySnapshot(message, now);
    if (isNews(message, changes)) this.#changed(message.service, changes, now);
    if (!message.isFinal) {
      this.#confirm(message.service, draining);
      return;
    }
    watch.isAnswered = true;
    this.#save(message.service, now);
    this.#compare(watch, message.digest, now);
    this.#report(message.service, watch);
    this.#confirm(message.service, watch.view.drainingRecords());
    this.#tellAhead(message.service, watch.view);
  }

  change(message: ChangeMessage, now: Instant): void {
    const watch = this.#watches.get(message.service);
    if (watch === undefined) return;
    const { changes, draining } = watch.view.applyChange(message);
    if (isNews(message, changes)) this.#changed(message.service, changes, now);
    if (watch.isAnswered) this.#compare(watch, message.digest, now);
    this.#report(message.service, watch);
    this.#confirm(message.service, draining);
    const isOfThis = (id: string) =>
      message.groups.some(({ records }) => records.some((record) => record.id === id));
    this.#tellAhead(message.service, watch.view, isOfThis);
  }

  pong(message: PongMessage, now: Instant): void {
    for (const { service, digest } of message.digests) {
      const watch = this.#watches.get(service);
      if (watch === undefined || !watch.isAnswered) continue;
      if (isSameDigest(digest, watch.view.digest)) {
        watch.resyncCount = 0;
        this.#compare(watch, digest, now);
        this.#tellAhead(service, watch.view);
      } else {
        watch.divergedAt ??= now;
        const isPatienceOver = now - watch.divergedAt >= RESYNC_PATIENCE_MS;
        if (isPatienceOver && now >= watch.resyncAt) this.#resync(service, watch, now);
      }
      this.#report(service, watch);
    }
  }

  /** @returns whether the request was one of these. */
  refused(requestId: number, code: ErrorCode, message: string, now: Instant): boolean {
    const query = this.#queries.get(requestId);
    if (query !== undefined) {
      this.#queries.delete(requestId);
      for (const { commandId } of this.#waiters.take(query, "query")) {
        this.#outbox.emit({ type: "command-failed", commandId, code, message });
      }
      return true;
    }
    for (const [service, watch] of this.#watches) {
      if (watch.requestId !== requestId) continue;
      watch.requestId = 0;
      watch.retryAt = after(now, REFUSED_RETRY_MS);
      this.#refused.add(watch);
      const level = ERROR_CODES[code].isRetryable ? "info" : "warn";
      const fields = { service, code, message };
      this.#outbox.emit({ type: "note", level, event: "client.watch-refused", fields });
      this.#outbox.emit({ type: "watch-refused", service, code, message });
      return true;
    }
    return false;
  }

  elapse(now: Instant, isOnSession: boolean): void {
    for (const { commandId, subject } of this.#waiters.takeExpired(now)) {
      this.#queries.delete(subject.requestId);
      const message = `query ${subject.view.service} was not answered in time`;
      const code = ErrorCode.deadlineExceeded;
      this.#outbox.emit({ type: "command-failed", commandId, code, message });
    }
    if (this.#saveAt <= now) this.saveNow();
    if (!isOnSession) return;
    for (const watch of [...this.#refused]) {
      if (watch.retryAt <= now) this.#sendWatch(watch);
    }
  }

  nextDeadline(isOnSession: boolean): Instant {
    let deadline = Math.min(this.#waiters.nextDeadline, this.#saveAt);
    if (isOnSession) {
      for (const watch of this.#refused) deadline = Math.min(deadline, watch.retryAt);
    }
    return instant(deadline);
  }

  /** Saves what has changed without waiting any longer. */
  saveNow(): void {
    this.#saveAt = NEVER;
    if (this.#unsaved.size === 0) return;
    const services = [...this.#unsaved].sort();
    this.#unsaved.clear();
    this.#outbox.emit({ type: "save-views", services });
  }

  close(): void {
    for (const { commandId } of this.#waiters.takeAll()) {
      const code = ErrorCode.cancelled;
      const message = "the client was closed";
      this.#outbox.emit({ type: "command-failed", commandId, code, message });
    }
    this.#queries.clear();
    this.saveNow();
  }

  #newView(service: string): ServiceView {
    const view = new ServiceView(this.#options.namespace, service, this.#options.decoder);
    if (this.#members !== undefined) view.setMembers(this.#members);
    return view;
  }

  /** Whether the node of this session answers such a watch. */
  #isServed({ view }: Watch): boolean {
    return this.#knowsRouteSets || view.service !== ROUTE_SET_SERVICE;
  }

  #sendWatch(watch: Watch): void {
    if (!this.#isServed(watch)) return;
    const { view } = watch;
    this.#sendWatchFrom(watch, view.isComplete ? view.position : [], view.heldDigest);
  }

  #sendWatchFrom(watch: Watch, position: readonly OriginVersion[], digest: ContentDigest): void {
    watch.view.beginWatch();
    watch.requestId = this.#outbox.nextRequestId();
    watch.isAnswered = false;
    this.#refused.delete(watch);
    const { requestId } = watch;
    const { service } = watch.view;
    this.#outbox.emit({
      type: "send",
      message: { type: "watch", requestId, service, position, digest },
    });
  }

  #sendQuery({ requestId, view: { service } }: Query): void {
    this.#outbox.emit({ type: "send", message: { type: "query", requestId, service } });
  }

  #answerQuery(query: Query, message: SnapshotMessage): void {
    query.view.applySnapshot(message);
    if (!message.isFinal) return;
    this.#queries.delete(query.requestId);
    const outcome = { kind: "instances", instances: query.view.instances } as const;
    for (const { commandId } of this.#waiters.take(query, "query")) {
      this.#outbox.emit({ type: "command-done", commandId, outcome });
    }
  }

  #changed(service: string, changes: ReturnType<ServiceView["setMembers"]>, now: Instant): void {
    this.#outbox.emit({ type: "view-changed", service, changes });
    this.#save(service, now);
  }

  #save(service: string, now: Instant): void {
    const { saveDelayMs } = this.#options;
    if (saveDelayMs === undefined || this.#watches.get(service)?.view.isComplete !== true) return;
    this.#unsaved.add(service);
    if (this.#saveAt === NEVER) this.#saveAt = after(now, saveDelayMs);
  }

  /** Exact agreement or not, at a point where the node has sent all that it counts. */
  #compare(watch: Watch, digest: ContentDigest, now: Instant): void {
    watch.isCurrent = isSameDigest(digest, watch.view.digest);
    if (watch.isCurrent) {
      watch.lastCurrentAt = now;
      watch.divergedAt = undefined;
    } else {
      watch.divergedAt ??= now;
    }
  }

  #resync(service: string, watch: Watch, now: Instant): void {
    if (watch.isCurrent) watch.lastCurrentAt = now;
    watch.isCurrent = false;
    watch.divergedAt = undefined;
    const exponent = Math.min(watch.resyncCount, 16);
    watch.resyncAt = after(now, Math.min(RESYNC_MAX_MS, RESYNC_MIN_MS * 2 ** exponent));
    watch.resyncCount += 1;
    const fields = { service, count: watch.resyncCount };
    this.#outbox.emit({ type: "note", level: "warn", event: "client.view-diverged", fields });
    watch.view.forgetPosition();
    this.#sendWatchFrom(watch, [], EMPTY_DIGEST);
  }

  /** Again with each verification: what is on its way to another node may be lost. */
  #tellAhead(service: string, view: ServiceView, isMeant = (_id: string) => true): void {
    const lost = view.lostStamps.filter(({ id }) => isMeant(id));
    for (const { id, stamp } of lost.slice(0, AHEAD_COUNT_MAX)) {
      this.#outbox.emit({ type: "send", message: { type: "ahead", service, id, stamp } });
    }
  }

  #confirm(service: string, draining: readonly DrainingRecord[]): void {
    for (const { id, stamp } of draining) {
      this.#outbox.emit({ type: "send", message: { type: "confirm", service, id, stamp } });
    }
  }

  #report(service: string, watch: Watch): void {
    const { view, isCurrent, lastCurrentAt } = watch;
    const { isComplete, isRestored } = view;
    const held = watch.reported;
    const isSame =
      held?.isComplete === isComplete &&
      held.isCurrent === isCurrent &&
      held.isRestored === isRestored;
    if (isSame && (isCurrent || held?.lastCurrentAt === lastCurrentAt)) return;
    watch.reported = { isComplete, isCurrent, isRestored, lastCurrentAt };
    this.#outbox.emit({ type: "view-state", service, state: watch.reported });
  }
}

/** Route sets are no instances: a view's changes do not tell of them. */
function isNews({ service }: { service: string }, changes: readonly unknown[]): boolean {
  return changes.length > 0 || service === ROUTE_SET_SERVICE;
}
