/**
 * A history as lines that a person can follow: who did what when, up to the failure.
 *
 * Told are strikes, processes that start and end, what programs ask for and are told, tombstones,
 * suspicions and changes of views. Of a long history what the failure is about is told in full, and
 * of the rest only strikes and lives.
 */
import {
  type ClientEffect,
  type ClientEvent,
  type CommandOutcome,
  type Effect,
  InstanceState,
  RecordKind,
  type RegistrationStatus,
  type RegistryRecord,
  RemovalReason,
  type Stamp,
} from "@fpzk/core";
import type { Strike } from "../history/strike.js";
import type { Failure } from "../oracles/verdict.js";
import type { WorldObserver } from "../world/observer.js";
import type { SimClient } from "../world/sim-client.js";
import type { SimNode } from "../world/sim-node.js";
import type { World } from "../world/world.js";

interface Line {
  readonly at: number;
  readonly who: string;
  readonly text: string;
  /** `service/id` of the instance it is about; undefined when it concerns everybody. */
  readonly instance?: string;
}

type ViewChanged = Extract<ClientEffect, { type: "view-changed" }>;

/** Lines kept of one history: the oldest go first. */
const LINE_COUNT_MAX = 50_000;
/** Lines told: more nobody reads. */
const TOLD_COUNT_MAX = 400;
/** What happened in this time before a failure is told whomever it is about. */
const FULL_BEFORE_MS = 1_500;
const NOTES_TOLD = /^(lease|member|node|client\.(superseded|claimed|view|offline|online|stalled))/;

export class Transcript implements WorldObserver {
  #world: World | undefined;
  #lines: Line[] = [];

  /** Looks at a world from now on. */
  attach(world: World): void {
    this.#world = world;
    world.observe(this);
  }

  nodeStarted(node: SimNode): void {
    this.#add(node.id, `starts (generation ${node.node.generation})`);
  }

  nodeEnded(node: SimNode): void {
    this.#add(node.id, "ends");
  }

  clientStarted(client: SimClient): void {
    this.#add(client.id, `starts in ${client.region}`);
  }

  clientEnded(client: SimClient): void {
    this.#add(client.id, "ends");
  }

  asked(client: SimClient, event: ClientEvent): void {
    if (!("service" in event)) return;
    const { service } = event;
    const instance = "id" in event ? `${service}/${event.id}` : undefined;
    const state = event.type === "set-state" ? ` ${nameIn(InstanceState, event.state)}` : "";
    this.#add(client.id, `asks: ${event.type}${state} ${instance ?? service}`, instance);
  }

  commandDone(client: SimClient, commandId: number, outcome: CommandOutcome): void {
    if (outcome.kind !== "drained") return;
    const { confirmedCount, unconfirmed } = outcome;
    const rest = unconfirmed.length === 0 ? "by everyone" : `not by ${unconfirmed.join(", ")}`;
    this.#add(client.id, `is told: drain #${commandId} confirmed by ${confirmedCount}, ${rest}`);
  }

  registration(
    client: SimClient,
    { service, id }: { readonly service: string; readonly id: string },
    status: RegistrationStatus,
  ): void {
    this.#add(client.id, `is told: ${service}/${id} is ${status}`, `${service}/${id}`);
  }

  stored(node: SimNode, record: RegistryRecord): void {
    if (record.kind !== RecordKind.instance && record.kind !== RecordKind.override) return;
    const instance = `${record.service}/${record.id}`;
    const { origin } = record;
    const isWriter = origin.nodeId === node.id && origin.generation === node.node.generation;
    const verb = isWriter ? "writes" : `takes from ${origin.nodeId}:`;
    const what = record.kind === RecordKind.override ? "override of " : "";
    this.#add(node.id, `${verb} ${what}${instance} ${recordText(record)}`, instance);
  }

  dropped(node: SimNode, record: RegistryRecord): void {
    if (record.kind !== RecordKind.instance) return;
    const instance = `${record.service}/${record.id}`;
    this.#add(node.id, `forgets ${instance} ${recordText(record)}`, instance);
  }

  viewChanged(client: SimClient, effect: ViewChanged): void {
    for (const change of effect.changes) {
      const { service, id, stamp, state, liveness } = change.instance;
      const instance = `${service}/${id}`;
      const how =
        change.type === "removed"
          ? `loses ${instance} ${stampText(stamp)}, reason ${nameIn(RemovalReason, change.reason)}`
          : `shows ${instance} ${stampText(stamp)} ${nameIn(InstanceState, state)}, ${liveness}`;
      this.#add(client.id, `view: ${how}`, instance);
    }
  }

  noted(
    process: SimNode | SimClient,
    { event, fields }: Extract<Effect | ClientEffect, { type: "note" }>,
  ): void {
    if (!NOTES_TOLD.test(event)) return;
    const { service, id } = fields as { service?: unknown; id?: unknown };
    const instance = service === undefined || id === undefined ? undefined : `${service}/${id}`;
    this.#add(process.id, `notes: ${event} ${JSON.stringify(fields)}`, instance);
  }

  /** The lines up to the first failure, and what failed. */
  tell(ending: { readonly strikes: readonly Strike[]; readonly failures: readonly Failure[] }) {
    const [failure] = ending.failures;
    const end = failure?.at ?? Number.POSITIVE_INFINITY;
    const subjects = new Set(failure === undefined ? [] : instancesIn(failure.text));
    const strikes = ending.strikes.map(
      ({ index, at, name, detail }): Line => ({
        at,
        who: "STRIKE",
        text: `${index} ${name} ${detail}`,
      }),
    );
    const told = [...strikes, ...this.#lines.filter((line) => isTold(line, { subjects, end }))]
      .filter(({ at }) => at <= end)
      .sort((a, b) => a.at - b.at);
    const left = Math.max(0, told.length - TOLD_COUNT_MAX);
    const head = left === 0 ? [] : [`… ${left} lines left out`];
    const tail = ending.failures.map(
      ({ oracle, at, text }) => `${timeText(at)}  FAILED   ${oracle}: ${text}`,
    );
    return [...head, ...told.slice(left).map(lineText), ...tail];
  }

  #add(who: string, text: string, instance?: string): void {
    const at = this.#world?.now() ?? 0;
    this.#lines.push({ at, who, text, ...(instance === undefined ? {} : { instance }) });
    if (this.#lines.length > LINE_COUNT_MAX) this.#lines = this.#lines.slice(LINE_COUNT_MAX / 2);
  }
}

function isTold(
  line: Line,
  { subjects, end }: { readonly subjects: ReadonlySet<string>; readonly end: number },
): boolean {
  if (line.instance === undefined || subjects.size === 0) return true;
  return subjects.has(line.instance) || line.at >= end - FULL_BEFORE_MS;
}

/** Names of instances (`service/id`) that a failure's text holds. */
function instancesIn(text: string): readonly string[] {
  return [...text.matchAll(/\b[a-z][\w-]*\/[a-z][\w.-]*\b/g)].map(([name]) => name);
}

function lineText({ at, who, text }: Line): string {
  return `${timeText(at)}  ${who.padEnd(8)} ${text}`;
}

function timeText(at: number): string {
  return `${(at / 1_000).toFixed(3).padStart(8)} s`;
}

function recordText(record: RegistryRecord): string {
  const { stamp, state, isSuspect, reason } = record;
  const suspect = isSuspect ? ", suspect" : "";
  const why = state === InstanceState.removed ? `, reason ${nameIn(RemovalReason, reason)}` : "";
  return `${stampText(stamp)} ${nameIn(InstanceState, state)}${suspect}${why}`;
}

function stampText(stamp: Stamp): string {
  return `(${stamp.incarnation}, ${stamp.session}, ${stamp.claim})`;
}

/** The name of a value in a table of constants. */
function nameIn(table: Readonly<Record<string, unknown>>, value: unknown): string {
  return Object.keys(table).find((name) => table[name] === value) ?? String(value);
}
