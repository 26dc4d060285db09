/** A live view of a namespace's route sets, for programs that follow them: FPZKProxy does. */
import {
  InstanceState,
  type RegistryError,
  ROUTE_SET_SERVICE,
  type ServiceView,
  type ViewState,
} from "@fpzk/core";
import { decodeRouteSet } from "@fpzk/protocol";
import type { RouteSet, RouteSetWatch, ViewStatus } from "./api.js";

export interface RouteSetSource {
  readonly view: () => ServiceView | undefined;
  readonly state: () => ViewState;
  readonly now: () => number;
  readonly onChange: () => void;
  readonly closed: (watch: LiveRouteSets) => void;
}

export class LiveRouteSets implements RouteSetWatch {
  readonly service = ROUTE_SET_SERVICE;
  readonly #source: RouteSetSource;
  #isToldSoon = false;
  #isClosed = false;

  constructor(source: RouteSetSource) {
    this.#source = source;
  }

  get routeSets(): readonly RouteSet[] {
    const view = this.#source.view();
    if (view === undefined) return [];
    return view
      .save()
      .groups.flatMap(({ records }) => records)
      .filter(({ state }) => state !== InstanceState.removed)
      .map(({ id, stamp, body }): RouteSet => {
        const name = id.slice(id.indexOf("/") + 1);
        const decoded = decodeRouteSet(body);
        if (decoded.ok) return { name, stamp, ...decoded.description };
        return { name, stamp, routes: [], fault: decoded.refusal.message };
      })
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  get status(): ViewStatus {
    const { isComplete, isCurrent, isRestored, lastCurrentAt } = this.#source.state();
    const ageMs = isCurrent ? 0 : this.#source.now() - (lastCurrentAt ?? Number.NEGATIVE_INFINITY);
    return { isComplete, isCurrent, isRestored, ageMs: Math.max(0, ageMs) };
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#source.closed(this);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  viewChanged(): void {
    this.#tell();
  }

  stateChanged(): void {
    this.#tell();
  }

  /** The client's note has said it, and it will be asked for again. */
  refused(_error: RegistryError): void {}

  /** Once for all that one message brought, in a turn of its own: a listener may call the client. */
  #tell(): void {
    if (this.#isToldSoon) return;
    this.#isToldSoon = true;
    queueMicrotask(() => {
      this.#isToldSoon = false;
      if (!this.#isClosed) this.#source.onChange();
    });
  }
}
