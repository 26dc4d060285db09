/**
 * The balancer of a channel to `fpzk:///service`: each call's instance is what the subscription
 * picks at that moment, over the connection that the channel keeps to it.
 *
 * Reading the live view at each pick, and not a list that was handed over, is what makes a drain
 * exact: when the view has changed, no later pick can give the instance, whatever the channel has
 * been told. A connection is made when its instance is picked for the first time; while there is
 * none, calls go to instances that are connected, and wait only if there are none. A connection
 * that does not come about counts as a failed call, so that the balancer learns of it.
 */

import { CallOutcome, InstanceState, resultOfGrpcStatus } from "@fpzk/core";
import {
  type ChannelOptions,
  connectivityState,
  experimental,
  Metadata,
  type status,
} from "@grpc/grpc-js";
import type { Picked, ServiceCaller, ViewInstance } from "../api.js";
import { contextOf, KEY_FIELD } from "../calls/key-field.js";
import { type TlsRemedies, tlsAdvice } from "../calls/tls-advice.js";

export const POLICY_NAME = "fpzk";
/** How the resolver hands the caller over; kept from the subchannels, which it does not concern. */
export const CALLER_OPTION = `${experimental.SUBCHANNEL_ARGS_EXCLUDE_KEY_PREFIX}.fpzk`;
const PUSHBACK_FIELD = "grpc-retry-pushback-ms";

export class FpzkLoadBalancingConfig implements experimental.TypedLoadBalancingConfig {
  getLoadBalancerName(): string {
    return POLICY_NAME;
  }

  toJsonObject(): object {
    return { [POLICY_NAME]: {} };
  }

  static createFromJson(): FpzkLoadBalancingConfig {
    return new FpzkLoadBalancingConfig();
  }
}

/** The channel's connection to one instance. */
interface Connection {
  readonly instanceId: string;
  readonly address: string;
  /** As the endpoint says; what the channel speaks is the choice of its credentials. */
  readonly tls: boolean;
  readonly leaf: experimental.LeafLoadBalancer;
  /** The pick that asked for the connection: it tells the balancer whether one came about. */
  probe: Picked | undefined;
}

/** Calls whose pick was used by nobody, because they ended or picked anew before they began. */
const unused = new FinalizationRegistry<Picked>((picked) => picked.release());

export class FpzkLoadBalancer implements experimental.LoadBalancer {
  readonly #helper: experimental.ChannelControlHelper;
  /** By instance id. */
  readonly #connections = new Map<string, Connection>();
  #caller: ServiceCaller | undefined;
  #options: ChannelOptions = {};
  /** Ids of the instances that no call can be sent to now; undefined after a change. */
  #unconnected: ReadonlySet<string> | undefined;
  #lastError = "";
  #isReportDue = false;
  #isDestroyed = false;

  constructor(helper: experimental.ChannelControlHelper) {
    this.#helper = helper;
  }

  /** The view is there, or has changed. */
  updateAddressList(
    result: experimental.StatusOr<experimental.Endpoint[]>,
    _config: experimental.TypedLoadBalancingConfig,
    options: ChannelOptions,
  ): boolean {
    if (!result.ok) {
      // What is known goes on being called.
      if (this.#caller !== undefined) return true;
      const { details } = result.error;
      const picker = new experimental.UnavailablePicker(result.error);
      this.#helper.updateState(connectivityState.TRANSIENT_FAILURE, picker, details);
      return true;
    }
    this.#caller = options[CALLER_OPTION] as unknown as ServiceCaller;
    this.#options = options;
    this.#unconnected = undefined;
    this.#dropGone(this.#caller.subscription.instances);
    this.#report();
    return true;
  }

  /** Called before every call, also when there is nothing to wake: a pick would cost a turn. */
  exitIdle(): void {
    if (this.#connections.size > 0) return;
    const picked = this.#caller?.subscription.pick();
    if (picked !== undefined) this.#connect(picked);
  }

  resetBackoff(): void {}

  destroy(): void {
    this.#isDestroyed = true;
    for (const connection of this.#connections.values()) end(connection);
    this.#connections.clear();
  }

  getTypeName(): string {
    return POLICY_NAME;
  }

  /** Instances that are gone, or on their way out; calls under way there finish. */
  #dropGone(instances: readonly ViewInstance[]): void {
    const up = new Set<string>();
    for (const { id, state } of instances) if (state === InstanceState.up) up.add(id);
    for (const [id, connection] of this.#connections) {
      if (up.has(id)) continue;
      this.#connections.delete(id);
      end(connection);
    }
  }

  #pick(args: experimental.PickArgs): experimental.PickResult {
    const subscription = this.#caller?.subscription;
    const key = args.metadata.get(KEY_FIELD)[0]?.toString();
    const context = contextOf(key);
    const first = subscription?.pick(context);
    if (subscription === undefined || first === undefined) return this.#failed();
    const chosen = this.#complete(first, args);
    if (chosen !== undefined) return chosen;
    this.#connect(first);
    const other = subscription.pick({
      ...context,
      excluded: this.#excluded(subscription.instances),
    });
    const second = other && this.#complete(other, args);
    if (second !== undefined) return second;
    // Exclusions are ignored when nobody else is left.
    if (other?.instance.id === first.instance.id) other.release();
    else if (other !== undefined) this.#connect(other);
    return this.#hasHope() ? QUEUED : this.#failed();
  }

  /** The result of a pick whose instance is connected. */
  #complete(picked: Picked, args: experimental.PickArgs): experimental.PickResult | undefined {
    const connection = this.#connections.get(picked.instance.id);
    if (connection === undefined || connection.address !== addressOf(picked)) return undefined;
    if (connection.leaf.getConnectivityState() !== connectivityState.READY) return undefined;
    const result = connection.leaf.getPicker().pick(args);
    if (result.pickResultType !== experimental.PickResultType.COMPLETE) return undefined;
    const onCallEnded = (code: status, _details: string, metadata: Metadata): void => {
      unused.unregister(onCallEnded);
      const pushback = Number(metadata.get(PUSHBACK_FIELD)[0] ?? Number.NaN);
      picked.release(resultOfGrpcStatus(code, Number.isNaN(pushback) ? undefined : pushback));
    };
    unused.register(onCallEnded, picked, onCallEnded);
    return { ...result, onCallEnded };
  }

  /** Makes the connection to an instance that was picked; takes over the pick. */
  #connect(picked: Picked): void {
    const { id } = picked.instance;
    const address = addressOf(picked);
    const held = this.#connections.get(id);
    if (held !== undefined && held.address === address) {
      this.#wake(held, picked);
      return;
    }
    if (held !== undefined) end(held);
    const { host, port, tls } = picked.endpoint;
    const helper = experimental.createChildChannelControlHelper(this.#helper, {
      updateState: (_state, _picker, message) => this.#changed(connection, message),
    });
    const connection: Connection = {
      instanceId: id,
      address,
      tls,
      leaf: new experimental.LeafLoadBalancer(
        { addresses: [{ host, port }] },
        helper,
        this.#options,
        "",
      ),
      probe: picked,
    };
    this.#connections.set(id, connection);
    // Not within a pick: it would be answered before it has returned.
    process.nextTick(() => {
      if (this.#connections.get(id) === connection) connection.leaf.startConnecting();
    });
  }

  #wake(connection: Connection, picked: Picked): void {
    const state = connection.leaf.getConnectivityState();
    if (state === connectivityState.TRANSIENT_FAILURE) {
      // It connects again by itself, after its backoff; this call could not be sent.
      picked.release(CallOutcome.connectFailure);
      return;
    }
    if (connection.probe !== undefined || state !== connectivityState.IDLE) {
      picked.release();
      return;
    }
    connection.probe = picked;
    process.nextTick(() => {
      if (this.#connections.get(connection.instanceId) === connection) connection.leaf.exitIdle();
    });
  }

  #changed(connection: Connection, message: string | null): void {
    if (this.#isDestroyed || this.#connections.get(connection.instanceId) !== connection) return;
    const state = connection.leaf.getConnectivityState();
    this.#unconnected = undefined;
    if (message !== null) this.#lastError = describe(connection, message);
    if (state === connectivityState.READY) release(connection, undefined);
    if (state === connectivityState.TRANSIENT_FAILURE) {
      release(connection, CallOutcome.connectFailure);
    }
    this.#reportSoon();
  }

  /** Changes of one turn are told once, and never within one of the channel's own calls. */
  #reportSoon(): void {
    if (this.#isReportDue) return;
    this.#isReportDue = true;
    process.nextTick(() => {
      this.#isReportDue = false;
      if (!this.#isDestroyed) this.#report();
    });
  }

  /** Tells the channel, which then picks again for the calls that wait. */
  #report(): void {
    const state = this.#state();
    const isFailing = state === connectivityState.TRANSIENT_FAILURE;
    const picker = { pick: (args: experimental.PickArgs) => this.#pick(args) };
    this.#helper.updateState(state, picker, isFailing ? this.#details() : null);
  }

  #state(): connectivityState {
    const states = new Set<connectivityState>();
    for (const { leaf } of this.#connections.values()) states.add(leaf.getConnectivityState());
    const order = [connectivityState.READY, connectivityState.CONNECTING, connectivityState.IDLE];
    const best = order.find((state) => states.has(state));
    if (best !== undefined) return best;
    const hasInstances = (this.#caller?.subscription.instances.length ?? 0) > 0;
    if (states.size === 0 && hasInstances) return connectivityState.IDLE;
    return connectivityState.TRANSIENT_FAILURE;
  }

  /** Whether a connection may come about without another pick. */
  #hasHope(): boolean {
    for (const { leaf } of this.#connections.values()) {
      if (leaf.getConnectivityState() !== connectivityState.TRANSIENT_FAILURE) return true;
    }
    return false;
  }

  #excluded(instances: readonly ViewInstance[]): ReadonlySet<string> {
    if (this.#unconnected !== undefined) return this.#unconnected;
    const unconnected = new Set<string>();
    for (const { id } of instances) {
      const state = this.#connections.get(id)?.leaf.getConnectivityState();
      if (state !== connectivityState.READY) unconnected.add(id);
    }
    this.#unconnected = unconnected;
    return unconnected;
  }

  #failed(): experimental.PickResult {
    return new experimental.UnavailablePicker({ details: this.#details() }).pick(NO_ARGS);
  }

  #details(): string {
    const service = this.#caller?.service ?? "the service";
    if (this.#connections.size === 0) return `no instance of ${service} can be called`;
    return `no instance of ${service} can be reached; last error: ${this.#lastError}`;
  }
}

const NO_ARGS: experimental.PickArgs = { metadata: new Metadata(), extraPickInfo: {} };
const QUEUED: experimental.PickResult = {
  pickResultType: experimental.PickResultType.QUEUE,
  ...{ subchannel: null, status: null, onCallStarted: null, onCallEnded: null },
};

const REMEDIES: TlsRemedies = {
  name: "the certificate must name the service, or what grpc.ssl_target_name_override says",
  chain: "give credentials.createSsl() its authority's certificate",
  plain: "use credentials.createInsecure()",
};

function addressOf({ endpoint }: Picked): string {
  return `${endpoint.host} ${endpoint.port}`;
}

/** What the leaf says, without its frame, and whose connection it is about. */
function describe({ instanceId, address, tls }: Connection, message: string): string {
  const text = message
    .replace(/^No connection established\. Last error: /, "")
    .replace(/\. Resolution note: .*$/s, "")
    .replace(/\s+/g, " ");
  const kind = tls ? "which speaks TLS" : "which speaks no TLS";
  return `${instanceId} at ${address.replace(" ", ":")}, ${kind}: ${text}${tlsAdvice(text, REMEDIES)}`;
}

function release(connection: Connection, result: Parameters<Picked["release"]>[0]): void {
  connection.probe?.release(result);
  connection.probe = undefined;
}

function end(connection: Connection): void {
  release(connection, undefined);
  connection.leaf.destroy();
}
