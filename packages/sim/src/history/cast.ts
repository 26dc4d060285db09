/** Who plays in a history: the nodes, and programs whose processes change with each restart. */
import { InstanceState, Scope } from "@fpzk/core";
import { Disk } from "../world/disk.js";
import type { Release } from "../world/release.js";
import type { SimClient } from "../world/sim-client.js";
import type { World } from "../world/world.js";
import type { Draw } from "./draw.js";
import { bodyOf } from "./instance-body.js";
import { drawClock, NODES_PER_REGION, REGIONS, type Swarm } from "./swarm.js";

const REGISTER_TIMEOUT_MS = 120_000;
const CALLER_PICK_MS = 1_000;
const PROXY_PICK_MS = 200;

/** A part that a process plays; the process behind it changes with each restart. */
export interface Program {
  readonly number: number;
  readonly kind: "provider" | "caller" | "proxy";
  readonly region: string;
  /** Of its instance, when it is a provider. */
  readonly service: string;
  readonly id: string;
  readonly scope: Scope;
  readonly disk: Disk | undefined;
  life: number;
  client: SimClient | undefined;
  /** Whether it wants its instance registered. */
  isWanted: boolean;
}

/** A program that lives. */
export type Player = Program & { client: SimClient };

export class Cast {
  readonly programs: Program[] = [];
  readonly swarm: Swarm;
  readonly #world: World;
  readonly #disks = new Map<string, Disk>();
  /** What a node runs when it next starts. */
  readonly #releases = new Map<string, Release>();

  constructor(world: World, swarm: Swarm) {
    this.#world = world;
    this.swarm = swarm;
  }

  // -- nodes --------------------------------------------------------------------------------

  readonly nodeIds: readonly string[] = Array.from({ length: NODES_PER_REGION }, (_, index) =>
    REGIONS.map((region) => `${region}-${index + 1}`),
  ).flat();

  startNode(nodeId: string, draw: Draw): void {
    if (this.#world.nodes.has(nodeId)) return;
    const { snapshotIntervalMs, tableKind } = this.swarm;
    const region = nodeId.slice(0, nodeId.indexOf("-"));
    const release = this.#releases.get(nodeId);
    this.#world.tell(`START ${nodeId}`);
    this.#world.addNode({
      nodeId,
      region,
      seeds: ["us-1", "eu-1", `${region}-1`, `${region}-2`],
      clock: drawClock(draw, this.swarm),
      tableKind,
      ...(release === undefined ? {} : { release }),
      ...(snapshotIntervalMs === undefined
        ? {}
        : { disk: this.diskOf(nodeId), snapshotIntervalMs }),
    });
  }

  /** The release that a node has from its next start on. */
  setRelease(nodeId: string, release: Release): void {
    this.#releases.set(nodeId, release);
  }

  diskOf(nodeId: string): Disk {
    const disk = this.#disks.get(nodeId) ?? new Disk();
    this.#disks.set(nodeId, disk);
    return disk;
  }

  // -- programs -----------------------------------------------------------------------------

  /** Programs that live; of one kind, if it is named. */
  players(kind?: Program["kind"]): Player[] {
    return this.programs.filter(
      (program): program is Player =>
        program.client !== undefined && (kind === undefined || program.kind === kind),
    );
  }

  /** Providers that live and want to be registered. */
  get wanted(): Player[] {
    return this.players("provider").filter(({ isWanted }) => isWanted);
  }

  add(kind: Program["kind"], draw: Draw): void {
    const number = this.programs.length;
    const program: Program = {
      number,
      kind,
      region: draw.pick(REGIONS),
      service: draw.pick(this.swarm.services),
      id: `i-${number}`,
      scope: draw.chance(this.swarm.regionalRatio) ? Scope.region : Scope.global,
      disk: this.swarm.snapshotIntervalMs === undefined ? undefined : new Disk(),
      life: 0,
      client: undefined,
      isWanted: kind === "provider",
    };
    this.programs.push(program);
    this.start(program, draw);
  }

  /** Starts a program's next process, if none lives. */
  start(program: Program, draw: Draw, helloClientId?: string): void {
    if (program.client !== undefined) return;
    program.life += 1;
    const { disk, kind, region } = program;
    const clientId = `${kind}${program.number}.${program.life}`;
    const far = draw.chance(this.swarm.roamingRatio) ? draw.pick(REGIONS) : region;
    this.#world.tell(`START ${clientId}`);
    const client = this.#world.addClient({
      clientId,
      region,
      seeds: [`${far}-1`, `${region}-2`],
      clock: drawClock(draw, this.swarm),
      ...(disk === undefined ? {} : { disk }),
      ...(helloClientId === undefined ? {} : { helloClientId }),
    });
    program.client = client;
    this.#world.network.place(clientId, region);
    for (const service of this.swarm.services) {
      client.watch(service);
      const intervalMs = kind === "proxy" ? PROXY_PICK_MS : CALLER_PICK_MS;
      client.keepPicking(service, this.swarm.policy, intervalMs);
    }
    if (kind === "provider") this.wish(program);
  }

  /** Registers a program's instance, if it is not. */
  wish(program: Program): void {
    const { client, kind, service, id, scope, region } = program;
    if (client === undefined || kind !== "provider") return;
    if (program.isWanted && client.statuses.get(`${service}/${id}`) === "registered") return;
    program.isWanted = true;
    const body = bodyOf(region, this.swarm.bodyBytes);
    const timeoutMs = REGISTER_TIMEOUT_MS;
    const state = InstanceState.up;
    client.command({ type: "register", service, id, scope, state, timeoutMs, body });
  }
}
