/**
 * The data plane's contract: an immutable picker, replaced when the view changes.
 *
 * A pick never waits and allocates nothing that a profile would show. What changes between picks
 * (calls under way, latencies, failures) lives in the candidates' {@link InstanceLoad}s, which
 * outlive pickers.
 *
 * @see grpc-node `packages/grpc-js/src/picker.ts` for the idea of replacing pickers.
 */
import type { InstanceLoad } from "../call/instance-load.js";
import type { InstanceDescription, Liveness } from "../instance.js";
import type { Random } from "../random.js";
import type { InstanceState, Stamp } from "../record.js";
import type { Suspicion } from "../suspicion.js";
import type { Instant } from "../time.js";

/** One instance as a view shows it and a picker chooses from. */
export interface ViewInstance {
  readonly namespace: string;
  readonly service: string;
  readonly id: string;
  readonly stamp: Stamp;
  /** Packed hybrid clock of its first registration; smaller is older. */
  readonly since: number;
  /** The instance's word and the operator's over it. */
  readonly state: InstanceState;
  readonly liveness: Liveness;
  /** Why it is suspect; only its owner node shows it, clients are not told. */
  readonly suspicion?: Suspicion;
  /**
   * The description's weight, or the operator's. 0: not picked unless all are 0, under every policy
   * but `oldest`, which heeds no weights.
   */
  readonly weight: number;
  readonly description: InstanceDescription;
  /** Node id of the record's owner. */
  readonly ownerNodeId: string;
  readonly load: InstanceLoad;
}

export interface PickContext {
  /** For `rendezvous`, `ring-hash` and `maglev`: equal keys go to the same instance. Default: empty. */
  readonly key?: string;
  /** Ids not to pick, for a retry elsewhere; ignored when nothing else is left. */
  readonly excluded?: ReadonlySet<string>;
  /**
   * Prefers a place (zone, region) that none of `excluded` is in: for a call that several instances
   * of one place have failed, which may be due to the place. Default false.
   */
  readonly prefersElsewhere?: boolean;
}

export interface Picker {
  /** One instance, or undefined when there is none to pick. */
  pick(context: PickContext | undefined, now: Instant): ViewInstance | undefined;
}

export const PolicyName = {
  random: "random",
  roundRobin: "round-robin",
  weighted: "weighted",
  leastRequest: "least-request",
  ewma: "ewma",
  rendezvous: "rendezvous",
  ringHash: "ring-hash",
  maglev: "maglev",
  oldest: "oldest",
} as const;
export type PolicyName = (typeof PolicyName)[keyof typeof PolicyName];

/** Where the caller is; equal names are near. */
export interface CallerLocality {
  readonly region: string;
  readonly zone: string;
}

export interface PickerOptions {
  readonly policy: PolicyName;
  readonly random: Random;
  readonly caller: CallerLocality;
  /**
   * Regions after the caller's own, in the order to fail over; those not named come last, all
   * together.
   */
  readonly regionOrder: readonly string[];
  /**
   * Below this share of usable instances (0 to 1) among all that are up and reachable, suspicion
   * is ignored and all of them are picked: better some failures than a herd on the rest. Those of
   * an unreachable region do not count and still come last. 0 never panics. Default 0.5 (Envoy's
   * panic threshold).
   */
  readonly panicRatio: number;
  /**
   * Whether same zone, then same region, then `regionOrder` come first; false: all places are
   * equal. Default true. `oldest` ignores it: a leader is the same for every caller.
   */
  readonly prefersNear: boolean;
  /** Ids of which calls failed too often: treated like suspects. Default: none. */
  readonly ejected?: ReadonlySet<string>;
  /**
   * For policies by key: no instance takes more than this times its fair share of the calls under
   * way; {@link KEY_LOAD_FACTOR_MIN} to {@link KEY_LOAD_FACTOR_MAX}, or 0 for no bound. Smaller is
   * more even, larger keeps more keys together. Default 0.
   */
  readonly keyLoadFactor?: number;
}
