/** Looks at a world and keeps what the page shows of it: messages, contents and a log. */
import type { ClientEffect, LeaveReason, ViewInstance } from "@fpzk/core";
import type { Flight, SimClient, SimNode, World, WorldObserver } from "@fpzk/sim";
import { isNode, keyOf } from "../world/cast.js";
import { contentOf } from "./content.js";
import { LogBook } from "./log-book.js";
import { kindOf, type MessageKind } from "./message-kind.js";
import { type Look, lookOf, lookText, noteText, removalText, type Wording } from "./wording.js";

/** A message on its way, by actors. */
export interface SeenMessage {
  readonly from: string;
  readonly to: string;
  readonly kind: MessageKind;
  readonly sentAt: number;
  /** Undefined when it is lost. */
  readonly arrivesAt: number | undefined;
}

/** Messages not yet fetched; beyond it the oldest are forgotten: nobody sees so many at once. */
const MESSAGE_COUNT_MAX = 2_000;

type ViewChanged = Extract<ClientEffect, { type: "view-changed" }>;

export class Witness implements WorldObserver {
  readonly log = new LogBook();
  readonly #world: World;
  readonly #contents = new Map<string, string>();
  readonly #dirty = new Set<SimNode>();
  readonly #looks = new Map<string, Look>();
  readonly #names = new Set<string>();
  /** By actor: the instance that it picked last. */
  readonly #picks = new Map<string, string | undefined>();
  #messages: SeenMessage[] = [];
  /** Of a fast forward: what may still be under way when it ends. */
  #passed: Flight[] = [];
  /** While a world is run to where it is wanted: see {@link takeMessages}. */
  isFastForward = false;
  /** What one can see happened: a message of substance left, a view changed, a note was made. */
  eventCount = 0;

  constructor(world: World) {
    this.#world = world;
    world.observe(this);
  }

  /** The messages sent since the last call; of a time that was passed over, those still under way. */
  takeMessages(): readonly SeenMessage[] {
    const taken = this.#messages;
    this.#messages = [];
    return taken;
  }

  /** Ends a fast forward. */
  arrive(): void {
    this.isFastForward = false;
    for (const flight of this.#stillUnderWay()) this.#see(flight);
    this.#passed = [];
  }

  /** Digest of what a node holds. */
  content(node: SimNode): string {
    const known = this.#contents.get(node.id);
    if (known !== undefined && !this.#dirty.delete(node)) return known;
    const content = contentOf(node.node.table);
    this.#contents.set(node.id, content);
    return content;
  }

  /** The ids of all instances that any view ever showed, in order. */
  get names(): readonly string[] {
    return [...this.#names].sort((a, b) => a.localeCompare(b, "en", { numeric: true }));
  }

  /** What an actor picked last; undefined when it found nothing to pick. */
  lastPick(key: string): string | undefined {
    return this.#picks.get(key);
  }

  say(wording: Wording, who?: string): void {
    this.eventCount += 1;
    this.log.tell(this.#world.now(), wording.tone, wording.text, who);
  }

  // -- what the world tells -------------------------------------------------------------------

  nodeStarted(node: SimNode): void {
    this.#contents.delete(node.id);
  }

  stored(node: SimNode): void {
    this.#dirty.add(node);
  }

  dropped(node: SimNode): void {
    this.#dirty.add(node);
  }

  carried(flight: Flight): void {
    if (!this.isFastForward) {
      this.#see(flight);
      return;
    }
    this.#passed.push(flight);
    if (this.#passed.length > MESSAGE_COUNT_MAX) this.#passed = this.#stillUnderWay();
  }

  noted(
    process: SimNode | SimClient,
    note: { event: string; fields: Readonly<Record<string, string | number | boolean>> },
  ): void {
    const who = isNode(process) ? process.id : keyOf(process.id);
    const wording = noteText(who, note.event, note.fields);
    if (wording !== undefined) this.say(wording, wording.isWitnessed === true ? who : undefined);
  }

  picked(client: SimClient, _service: string, instance: ViewInstance | undefined): void {
    this.#picks.set(keyOf(client.id), instance?.id);
  }

  viewChanged(client: SimClient, { changes }: ViewChanged): void {
    const who = keyOf(client.id);
    for (const change of changes) {
      const { instance } = change;
      const place = `${client.id} ${instance.service} ${instance.id}`;
      if (change.type === "removed") this.#removed(who, place, instance.id, change.reason);
      else this.#seen(who, place, instance.id, lookOf(instance));
    }
  }

  #stillUnderWay(): Flight[] {
    const now = this.#world.now();
    return this.#passed.filter(({ arrivesAt }) => arrivesAt !== undefined && arrivesAt > now);
  }

  #see(flight: Flight): void {
    const kind = kindOf(flight);
    if (kind === undefined) return;
    if (kind === "change" || kind === "confirmation") this.eventCount += 1;
    const { sentAt, arrivesAt } = flight;
    const [from, to] = [keyOf(flight.from), keyOf(flight.to)];
    this.#messages.push({ from, to, kind, sentAt, arrivesAt });
    if (this.#messages.length > MESSAGE_COUNT_MAX) this.#messages.shift();
  }

  #seen(who: string, place: string, name: string, look: Look): void {
    this.#names.add(name);
    if (this.#looks.get(place) === look) return;
    this.#looks.set(place, look);
    this.say(lookText(name, look), who);
  }

  #removed(who: string, place: string, name: string, reason: LeaveReason): void {
    this.#looks.delete(place);
    this.say(removalText(name, reason), who);
  }
}
