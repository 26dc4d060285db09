/**
 * What is sent over each peer link, and when.
 *
 * *Push*: at the end of a turn a node sends its own new writes to its mesh and, once per remote
 * region, to its relay there; what came from another region goes on to the mesh. A busy link is
 * skipped and catches up later with the latest of each key. *Repair*: each round every link
 * carries digests; what the peer lacked for a round is sent again, from any origin, so that any
 * connected graph converges (P2). *Reset*: a peer below a watermark is given everything, part by
 * part, and drops what the giver has seen and no longer holds.
 *
 * Does not decide whom to connect to: see membership.ts.
 */
import { EMPTY_DIGEST, isSameDigest } from "../hash.js";
import { DELTA_MAX_BYTES } from "../limits.js";
import { PhiAccrualDetector } from "../membership/phi-accrual.js";
import type {
  DeltaGroup,
  DeltaMessage,
  DigestEntry,
  DigestMessage,
  OriginVersion,
  RepairRequest,
  ResetMessage,
} from "../messages.js";
import type { LinkKey, PeerIdentity } from "../node/events.js";
import { compareOrigins, type Origin, originText, type RegistryRecord, Scope } from "../record.js";
import { NO_SLOT, type OriginIndex, type Slot } from "../table/record-table.js";
import type { Instant } from "../time.js";
import {
  type DigestOptions,
  digestOf,
  floorsOf,
  hasSeenAll,
  hear,
  heldByPeer,
  indexesOf,
} from "./digest-round.js";
import { holesByOrigin } from "./hole-list.js";
import {
  isOwnOf,
  nextCursor,
  type PeerLink,
  RECORD_OVERHEAD_BYTES,
  resumeSlot,
  sizeOf,
  type Transfer,
} from "./peer-link.js";
import type { PeerLinksCounters, PeerLinksOptions } from "./peer-links-options.js";
import { noteQuarantine, noteRefusedParts } from "./quarantine-notes.js";
import { closeEndedLives, NO_PROBES, type Probes, planProbes } from "./quarantine-probe.js";
import { acknowledge, replacedByFor, waiveReplacing } from "./replaced-by.js";
import type { Replica } from "./replica.js";
import { SlotSet } from "./slot-set.js";
import { wholeGroup } from "./whole-group.js";

export type { PeerLinksCounters, PeerLinksOptions } from "./peer-links-options.js";

/** Digests are exchanged this often on every link, with jitter. */
export const DIGEST_INTERVAL_MS = 1_000;
/** News that spans more versions than this goes out as a transfer, not in one turn. */
const NEWS_VERSION_COUNT_MAX = 4_096;

export class PeerLinks {
  readonly #replica: Replica;
  readonly #region: string;
  readonly #send: PeerLinksOptions["send"];
  readonly #note: PeerLinksOptions["note"];
  readonly #counters: PeerLinksCounters;
  readonly #isPlausible: (generation: number) => boolean;
  readonly #links = new Map<LinkKey, PeerLink>();
  /** Origins with news for the mesh: own writes and what came from other regions. */
  readonly #dirtyForMesh = new Set<OriginIndex>();
  /** Own origins with news for other regions. */
  readonly #dirtyForRemote = new Set<OriginIndex>();
  #probes: Probes = NO_PROBES;
  #revision = 0;

  constructor(options: PeerLinksOptions) {
    this.#replica = options.replica;
    this.#region = options.region;
    this.#send = options.send;
    this.#note = options.note;
    this.#counters = options.counters;
    this.#isPlausible = options.isPlausibleGeneration ?? (() => true);
  }

  get all(): Iterable<PeerLink> {
    return this.#links.values();
  }

  get count(): number {
    return this.#links.size;
  }

  get(key: LinkKey): PeerLink | undefined {
    return this.#links.get(key);
  }

  /** The link to a node, if one is open. */
  toNode(nodeId: string): PeerLink | undefined {
    for (const link of this.#links.values()) if (link.peer.nodeId === nodeId) return link;
    return undefined;
  }

  open(key: LinkKey, peer: PeerIdentity, isOutbound: boolean, now: Instant): PeerLink {
    const link: PeerLink = {
      key,
      peer,
      isOutbound,
      isSameRegion: peer.region === this.#region,
      detector: new PhiAccrualDetector(now, { expectedIntervalMs: DIGEST_INTERVAL_MS }),
      ...{ sent: [], seenAtDigest: [], entries: [], entryIndexes: [] },
      ...{ isCongested: false, isPeerReady: false, hasDigest: false, isSilent: false },
      refusedPartCount: 0,
      replacedByRevision: 0,
      hears: new Set(),
      divergenceCount: 0,
      transfer: undefined,
      incoming: undefined,
    };
    this.#links.set(key, link);
    this.#revision += 1;
    return link;
  }

  /** Rises when links come and go, and when a peer hears others than before. */
  get revision(): number {
    return this.#revision;
  }

  close(key: LinkKey): PeerLink | undefined {
    const link = this.#links.get(key);
    if (this.#links.delete(key)) this.#revision += 1;
    return link;
  }

  /** Notes that this node wrote a record. */
  wroteOwn(index: OriginIndex): void {
    this.#dirtyForMesh.add(index);
    this.#dirtyForRemote.add(index);
  }

  /** Whether {@link pump} could send more now. */
  get hasTransfers(): boolean {
    for (const link of this.#links.values()) {
      if (link.transfer !== undefined && !link.isCongested) return true;
    }
    return false;
  }

  /** Whether {@link pushNews} would do anything. */
  get hasNews(): boolean {
    return this.#dirtyForMesh.size > 0 || this.#dirtyForRemote.size > 0 || this.hasTransfers;
  }

  /** Sends news; `relays` are the links that carry this node's writes to other regions. */
  pushNews(relays: () => readonly PeerLink[]): void {
    if (this.#dirtyForMesh.size > 0) {
      const mesh = [...this.#links.values()].filter((link) => link.isSameRegion);
      this.#pushTo(mesh, this.#dirtyForMesh);
    }
    if (this.#dirtyForRemote.size > 0) this.#pushTo(relays(), this.#dirtyForRemote);
    this.#dirtyForMesh.clear();
    this.#dirtyForRemote.clear();
    this.pump();
  }

  /** Before a round of digests: chooses who is asked again for what could not be read. */
  planProbes(now: Instant): void {
    noteQuarantine(this.#replica.quarantine, this.#counters, this.#note);
    const all = [...this.#links.values()];
    waiveReplacing(this.#replica, now, () => all.every((link) => this.isCaughtUp(link)));
    this.#probes = planProbes(this.#replica, this.#links.values(), now);
  }

  sendDigest(link: PeerLink, options: DigestOptions): void {
    this.#counters.repairRounds += 1;
    const entries = this.#replica.announcement(link.isSameRegion, this.#probes.get(link.key));
    this.#send([link.key], digestOf(this.#replica, entries, options));
  }

  /** A round of digests: what several links are told alike is put together and encoded once. */
  sendDigests(options: DigestOptions): void {
    for (const isSameRegion of [true, false]) {
      const keys: LinkKey[] = [];
      for (const link of this.#links.values()) {
        if (link.isSameRegion !== isSameRegion) continue;
        if (this.#probes.has(link.key)) this.sendDigest(link, options);
        else keys.push(link.key);
      }
      if (keys.length === 0) continue;
      this.#counters.repairRounds += keys.length;
      this.#send(keys, digestOf(this.#replica, this.#replica.announcement(isSameRegion), options));
    }
  }

  /** Takes a peer's digest: sends what it lacks, and tells whether this copy lacks anything. */
  receiveDigest(link: PeerLink, message: DigestMessage, options: { isReady: boolean }): void {
    this.#noteUnread(link, message);
    const isFirst = !link.hasDigest;
    link.hasDigest = true;
    link.isPeerReady = message.isReady;
    if (hear(link, message)) this.#revision += 1;
    link.entryIndexes = indexesOf(this.#replica, link, message.entries);
    link.entries = message.entries;
    const held = heldByPeer(this.#replica, link);
    closeEndedLives(this.#replica, link);
    acknowledge(this.#replica, link, held);
    // Not before what replaced the records of a collected origin is here: a view would lose them.
    if (this.isCaughtUp(link) && this.#replica.closed.isClosed) {
      for (const floor of message.floors) this.#replica.raiseFloor(floor.nodeId, floor.generation);
    }
    const floors = floorsOf(message);
    const lacking: { index: OriginIndex; from: number }[] = [];
    let isBelowWatermark = false;
    for (const index of this.#replica.origins(link.isSameRegion)) {
      const origin = this.#replica.table.origin(index);
      if (origin.generation <= (floors.get(origin.nodeId) ?? 0)) continue;
      const seen = this.#replica.seenVersion(index);
      const version = held[index]?.version ?? 0;
      const isLagging = version < (link.seenAtDigest[index] ?? 0);
      const isDue = message.repair === "now" || isFirst || isLagging;
      if (version < seen && isDue && this.#isGiven(link, index, { version, ...message })) {
        // Never a patch: it would hide that tombstones were missed (P5).
        // Of what is held in part there is no proof to reset with: another peer has it whole.
        const isBelow = version < this.#replica.watermark(index);
        if (isBelow && this.#replica.isWhole(index)) isBelowWatermark = true;
        else if (isBelow) continue;
        else lacking.push({ index, from: version });
      }
      link.seenAtDigest[index] = seen;
      if (version > (link.sent[index] ?? 0)) link.sent[index] = version;
    }
    if (link.transfer !== undefined) return;
    if (isBelowWatermark && options.isReady && message.repair !== "none")
      this.#startTransfer(link, "reset", [], []);
    else if (lacking.length > 0) this.#startTransfer(link, "delta", lacking, []);
    else if (message.isReady && options.isReady && this.isCaughtUp(link))
      this.#healDivergence(link, held);
    this.pump();
  }

  /** Takes a delta. Returns false when it does not attach: the caller answers with its digest. */
  receiveDelta(link: PeerLink, message: DeltaMessage, now: Instant): boolean {
    let isAttached = true;
    this.#counters.deltasReceived += 1;
    this.#takeReplacedBy(link, message, now);
    for (const group of message.groups) {
      if (!this.#isAcceptable(link, group.origin)) continue;
      this.#counters.recordsReceived += group.records.length;
      const outcome = this.#replica.apply(group, now, link.peer.nodeId);
      if (outcome === "gap") {
        isAttached = false;
        this.#counters.gaps += 1;
        continue;
      }
      if (outcome === "refused") continue;
      const index = this.#replica.table.originIndex(group.origin);
      if (group.to > (link.sent[index] ?? 0)) link.sent[index] = group.to;
      if (!link.isSameRegion) this.#dirtyForMesh.add(index);
    }
    this.#noteUnread(link, message);
    return isAttached;
  }

  /** Takes a part of a reset; at the final one drops what the giver proved to be gone. */
  receiveReset(link: PeerLink, message: ResetMessage, now: Instant): void {
    link.incoming ??= { confirmed: new SlotSet(), torn: [], hasRefused: false };
    if (message.refused !== undefined) link.incoming.hasRefused = true;
    for (const group of message.groups) {
      if (!this.#isAcceptable(link, group.origin)) continue;
      if (this.#replica.isCollected(group.origin)) continue;
      const isDivergence = message.origins.length > 0;
      const isCorrecting = isDivergence && this.#yieldsTo(link, group.origin);
      if (group.holes !== undefined) link.incoming.torn.push(group);
      for (const record of group.records) {
        this.#counters.recordsReceived += 1;
        const slot = this.#takeReset(record, isCorrecting, now);
        if (slot !== NO_SLOT) link.incoming.confirmed.add(slot);
      }
    }
    if (!message.isFinal) return;
    this.#counters.resetsReceived += 1;
    const { confirmed, torn, hasRefused } = link.incoming;
    link.incoming = undefined;
    const holesOf = holesByOrigin(torn);
    this.#takeReplacedBy(link, message, now);
    for (const floor of message.floors) this.#replica.raiseFloor(floor.nodeId, floor.generation);
    for (const entry of message.entries) {
      if (!this.#isAcceptable(link, entry.origin)) continue;
      const holes = holesOf.get(originText(entry.origin)) ?? [];
      this.#replica.endReset(entry, holes, { giver: link.peer.nodeId, now });
      if (!link.isSameRegion && !this.#replica.isOwn(entry.origin)) {
        this.#dirtyForMesh.add(this.#replica.table.originIndex(entry.origin));
      }
    }
    // What could not be read, or is still to come, may be what a held record was replaced by.
    const isProof = torn.length === 0 && !hasRefused && this.#replica.closed.isClosed;
    if (isProof) this.#sweep(link, message, confirmed);
    this.#noteUnread(link, message);
  }

  /** Goes on with transfers, one part of each: one part is thousands of records, and others wait. */
  pump(): void {
    for (const link of this.#links.values()) {
      if (link.transfer !== undefined && !link.isCongested) this.#sendPart(link, link.transfer);
    }
  }

  /** Whether this copy has seen all that the peer's last digest names. */
  isCaughtUp(link: PeerLink): boolean {
    return link.incoming === undefined && hasSeenAll(this.#replica, link);
  }

  /** A link can take more again: this node's own writes that it missed are news again. */
  catchUp(): void {
    for (const index of this.#replica.origins(true)) {
      if (this.#replica.isOwn(this.#replica.table.origin(index))) this.wroteOwn(index);
    }
  }

  #pushTo(links: readonly PeerLink[], origins: ReadonlySet<OriginIndex>): void {
    const byMessage = new Map<string, { links: PeerLink[]; from: number[] }>();
    const indexes = [...origins].sort((a, b) => a - b);
    for (const link of links) {
      if (link.isCongested || link.transfer !== undefined || !link.hasDigest) continue;
      const from = indexes.map((index) => this.#fromVersion(link, index));
      const batch = byMessage.get(from.join());
      if (batch === undefined) byMessage.set(from.join(), { links: [link], from });
      else batch.links.push(link);
    }
    for (const batch of byMessage.values()) {
      const wanted = indexes.flatMap((index, position) => {
        const from = batch.from[position] ?? -1;
        return from < 0 ? [] : [{ index, from }];
      });
      if (wanted.length > 0) this.#sendNews(batch.links, wanted);
    }
  }

  /** The version above which the link lacks an origin's records, or -1 when it lacks nothing. */
  #fromVersion(link: PeerLink, index: OriginIndex): number {
    const origin = this.#replica.table.origin(index);
    if (!link.isSameRegion && origin.scope === Scope.region) return -1;
    if (isOwnOf(link.peer, origin)) return -1;
    const sent = link.sent[index] ?? 0;
    // Below the watermark news would hide the tombstones that are gone: the next digest resets.
    if (sent < this.#replica.watermark(index)) return -1;
    return sent < this.#replica.seenVersion(index) ? sent : -1;
  }

  /** Whether this node is to repair an origin: a peer that fills from another link gets own news. */
  #isGiven(
    link: PeerLink,
    index: OriginIndex,
    asked: { version: number; repair: RepairRequest },
  ): boolean {
    const origin = this.#replica.table.origin(index);
    if (isOwnOf(link.peer, origin)) return false;
    if (asked.repair !== "none") return true;
    const spanCount = this.#replica.seenVersion(index) - asked.version;
    return this.#replica.isOwn(origin) && spanCount <= NEWS_VERSION_COUNT_MAX;
  }

  /** Sends the same news to links that lack the same; each message within its byte budget. */
  #sendNews(
    links: readonly PeerLink[],
    wanted: readonly { index: OriginIndex; from: number }[],
  ): void {
    const isFar = wanted.some(
      ({ index, from }) => this.#replica.seenVersion(index) - from > NEWS_VERSION_COUNT_MAX,
    );
    const whole = isFar
      ? []
      : wanted.map(({ index, from }) => wholeGroup(this.#replica, index, from));
    if (isFar || whole.some(({ size }) => size > DELTA_MAX_BYTES)) {
      for (const link of links) this.#startTransfer(link, "delta", wanted, []);
      return;
    }
    const keys = links.map((link) => link.key);
    let groups: DeltaGroup[] = [];
    let bytes = 0;
    for (const { group, index, size } of whole) {
      if (bytes > 0 && bytes + size > DELTA_MAX_BYTES) {
        this.#sendDelta(keys, groups);
        groups = [];
        bytes = 0;
      }
      groups.push(group);
      bytes += size;
      for (const link of links) link.sent[index] = group.to;
    }
    if (groups.length > 0) this.#sendDelta(keys, groups);
  }

  /** `ahead`: of an origin that is cut within its versions, what is still to come. */
  #sendDelta(
    keys: readonly LinkKey[],
    groups: readonly DeltaGroup[],
    ahead: readonly OriginVersion[] = [],
  ): void {
    this.#counters.deltasSent += keys.length;
    for (const group of groups) this.#counters.recordsSent += group.records.length * keys.length;
    const links = keys.flatMap((key) => this.#links.get(key) ?? []);
    this.#send(keys, { type: "delta", groups, ...replacedByFor(this.#replica, links, ahead) });
  }

  #startTransfer(
    link: PeerLink,
    kind: Transfer["kind"],
    pending: readonly { index: OriginIndex; from: number }[],
    only: readonly Origin[],
  ): void {
    const entries = kind === "reset" ? this.#entriesOf(link, only) : [];
    link.transfer = {
      kind,
      origins: only,
      pending:
        kind === "delta"
          ? [...pending]
          : entries.map((entry) => ({
              index: this.#replica.table.originIndex(entry.origin),
              from: 0,
            })),
      lastSlot: NO_SLOT,
      entries,
    };
    if (kind === "delta") return;
    this.#counters.resetsSent += 1;
    const fields = { peer: link.peer.nodeId, originCount: entries.length };
    this.#note("info", "replica.reset-sent", fields);
    for (const entry of entries) {
      link.sent[this.#replica.table.originIndex(entry.origin)] = entry.version;
    }
  }

  #entriesOf(link: PeerLink, only: readonly Origin[]): DigestEntry[] {
    const names = new Set(only.map(originText));
    return this.#replica
      .digest(link.isSameRegion)
      .filter((entry) => names.size === 0 || names.has(originText(entry.origin)));
  }

  #sendPart(link: PeerLink, transfer: Transfer): void {
    const groups: DeltaGroup[] = [];
    const ahead: OriginVersion[] = [];
    let bytes = 0;
    while (bytes < DELTA_MAX_BYTES) {
      const cursor = transfer.pending[0];
      if (cursor === undefined) break;
      const start = cursor.from;
      // While it waited, a tombstone that it was to bring was forgotten: the next digest resets.
      if (transfer.kind === "delta" && start < this.#replica.watermark(cursor.index)) {
        nextCursor(transfer);
        continue;
      }
      const records: RegistryRecord[] = [];
      const seen = this.#replica.seenVersion(cursor.index);
      // What lies above, a reset brought that may have broken off: it is told as no more than held.
      const last = transfer.kind === "delta" ? seen : Number.POSITIVE_INFINITY;
      const isEnd = (at: Slot) => at === NO_SLOT || this.#replica.table.version(at) > last;
      let slot = resumeSlot(this.#replica.table, transfer);
      while (!isEnd(slot) && bytes < DELTA_MAX_BYTES) {
        const record = this.#replica.table.read(slot);
        records.push(record);
        bytes += sizeOf(record);
        transfer.lastSlot = slot;
        cursor.from = record.version;
        slot = this.#replica.table.nextOf(slot);
      }
      const isWhole = isEnd(slot);
      const to = isWhole ? Math.max(seen, start) : cursor.from;
      bytes += RECORD_OVERHEAD_BYTES;
      const origin = this.#replica.table.origin(cursor.index);
      const holes = transfer.kind === "delta" ? this.#replica.holesIn(cursor.index, start, to) : {};
      groups.push({ origin, from: start, to, records, ...holes });
      if (!isWhole) {
        ahead.push({ origin, version: seen });
        break;
      }
      if (transfer.kind === "delta") link.sent[cursor.index] = to;
      nextCursor(transfer);
    }
    const isFinal = transfer.pending.length === 0;
    if (isFinal) link.transfer = undefined;
    if (transfer.kind === "delta") {
      if (groups.length > 0) this.#sendDelta([link.key], groups, ahead);
      return;
    }
    for (const group of groups) this.#counters.recordsSent += group.records.length;
    this.#send([link.key], {
      type: "reset",
      origins: transfer.origins,
      groups,
      isFinal,
      entries: isFinal ? transfer.entries : [],
      floors: isFinal ? this.#replica.floors : [],
      ...(isFinal ? replacedByFor(this.#replica, [link]) : {}),
    });
  }

  #sweep(link: PeerLink, message: ResetMessage, confirmed: SlotSet): void {
    const only = new Set(message.origins.map(originText));
    const versions = new Map<OriginIndex, number>();
    for (const entry of message.entries) {
      // Asking must not intern: a list of lies would fill the table of origins.
      const index = this.#replica.table.findOrigin(entry.origin);
      if (index >= 0) versions.set(index, entry.version);
    }
    let dropped = 0;
    for (const slot of [...this.#replica.table.slots()]) {
      if (confirmed.has(slot)) continue;
      const index = this.#replica.table.originOf(slot);
      const origin = this.#replica.table.origin(index);
      if (!this.#isAcceptable(link, origin)) continue;
      if (only.size > 0 && !only.has(originText(origin))) continue;
      if (this.#replica.table.version(slot) > (versions.get(index) ?? 0)) continue;
      this.#replica.collect(slot);
      dropped += 1;
    }
    this.#note("info", "replica.reset-received", { peer: link.peer.nodeId, dropped });
  }

  /**
   * Takes one record of a reset; returns its key's slot. What this copy has seen and does not hold
   * is gone, and a giver that still shows it is behind: it does not come back (P5). Nor can anybody
   * tell this node what it wrote itself; that a giver holds it too is heard.
   */
  #takeReset(record: RegistryRecord, isCorrecting: boolean, now: Instant): Slot {
    const replica = this.#replica;
    if (replica.isOwn(record.origin)) return replica.find(record);
    const isSeen = replica.hasRead(record.origin, record.version);
    if (!isSeen) return replica.merge(record, now);
    if (isCorrecting) replica.replaceIfDifferent(record, now);
    return replica.find(record);
  }

  /** Of two contents of one version, whose is right: the writer's, else the greater node id's. */
  #yieldsTo(link: PeerLink, origin: Origin): boolean {
    if (this.#replica.isOwn(origin)) return false;
    return isOwnOf(link.peer, origin) || link.peer.nodeId > this.#replica.nodeId;
  }

  /** Region-scoped streams never cross a region's border, whoever sends them. */
  #isAcceptable(link: PeerLink, origin: Origin): boolean {
    if (!link.isSameRegion && origin.scope === Scope.region) return false;
    if (!this.#isPlausible(origin.generation)) return false;
    return this.#replica.isKnown(origin) || this.#replica.hasRoomForOrigin;
  }

  /**
   * Equal versions must mean equal content. Where they do not, each gives the other its content, and
   * each drops what the other has seen and does not hold: a removal whose tombstone is forgotten
   * beats a copy that missed it, and whoever wrote a record that lives writes it anew, above (P5).
   * Of a record that both hold, the writer's content counts, or else that of the greater node id.
   * Again only ever more seldom, should it not help.
   */
  #healDivergence(link: PeerLink, held: readonly (DigestEntry | undefined)[]): void {
    const diverged: Origin[] = [];
    for (const index of this.#replica.origins(link.isSameRegion)) {
      const entry = held[index];
      if (entry?.isPartial === true || !this.#replica.isWhole(index)) continue;
      // What is held of an origin that neither has seen anything of counts too.
      const { version = 0, content = EMPTY_DIGEST } = entry ?? {};
      if (version !== this.#replica.seenVersion(index)) return;
      if (!isSameDigest(content, this.#replica.table.digestOfOrigin(index))) {
        diverged.push(this.#replica.table.origin(index));
      }
    }
    if (diverged.length === 0) {
      link.divergenceCount = 0;
      return;
    }
    link.divergenceCount += 1;
    // The 1st, 2nd, 4th, 8th ... round in a row.
    if ((link.divergenceCount & (link.divergenceCount - 1)) !== 0) return;
    this.#counters.divergences += diverged.length;
    this.#note("warn", "replica.diverged", {
      peer: link.peer.nodeId,
      origin: diverged.sort(compareOrigins).map(originText).join(" ").replaceAll("\u0001", "/"),
    });
    this.#startTransfer(link, "reset", [], diverged);
  }

  /** Before anything of the message counts as seen. */
  #takeReplacedBy(link: PeerLink, message: DeltaMessage | ResetMessage, now: Instant): void {
    for (const entry of message.replacedBy ?? []) {
      if (this.#isAcceptable(link, entry.origin)) this.#replica.nameReplacing(entry, now);
    }
  }

  #noteUnread(link: PeerLink, message: DigestMessage | DeltaMessage | ResetMessage): void {
    noteRefusedParts(link, message.refused, this.#counters, this.#note);
    noteQuarantine(this.#replica.quarantine, this.#counters, this.#note);
  }
}
