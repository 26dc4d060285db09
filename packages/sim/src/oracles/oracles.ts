/**
 * All oracles of one world, behind one observer.
 *
 * Each stands in a file of its own, and says there what it claims, from what it judges, what it
 * excuses and what it cannot see. None holds a rule of core's: they remember what they saw, and
 * compare.
 */
import type {
  ClientEvent,
  CommandOutcome,
  PeerMessage,
  RegistrationStatus,
  RegistryRecord,
  SessionMessage,
  SessionRequest,
  ViewInstance,
  ViewState,
} from "@fpzk/core";
import type { WorldObserver } from "../world/observer.js";
import type { SimClient } from "../world/sim-client.js";
import type { SimNode } from "../world/sim-node.js";
import type { World } from "../world/world.js";
import { Beginnings } from "./beginnings.js";
import { Bounds } from "./bounds.js";
import { CalmVoices } from "./calm-voices.js";
import { Drains } from "./drains.js";
import { Evidence } from "./evidence.js";
import { Fencing } from "./fencing.js";
import { Latency } from "./latency.js";
import { NoFalseEviction } from "./no-false-eviction.js";
import { NoStepBack } from "./no-step-back.js";
import { NothingReturns } from "./nothing-returns.js";
import { OneWriter } from "./one-writer.js";
import { Reach } from "./reach.js";
import { nameOf } from "./record-order.js";
import { RegionalStreams } from "./regional-streams.js";
import type { ViewChanged } from "./seen.js";
import { type Failure, Verdict } from "./verdict.js";
import { type Defect, Wholeness } from "./wholeness.js";
import { Wishes } from "./wishes.js";
import { WrittenRecords } from "./written-records.js";

interface Instance {
  readonly service: string;
  readonly id: string;
}

/** Between two looks at what has no event of its own: sizes, drains that do not end. */
const LOOK_INTERVAL_MS = 1_000;

/** Less than this holds no answer to a watch: histories that draw it are about slow readers. */
const PROMPT_QUEUE_MIN_BYTES = 64 * 1024;

export class Oracles implements WorldObserver {
  readonly #world: World;
  readonly #verdict: Verdict;
  readonly #written: WrittenRecords;
  readonly #reach: Reach;
  readonly #beginnings: Beginnings;
  readonly #wishes: Wishes<SimClient>;
  readonly #nothingReturns: NothingReturns;
  readonly #evidence: Evidence;
  readonly #noStepBack: NoStepBack;
  readonly #noFalseEviction: NoFalseEviction;
  readonly #fencing: Fencing;
  readonly #oneWriter: OneWriter;
  readonly #drains: Drains;
  readonly #bounds: Bounds;
  readonly #latency: Latency;
  /** Queues hold what is said in one turn: nobody is congested, and told later on purpose (P10). */
  readonly #isPrompt: boolean;
  readonly #calmVoices: CalmVoices;
  readonly #regionalStreams: RegionalStreams;
  readonly #wholeness: Wholeness;
  /** Excuses that were told. */
  readonly #told = new Set<string>();
  #lookAt = 0;

  constructor(world: World) {
    const now = () => world.now();
    const verdict = new Verdict({ now, tell: (line) => world.tell(line) });
    this.#world = world;
    this.#verdict = verdict;
    this.#written = new WrittenRecords(now);
    this.#reach = new Reach(world);
    this.#nothingReturns = new NothingReturns(verdict);
    this.#evidence = new Evidence(verdict, this.#written);
    this.#noStepBack = new NoStepBack(verdict);
    this.#noFalseEviction = new NoFalseEviction(verdict, this.#reach, world.nodes);
    this.#beginnings = new Beginnings(now);
    this.#wishes = new Wishes(this.#beginnings);
    this.#fencing = new Fencing(verdict, this.#reach, this.#beginnings);
    this.#oneWriter = new OneWriter(verdict, this.#written);
    this.#drains = new Drains(verdict, this.#reach, world, this.#beginnings);
    this.#bounds = new Bounds(verdict, world);
    this.#latency = new Latency(verdict, this.#written, world);
    this.#isPrompt = world.buffers.sessionQueueMaxBytes >= PROMPT_QUEUE_MIN_BYTES;
    this.#calmVoices = new CalmVoices(verdict, world.config.sessionTtlMs);
    this.#regionalStreams = new RegionalStreams(verdict);
    this.#wholeness = new Wholeness(world, this.#wishes);
    world.observe(this);
  }

  /** What was broken, in the order in which it was seen. */
  get failures(): readonly Failure[] {
    return this.#verdict.failures;
  }

  fail(oracle: string, text: string): void {
    this.#verdict.fail(oracle, text);
  }

  // -- what the history says of itself ----------------------------------------------------------

  /** Nothing is broken from here on, and nothing was just now. */
  calm(): void {
    this.#latency.calm();
    this.#calmVoices.calm();
  }

  /** Things break from here on. */
  storm(): void {
    this.#latency.storm();
    this.#calmVoices.storm();
  }

  /** All that was broken is mended: from here on the world has to become whole. */
  mended(): void {
    this.#wholeness.mended();
  }

  /** A registration by REST was asked for. */
  leaseAsked(): void {
    this.#bounds.leaseAsked();
  }

  /** What is not whole yet in a world that was mended; undefined when all is. */
  defect(): Defect | undefined {
    const defect = this.#wholeness.defect();
    for (const excuse of this.#wholeness.excuses) {
      if (!this.#told.has(excuse)) this.#world.tell(`EXCUSED ${excuse}`);
      this.#told.add(excuse);
    }
    return defect;
  }

  // -- what the world shows ---------------------------------------------------------------------

  nodeStarted(node: SimNode): void {
    this.#reach.nodeStarted(node);
    this.#fencing.nodeStarted(node);
    this.#regionalStreams.nodeStarted(node);
  }

  nodeEnded(node: SimNode): void {
    this.#fencing.nodeEnded(node);
  }

  clientStarted(client: SimClient): void {
    this.#reach.clientStarted(client);
    this.#wishes.clientStarted(client);
    this.#fencing.clientStarted(client);
    this.#bounds.clientStarted(client);
  }

  clientEnded(client: SimClient): void {
    for (const name of client.statuses.keys()) this.#wholeness.unwanted(name);
    this.#wishes.clientEnded(client);
    this.#fencing.clientEnded(client);
    this.#drains.clientEnded(client);
  }

  stored(node: SimNode, record: RegistryRecord): void {
    this.#written.stored(node, record);
    this.#beginnings.stored(node, record);
    this.#oneWriter.stored(node, record);
    this.#nothingReturns.stored(node, record);
    this.#fencing.stored(node, record);
    this.#noFalseEviction.stored(node, record);
    this.#bounds.stored(node, record);
    this.#regionalStreams.stored(node, record);
    this.#look();
  }

  dropped(node: SimNode, record: RegistryRecord): void {
    this.#evidence.dropped(node, record);
  }

  viewChanged(client: SimClient, change: ViewChanged): void {
    this.#nothingReturns.viewChanged(client, change);
    this.#evidence.viewChanged(client, change);
    this.#noStepBack.viewChanged(client, change);
    if (this.#isPrompt) this.#latency.viewChanged(client, change);
    this.#bounds.viewChanged(client, change);
  }

  viewState(client: SimClient, service: string, state: ViewState): void {
    this.#latency.viewState(client, service, state);
  }

  asked(client: SimClient, event: ClientEvent): void {
    this.#nothingReturns.asked(client, event);
    this.#noStepBack.asked(client, event);
    this.#noFalseEviction.asked(client, event);
    this.#fencing.asked(client, event);
    this.#drains.asked(client, event);
    this.#wishes.asked(client, event);
    if (event.type === "deregister") this.#wholeness.unwanted(nameOf(event));
  }

  registration(client: SimClient, instance: Instance, status: RegistrationStatus): void {
    this.#noFalseEviction.registration(client, instance, status);
    this.#fencing.registration(client, instance, status);
    this.#wishes.registration(client, instance, status);
  }

  commandDone(client: SimClient, commandId: number, outcome: CommandOutcome): void {
    this.#drains.commandDone(client, commandId, outcome);
  }

  commandFailed(client: SimClient, commandId: number): void {
    this.#drains.commandFailed(client, commandId);
  }

  picked(client: SimClient, service: string, instance: ViewInstance | undefined): void {
    this.#drains.picked(client, service, instance);
  }

  noted(process: SimNode | SimClient, note: Parameters<NoStepBack["noted"]>[1]): void {
    this.#noStepBack.noted(process, note);
    this.#calmVoices.noted(process, note);
    if (note.event !== "client.online" || !("machine" in process)) return;
    this.#beginnings.online(process, String(note.fields["nodeId"]));
    this.#wishes.began(process);
  }

  peerSent(from: SimNode, to: SimNode, message: PeerMessage, byteCount: number): void {
    this.#bounds.peerSent(from, to, message, byteCount);
    this.#regionalStreams.peerSent(from, to, message);
  }

  sessionSent(node: SimNode, client: SimClient, message: SessionMessage, byteCount: number): void {
    this.#bounds.sessionSent(node, client, message, byteCount);
    if (message.type === "welcome") {
      this.#beginnings.welcomed(node, client, message.firstIncarnation);
    }
    this.#noFalseEviction.sessionSent(node, client, message);
    this.#fencing.sessionSent(node, client, message);
  }

  requestSent(client: SimClient, node: SimNode, message: SessionRequest, byteCount: number): void {
    this.#bounds.requestSent(client, node, message, byteCount);
    this.#noStepBack.requestSent(client, node, message);
    this.#fencing.requestSent(client, node, message);
  }

  #look(): void {
    const now = this.#world.now();
    if (now < this.#lookAt) return;
    this.#lookAt = now + LOOK_INTERVAL_MS;
    this.#bounds.look();
    this.#drains.look();
  }
}
