/**
 * Route sets over a running node: rights and contents are checked here, writes become commands,
 * reads read the table.
 *
 * What is written must pass the check of those that follow it, and must not take the requests of
 * another set; two that were written in two regions at once may, and then proxies go by the set
 * whose name is first.
 */
import {
  BODY_MAX_BYTES,
  type CommandResult,
  ErrorCode,
  InstanceState,
  RecordKind,
  type RecordTable,
  RegistryError,
  ROUTE_SET_SERVICE,
  routeIdentity,
} from "@fpzk/core";
import {
  checkName,
  decodeRouteSet,
  encodeRouteSet,
  type RouteSetDescription,
} from "@fpzk/protocol";
import type { Logger } from "./logger.js";
import type {
  Principal,
  RouteSetAddress,
  RouteSetPort,
  RouteSetView,
  RouteSetWritten,
} from "./registry-port.js";

type RouteSetCommand = {
  readonly kind: "route-set";
  readonly namespace: string;
  readonly name: string;
  readonly body: Uint8Array | undefined;
};

export interface RouteSetPortOptions {
  readonly table: RecordTable;
  /** Throws `unavailable` while the node is warming up. */
  readonly requireReady: () => void;
  readonly ask: (command: RouteSetCommand) => Promise<CommandResult>;
  readonly logger: Logger;
}

export class RouteSetPortAdapter implements RouteSetPort {
  readonly #options: RouteSetPortOptions;

  constructor(options: RouteSetPortOptions) {
    this.#options = options;
  }

  list(principal: Principal, namespace: string): readonly RouteSetView[] {
    require(principal, namespace, "mayRead", "list route sets");
    this.#options.requireReady();
    return this.#held(namespace);
  }

  put(
    principal: Principal,
    address: RouteSetAddress,
    description: RouteSetDescription,
  ): Promise<RouteSetWritten> {
    const { note, routes } = description;
    const fields = { state: "written", routeCount: routes.length, note };
    return this.#audited(principal, address, fields, async () => {
      this.#options.requireReady();
      const body = checkedBody(address, description);
      const others = this.#held(address.namespace);
      checkOverlap(address, description, others);
      const isNew = !others.some(({ name }) => name === address.name);
      const { stamp } = await this.#options.ask({ kind: "route-set", ...plain(address), body });
      if (stamp !== undefined) return { stamp, isNew };
      throw new RegistryError(ErrorCode.internal, `writing ${address.name} gave no stamp`);
    });
  }

  async delete(principal: Principal, address: RouteSetAddress): Promise<void> {
    await this.#audited(principal, address, { state: "deleted" }, () =>
      this.#options.ask({ kind: "route-set", ...plain(address), body: undefined }),
    );
  }

  /** All that are there, by name; of one whose routes cannot be read here, why. */
  #held(namespace: string): RouteSetView[] {
    const { table } = this.#options;
    const index = table.findService(namespace, ROUTE_SET_SERVICE);
    if (index < 0) return [];
    const views: RouteSetView[] = [];
    for (const slot of table.slotsOf(index)) {
      const isLive = table.state(slot) !== InstanceState.removed;
      if (!isLive || table.kind(slot) !== RecordKind.routeSet) continue;
      const { id, stamp, origin, body } = table.read(slot);
      const decoded = decodeRouteSet(body);
      const common = { name: id.slice(namespace.length + 1), stamp, writtenBy: origin.nodeId };
      views.push(
        decoded.ok
          ? { ...common, ...decoded.description }
          : { ...common, routes: [], fault: decoded.refusal.message },
      );
    }
    return views.sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** Runs an operator's action and logs who asked for what, and what came of it. */
  async #audited<T>(
    principal: Principal,
    address: RouteSetAddress,
    fields: Record<string, string | number | undefined>,
    run: () => Promise<T>,
  ): Promise<T> {
    const who = { principal: principal.name, ...plain(address), ...fields };
    const { logger } = this.#options;
    try {
      require(principal, address.namespace, "mayOperate", "change route sets");
      checkNamed("namespace", address.namespace);
      checkNamed("service", address.name);
      const result = await run();
      logger.info("audit.route-set", { ...who, outcome: "done" });
      return result;
    } catch (error) {
      const { code, message } = RegistryError.from(error);
      logger.info("audit.route-set", { ...who, outcome: code, error: message });
      throw error;
    }
  }
}

/** The body of a record, read back as every proxy will. */
function checkedBody({ name }: RouteSetAddress, description: RouteSetDescription): Uint8Array {
  const body = encodeRouteSet(description);
  if (body.length > BODY_MAX_BYTES) {
    const text = `route set ${name} takes ${body.length} bytes, at most ${BODY_MAX_BYTES}: split it`;
    throw new RegistryError(ErrorCode.invalidArgument, text);
  }
  const decoded = decodeRouteSet(body);
  if (!decoded.ok) throw new RegistryError(decoded.refusal.code, decoded.refusal.message);
  return body;
}

function checkOverlap(
  { name }: RouteSetAddress,
  { routes }: RouteSetDescription,
  others: readonly RouteSetView[],
): void {
  const taken = new Map<string, string>();
  for (const other of others) {
    if (other.name === name) continue;
    for (const route of other.routes) taken.set(routeIdentity(route), other.name);
  }
  for (const [index, route] of routes.entries()) {
    const identity = routeIdentity(route);
    const other = taken.get(identity);
    if (other === undefined) continue;
    const text = `routes[${index}] of ${name} takes the same requests as one of route set ${other}: ${identity}`;
    throw new RegistryError(ErrorCode.alreadyExists, text);
  }
}

function require(
  principal: Principal,
  namespace: string,
  right: "mayRead" | "mayOperate",
  what: string,
): void {
  if (principal.grantsOf(namespace)[right]) return;
  const text = `${principal.name} may not ${what} in namespace ${namespace}`;
  throw new RegistryError(ErrorCode.permissionDenied, text);
}

function checkNamed(kind: "namespace" | "service", value: string): void {
  const problem = checkName(kind, value);
  if (problem !== undefined) throw new RegistryError(problem.code, problem.message);
}

function plain({ namespace, name }: RouteSetAddress): RouteSetAddress {
  return { namespace, name };
}
