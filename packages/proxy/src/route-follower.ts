/**
 * Follows the registry's route sets: a change becomes the table of the next request at once, whole
 * or not at all, without a restart.
 *
 * Before a new table takes over, the services that it names first are watched for a moment, so
 * that the switch itself makes nobody wait or fail. The request path only reads a field.
 */
import type { RouteSetWatch } from "@fpzk/client";
import type { Route, RouteMatch, RouteQuery, RouteTable, Stamp } from "@fpzk/core";
import type { ProxyLogger } from "./logger.js";
import type { ProxyMetrics } from "./metrics.js";
import { type KeptRouteSet, loadRouteFile, saveRouteFile } from "./route-file.js";
import { planRoutes, type RoutePlan } from "./route-plan.js";

export interface RouteFollowerPorts {
  /** Routes of the proxy's own settings. */
  readonly own: readonly Route[];
  /** Undefined: the registry's are not followed. */
  readonly watch: ((onChange: () => void) => RouteSetWatch) | undefined;
  /** Where the last good ones are kept; undefined keeps none. */
  readonly file: string | undefined;
  readonly createTable: (routes: readonly Route[]) => RouteTable;
  /** Watches what the routes name; resolves when it is known, or after a moment all the same. */
  readonly prepare: (routes: readonly Route[]) => Promise<void>;
  /** The table was switched: only what these routes name is needed any more. */
  readonly settle: (routes: readonly Route[]) => void;
  readonly logger: ProxyLogger;
  readonly metrics: ProxyMetrics;
}

/** What requests go by now, for people to look at. */
export interface RoutesInForce {
  readonly own: readonly Route[];
  readonly sets: readonly {
    readonly name: string;
    /** Undefined when what is followed is not what the registry has. */
    readonly stamp: Stamp | undefined;
    readonly routes: readonly Route[];
  }[];
  readonly refusals: readonly { readonly name: string; readonly reason: string }[];
}

export class RouteFollower implements RouteTable {
  readonly #ports: RouteFollowerPorts;
  #table: RouteTable;
  #routesText: string;
  #sets: readonly KeptRouteSet[] = [];
  #watch: RouteSetWatch | undefined;
  #refusals: RoutePlan["refusals"] = [];
  /** Of refusals that were said, so that each is said once. */
  #refusalsText = "";
  /** Counts changes: a later one overtakes an earlier one that still prepares. */
  #changeCount = 0;
  #isKnown: boolean;
  #onKnown: (() => void)[] = [];
  #saving: Promise<void> = Promise.resolve();

  constructor(ports: RouteFollowerPorts) {
    this.#ports = ports;
    this.#table = ports.createTable(ports.own);
    this.#routesText = JSON.stringify(ports.own);
    this.#isKnown = ports.watch === undefined;
  }

  match(query: RouteQuery): RouteMatch {
    return this.#table.match(query);
  }

  /** Something is known of the registry's routes, or they are not followed. */
  get isKnown(): boolean {
    return this.#isKnown;
  }

  get inForce(): RoutesInForce {
    const offered = this.#watch?.routeSets ?? [];
    const sets = this.#sets.map(({ name, routes }) => {
      const same = offered.find((one) => one.name === name);
      const isSame = same !== undefined && JSON.stringify(same.routes) === JSON.stringify(routes);
      return { name, routes, stamp: isSame ? same.stamp : undefined };
    });
    return { own: this.#ports.own, sets, refusals: this.#refusals };
  }

  /** Begins to follow; what was kept from before is in force when it resolves. */
  async start(): Promise<void> {
    const { file, watch, logger } = this.#ports;
    if (watch === undefined) return;
    const kept = file === undefined ? [] : await loadRouteFile(file);
    if (typeof kept === "string") logger.warn("proxy.route-file-refused", { reason: kept });
    else if (kept.length > 0) {
      this.#sets = kept;
      await this.#follow(planRoutes(this.#ports.own, kept, []));
      logger.info("proxy.routes-restored", { routeSetCount: kept.length });
    }
    this.#watch = watch(() => this.#changed());
    this.#changed();
  }

  /** Resolves once something is known, or after the time given. */
  async ready(timeoutMs: number): Promise<void> {
    if (this.#isKnown) return;
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.#onKnown.push(resolve);
      timer = setTimeout(resolve, timeoutMs);
    });
    clearTimeout(timer);
  }

  async close(): Promise<void> {
    this.#watch?.close();
    await this.#saving;
  }

  #changed(): void {
    // "I know nothing yet" is not "there are none" (P4).
    if (this.#watch?.status.isComplete !== true) return;
    const plan = planRoutes(this.#ports.own, this.#watch.routeSets, this.#sets);
    this.#sayRefusals(plan);
    if (JSON.stringify(plan.sets) !== JSON.stringify(this.#sets)) {
      this.#sets = plan.sets;
      this.#save(plan.sets);
    }
    void this.#follow(plan);
  }

  async #follow(plan: RoutePlan): Promise<void> {
    this.#changeCount += 1;
    const change = this.#changeCount;
    const { metrics, logger, prepare, settle, createTable } = this.#ports;
    metrics.routeSets.set(plan.sets.length);
    const text = JSON.stringify(plan.routes);
    if (text !== this.#routesText) {
      await prepare(plan.routes);
      // Another change came meanwhile: it knows more.
      if (change !== this.#changeCount) return;
      this.#table = createTable(plan.routes);
      this.#routesText = text;
      settle(plan.routes);
      metrics.routeSwitches.inc();
      const routeSetCount = plan.sets.length;
      logger.info("proxy.routes-switched", { routeCount: plan.routes.length, routeSetCount });
    }
    this.#isKnown = true;
    for (const resolve of this.#onKnown.splice(0)) resolve();
  }

  #sayRefusals({ refusals }: RoutePlan): void {
    this.#refusals = refusals;
    const text = JSON.stringify(refusals);
    if (text === this.#refusalsText) return;
    this.#refusalsText = text;
    const { logger, metrics } = this.#ports;
    for (const { name, reason } of refusals) {
      metrics.routeSetsRefused.inc();
      logger.warn("proxy.route-set-refused", { name, reason });
    }
  }

  /** One at a time; the file is of use at the next start, and what fails is said. */
  #save(sets: readonly KeptRouteSet[]): void {
    const { file, logger } = this.#ports;
    if (file === undefined) return;
    this.#saving = this.#saving
      .then(() => saveRouteFile(file, sets))
      .catch((error: unknown) => {
        const reason = error instanceof Error ? error.message : String(error);
        logger.warn("proxy.route-file-failed", { reason });
      });
  }
}
