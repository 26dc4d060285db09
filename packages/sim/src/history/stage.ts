/** Where one strike happens: the world, the cast, and what this strike alone draws from. */
import type { SimClient } from "../world/sim-client.js";
import type { SimNode } from "../world/sim-node.js";
import type { World } from "../world/world.js";
import type { Cast, Player } from "./cast.js";
import type { Draw } from "./draw.js";

export interface StageOptions {
  readonly world: World;
  readonly cast: Cast;
  readonly draw: Draw;
  /** Whether the time of faults is over: nothing that a strike planned happens any more. */
  readonly isOver: () => boolean;
  /** A registration by REST is asked for. */
  readonly leaseAsked: () => void;
}

export class Stage {
  readonly world: World;
  readonly cast: Cast;
  readonly draw: Draw;
  readonly isOver: () => boolean;
  readonly leaseAsked: () => void;

  constructor(options: StageOptions) {
    this.world = options.world;
    this.cast = options.cast;
    this.draw = options.draw;
    this.isOver = options.isOver;
    this.leaseAsked = options.leaseAsked;
  }

  /** Runs later, unless the faults are over by then. */
  later(delayMs: number, run: () => void): void {
    this.world.schedule(this.world.now() + delayMs, () => {
      if (!this.isOver()) run();
    });
  }

  /** A node that lives. */
  pickNode(): SimNode | undefined {
    return this.draw.maybe([...this.world.nodes.values()]);
  }

  /** A program that lives. */
  pickPlayer(): Player | undefined {
    return this.draw.maybe(this.cast.players());
  }

  /** A provider that lives and wants to be registered. */
  pickWanted(): Player | undefined {
    return this.draw.maybe(this.cast.wanted);
  }

  /** Kills a program's process; its part is played by nobody until it is started again. */
  crashPlayer(player: Player, isHostLost: boolean): void {
    const { client } = player;
    (player as { client: SimClient | undefined }).client = undefined;
    this.world.crashClient(client.id, isHostLost);
  }
}
