/**
 * The resolver of `fpzk:///service`: tells the balancer of a channel when there is a view, and each
 * time it changes. Nothing is polled and no address is passed on: the balancer reads the view.
 */

import { ErrorCode, RegistryError } from "@fpzk/core";
import { type ChannelOptions, experimental, Metadata, status } from "@grpc/grpc-js";
import type { FpzkClient, ServiceCaller } from "../api.js";
import { CALLER_OPTION, POLICY_NAME } from "./load-balancer.js";

type ResolverConstructor = Parameters<typeof experimental.registerResolver>[1];
type ServiceConfigResult = Parameters<experimental.ResolverListener>[2];

/** A resolver class for one client: grpc-js makes one of it per channel. */
export function resolverOf(client: FpzkClient): ResolverConstructor {
  return class extends ServiceResolver {
    constructor(
      target: experimental.GrpcUri,
      listener: experimental.ResolverListener,
      options: ChannelOptions,
    ) {
      super(client, { target, listener, options });
    }

    static getDefaultAuthority(target: experimental.GrpcUri): string {
      return target.path;
    }
  };
}

interface ResolverPorts {
  readonly target: experimental.GrpcUri;
  readonly listener: experimental.ResolverListener;
  readonly options: ChannelOptions;
}

class ServiceResolver implements experimental.Resolver {
  readonly #client: FpzkClient;
  readonly #ports: ResolverPorts;
  /** Absent while nobody wants to know. */
  #following: AbortController | undefined;

  constructor(client: FpzkClient, ports: ResolverPorts) {
    this.#client = client;
    this.#ports = ports;
  }

  /** The view is live: there is nothing to ask for again. */
  updateResolution(): void {
    if (this.#following !== undefined) return;
    const following = new AbortController();
    this.#following = following;
    void this.#follow(following.signal).catch((error: unknown) => {
      if (following.signal.aborted) return;
      // Asked again by the channel, after its backoff.
      this.#following = undefined;
      this.#fail(RegistryError.from(error));
    });
  }

  destroy(): void {
    this.#following?.abort();
    this.#following = undefined;
  }

  async #follow(signal: AbortSignal): Promise<void> {
    const caller = this.#client.caller(decodeURIComponent(this.#ports.target.path), "grpc");
    const { subscription } = caller;
    const changes = subscription.changes({ signal });
    await subscription.ready({ signal });
    this.#push(caller);
    for await (const _ of changes) this.#push(caller);
    if (signal.aborted) return;
    const message = `the subscription to ${caller.service} was closed`;
    throw new RegistryError(ErrorCode.unavailable, message);
  }

  #push(caller: ServiceCaller): void {
    const { listener } = this.#ports;
    const attributes = { [CALLER_OPTION]: caller };
    listener(experimental.statusOrFromValue([]), attributes, this.#serviceConfig(), "");
  }

  #fail({ message }: RegistryError): void {
    const failure = { code: status.UNAVAILABLE, details: message, metadata: new Metadata() };
    const { listener } = this.#ports;
    listener(experimental.statusOrFromError(failure), {}, this.#serviceConfig(), message);
  }

  /** The channel's own one goes first; without one only our policy is asked for. */
  #serviceConfig(): ServiceConfigResult {
    const own = this.#ports.options["grpc.service_config"];
    if (own === undefined) {
      const loadBalancingConfig = [{ [POLICY_NAME]: {} }];
      return experimental.statusOrFromValue({ loadBalancingConfig, methodConfig: [] });
    }
    if (namesPolicy(own)) return null;
    return experimental.statusOrFromError({
      code: status.UNAVAILABLE,
      details: `grpc.service_config must name the policy: "loadBalancingConfig": [{ "${POLICY_NAME}": {} }]`,
      metadata: new Metadata(),
    });
  }
}

function namesPolicy(serviceConfig: string): boolean {
  try {
    const { loadBalancingConfig } = JSON.parse(serviceConfig) as {
      loadBalancingConfig?: readonly object[];
    };
    return loadBalancingConfig?.[0] !== undefined && POLICY_NAME in loadBalancingConfig[0];
  } catch {
    return false;
  }
}
