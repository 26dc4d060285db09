/** A guided explanation: a world set up, what is done to it, and what is to be seen meanwhile. */
import type { Deed } from "../world/deed.js";

export interface SceneStep {
  /** Simulated milliseconds from the beginning of the scene. */
  readonly at: number;
  readonly deed?: Deed;
  /** What is to be seen from here on. */
  readonly caption?: string;
  /** How fast to play from here on, in simulated seconds for each second. */
  readonly speed?: number;
}

export interface Scene {
  /** As in the address of the page. */
  readonly id: string;
  readonly title: string;
  /** Programs that run without having registered. */
  readonly unregistered?: readonly string[];
  /** Before the scene begins; `at` counts back from it and is negative. */
  readonly before?: readonly { readonly at: number; readonly deed: Deed }[];
  readonly steps: readonly SceneStep[];
  /** When the scene has been seen; the world goes on if one plays on. */
  readonly durationMs: number;
}
