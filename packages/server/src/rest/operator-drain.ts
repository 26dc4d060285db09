/**
 * An operator's drain of many instances: a host, a zone, a region, a version of a service.
 *
 * Each instance gets an override of its own, as by `PUT …/override`, and its drain is waited for. A
 * few run at once. Before each, the service is looked at anew: an instance whose drain would take
 * out more of the service than allowed is held back, and told.
 */
import { ErrorCode, InstanceState, RegistryError } from "@fpzk/core";
import type { Logger } from "../logger.js";
import type { InstanceAddress, Principal, RegistryPort } from "../registry-port.js";
import {
  type DrainSelector,
  isSelected,
  isServing,
  type MaxUnavailable,
  roomOf,
  selectorText,
} from "./drain-selection.js";
import type { DrainLine } from "./operator-answers.js";
import { RequestFault } from "./problem.js";

/** Instances that one request drains or lifts at most; more are refused. */
export const SELECTED_COUNT_MAX = 1_000;
export const BATCH_DEFAULT = 10;
export const BATCH_MAX = 100;

export interface DrainWish {
  readonly namespace: string;
  readonly selector: DrainSelector;
  /** Undefined: one instance of each service stays up. */
  readonly maxUnavailable: MaxUnavailable | undefined;
  /** May take out every instance of a service. */
  readonly isAll: boolean;
  /** Drains at once. */
  readonly batchCount: number;
  readonly timeoutMs: number;
  readonly note: string | undefined;
  /** Tells what would be done. */
  readonly isDryRun: boolean;
}

export interface DrainPorts {
  readonly port: RegistryPort;
  readonly principal: Principal;
  readonly logger: Logger;
}

/**
 * The instances that a selector is about, by service.
 *
 * @throws RequestFault `permission_denied`, `not_found` when there are none, `out_of_range` when
 * there are too many.
 */
export function selectInstances(
  { port, principal }: Pick<DrainPorts, "port" | "principal">,
  namespace: string,
  selector: DrainSelector,
): InstanceAddress[] {
  if (!principal.grantsOf(namespace).mayOperate) {
    const text = `${principal.name} may not override in namespace ${namespace}`;
    throw new RequestFault("permission_denied", text);
  }
  const { service } = selector;
  const services =
    service === undefined
      ? port.services(principal, namespace).map((summary) => summary.service)
      : [service];
  const selected = services.flatMap((name) =>
    port
      .query(principal, namespace, name)
      .instances.filter((instance) => isSelected(instance, selector))
      .map(({ id }) => ({ namespace, service: name, id })),
  );
  const what = selectorText(selector);
  if (selected.length === 0) throw new RequestFault("not_found", `no instance of ${what}`);
  if (selected.length > SELECTED_COUNT_MAX) {
    const text = `${selected.length} instances of ${what} are more than ${SELECTED_COUNT_MAX}`;
    throw new RequestFault("out_of_range", `${text}: narrow it down, for example by service`);
  }
  return selected;
}

export class OperatorDrain {
  readonly #wish: DrainWish;
  readonly #ports: DrainPorts;
  readonly #selected: readonly InstanceAddress[];
  readonly #tell: (line: DrainLine) => void;
  /** Whose drain has begun, by service. */
  readonly #leaving = new Map<string, Set<string>>();
  readonly #counts = { drainedCount: 0, unconfirmedCount: 0, heldCount: 0, failedCount: 0 };

  /** @throws What {@link selectInstances} does: nothing has been done then. */
  constructor(wish: DrainWish, ports: DrainPorts, tell: (line: DrainLine) => void) {
    this.#wish = wish;
    this.#ports = ports;
    this.#tell = tell;
    this.#selected = selectInstances(ports, wish.namespace, wish.selector);
  }

  /** Runs to its end; after an abort what has begun is finished, and nothing begins. */
  async run(signal: AbortSignal): Promise<void> {
    const { batchCount, isDryRun } = this.#wish;
    const serviceCount = new Set(this.#selected.map(({ service }) => service)).size;
    this.#tell({ type: "plan", instanceCount: this.#selected.length, serviceCount });
    if (!isDryRun) this.#audit("begun");
    const waiting = [...this.#selected];
    const work = async (): Promise<void> => {
      for (;;) {
        const next = signal.aborted ? undefined : waiting.shift();
        if (next === undefined) return;
        await this.#drain(next);
      }
    };
    await Promise.all(Array.from({ length: batchCount }, work));
    if (!isDryRun) this.#audit(waiting.length === 0 ? "done" : "given up");
    this.#tell({ type: "end", isComplete: waiting.length === 0, ...this.#counts });
  }

  async #drain(address: InstanceAddress): Promise<void> {
    const { port, principal } = this.#ports;
    const { isDryRun, timeoutMs, note } = this.#wish;
    const { service, id } = address;
    try {
      if (!this.#take(address)) return;
      this.#tell({ type: "draining", service, id });
      if (isDryRun) return;
      const description = note === undefined ? {} : { note };
      const state = InstanceState.draining;
      const outcome = await port.override(principal, address, state, description, timeoutMs);
      if (outcome.unconfirmed.length === 0) this.#counts.drainedCount += 1;
      else this.#counts.unconfirmedCount += 1;
      const { confirmedCount, unconfirmed } = outcome;
      this.#tell({ type: "drained", service, id, confirmedCount, unconfirmed });
    } catch (error) {
      const { code, message } = RegistryError.from(error);
      this.#counts.failedCount += 1;
      this.#tell({ type: "failed", service, id, code, reason: message });
    }
  }

  /** Whether the service can do without it; from then on it counts as out. */
  #take({ namespace, service, id }: InstanceAddress): boolean {
    const { port, principal } = this.#ports;
    const { instances } = port.query(principal, namespace, service);
    const leaving = this.#leaving.get(service) ?? new Set();
    this.#leaving.set(service, leaving);
    const instance = instances.find((each) => each.id === id);
    if (instance === undefined) {
      throw new RegistryError(ErrorCode.notFound, `${service}/${id} is gone`);
    }
    const { isAll, maxUnavailable } = this.#wish;
    const room = roomOf(instances, leaving, maxUnavailable);
    if (isServing(instance) && !isAll && room.roomCount === 0) {
      const { upCount, totalCount } = room;
      this.#counts.heldCount += 1;
      this.#tell({ type: "held", service, id, upCount, totalCount });
      return false;
    }
    leaving.add(id);
    return true;
  }

  #audit(outcome: string): void {
    const { namespace, selector, note = "", isAll } = this.#wish;
    this.#ports.logger.info("audit.drain", {
      principal: this.#ports.principal.name,
      namespace,
      selector: selectorText(selector),
      instanceCount: this.#selected.length,
      isAll,
      note,
      outcome,
      ...this.#counts,
    });
  }
}
