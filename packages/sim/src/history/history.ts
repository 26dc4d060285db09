/**
 * One random history: programs come, go, drain and roam while nodes, hosts and cables fail.
 *
 * Everything is drawn from the seed: what the world is made of, which faults this history knows,
 * when they strike and for how long. After {@link FAULTS_MS} all faults are mended and the world
 * must become whole.
 */
import { hashText, PROTOCOL_VERSION, SeededRandom } from "@fpzk/core";
import { ALL_FAULTS } from "../faults/all-faults.js";
import type { Fault } from "../faults/fault.js";
import { Oracles } from "../oracles/oracles.js";
import { THIS_RELEASE } from "../world/release.js";
import { World } from "../world/world.js";
import { Cast } from "./cast.js";
import { Draw } from "./draw.js";
import { Epilogue } from "./epilogue.js";
import { Stage } from "./stage.js";
import type { HistoryOptions, Strike } from "./strike.js";
import { drawSwarm } from "./swarm.js";

/** All nodes, and then all programs, have so long to find each other before the first fault. */
const CALM_MS = 2_500;
/** How long faults strike. */
const FAULTS_MS = 40_000;
/** After the faults: until all must be whole again. */
const HEAL_MS = 40_000;
/** Between two looks at whether it is. */
const LOOK_INTERVAL_MS = 250;
const STRIKE_GAP_MIN_MS = 50;

export class History {
  readonly world: World;
  readonly oracles: Oracles;
  /** What struck, after {@link play}. */
  readonly strikes: Strike[] = [];
  readonly #seed: number;
  readonly #kept: ReadonlySet<number> | undefined;
  readonly #cast: Cast;
  #isOver = false;

  constructor(seed: number, options: HistoryOptions = {}) {
    this.#seed = seed;
    this.#kept = options.strikes;
    const swarm = drawSwarm(this.#draw("swarm"), ALL_FAULTS);
    const { config, buffers, delayMs } = swarm;
    this.world = new World({
      seed,
      config,
      delayMs,
      ...(buffers === undefined ? {} : { buffers }),
    });
    this.#cast = new Cast(this.world, swarm);
    this.oracles = new Oracles(this.world);
  }

  /** Plays the history; what failed is in `oracles.failures`. */
  play(): void {
    for (const durationMs of this.acts()) this.world.run(durationMs);
  }

  /** The history act by act: each value is how long the world must run before the next one. */
  *acts(): Generator<number, void> {
    const cast = this.#cast;
    const draw = this.#draw("cast");
    for (const nodeId of cast.nodeIds) cast.startNode(nodeId, draw);
    yield CALM_MS;
    this.oracles.calm();
    const { providerCount, callerCount, proxyCount } = cast.swarm;
    for (let count = 0; count < providerCount; count += 1) cast.add("provider", draw);
    for (let count = 0; count < callerCount; count += 1) cast.add("caller", draw);
    for (let count = 0; count < proxyCount; count += 1) cast.add("proxy", draw);
    yield CALM_MS;
    this.oracles.storm();
    this.#drawStrikes(this.world.now() + FAULTS_MS);
    yield FAULTS_MS;
    this.#mend();
    // Looking costs more than an event: every so often is enough.
    let defect = this.oracles.defect();
    for (let left = HEAL_MS; left > 0 && defect !== undefined; left -= LOOK_INTERVAL_MS) {
      yield LOOK_INTERVAL_MS;
      // One that stood still and was to leave has left on waking.
      this.#startNodes();
      defect = this.oracles.defect();
    }
    if (defect !== undefined) {
      this.oracles.fail(defect.oracle, `not whole ${HEAL_MS} ms after: ${defect.text}`);
      return;
    }
    yield* new Epilogue(this.world, this.oracles, this.#draw("epilogue")).acts();
  }

  /** Draws when which faults strike, before the first does: leaving one out moves no other. */
  #drawStrikes(until: number): void {
    const draw = this.#draw("strikes");
    const { faults, calmMaxMs } = this.#cast.swarm;
    const byWeight = faults.flatMap((fault) => new Array<Fault>(fault.weight).fill(fault));
    let at = this.world.now();
    for (let index = 0; ; index += 1) {
      at += draw.durationMs(STRIKE_GAP_MIN_MS, calmMaxMs);
      if (at >= until) return;
      const fault = draw.pick(byWeight);
      if (this.#kept?.has(index) === false) continue;
      this.world.schedule(at, () => this.#strike(index, fault));
    }
  }

  /** A strike draws from a generator of its own, now and in all that it sets off. */
  #strike(index: number, { name, strike }: Fault): void {
    const stage = new Stage({
      world: this.world,
      cast: this.#cast,
      draw: this.#draw(`strike ${index}`),
      isOver: () => this.#isOver,
      leaseAsked: () => this.oracles.leaseAsked(),
    });
    const detail = strike(stage) ?? "nothing to hit";
    this.strikes.push({ index, at: this.world.now(), name, detail });
    this.world.tell(`FAULT ${index} ${name}: ${detail}`);
  }

  /** Ends all faults: cables, frozen processes, dead nodes and programs. */
  #mend(): void {
    const { world } = this;
    const draw = this.#draw("mend");
    this.#isOver = true;
    world.tell("MENDED");
    this.oracles.mended();
    world.network.heal();
    world.network.clearWeather();
    for (const process of world.processes) {
      process.thaw();
      process.readAgain();
    }
    for (const node of [...world.nodes.values()]) {
      if (node.release.protocolVersion !== PROTOCOL_VERSION) world.crash(node.id);
    }
    this.#startNodes();
    for (const program of this.#cast.programs) {
      this.#cast.start(program, draw);
      this.#cast.wish(program);
    }
  }

  /** Starts the nodes that do not run. */
  #startNodes(): void {
    const draw = this.#draw("mend");
    for (const nodeId of this.#cast.nodeIds) {
      if (!this.world.nodes.has(nodeId)) this.#cast.setRelease(nodeId, THIS_RELEASE);
      this.#cast.startNode(nodeId, draw);
    }
  }

  /** A generator for one concern, which no other shifts. */
  #draw(concern: string): Draw {
    return new Draw(new SeededRandom(hashText(concern, this.#seed)));
  }
}
