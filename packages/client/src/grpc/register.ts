/** Makes `@grpc/grpc-js` understand targets of the scheme `fpzk`. */
import { experimental } from "@grpc/grpc-js";
import type { FpzkClient } from "../api.js";
import { FpzkLoadBalancer, FpzkLoadBalancingConfig, POLICY_NAME } from "./load-balancer.js";
import { resolverOf } from "./resolver.js";

export const SCHEME = "fpzk";

/** What was registered, by name, as it is written in targets and service configurations. */
export interface GrpcRegistration {
  readonly scheme: string;
  readonly policyName: string;
}

/**
 * From here on channels to `fpzk:///service` call that service's instances as `client` sees and
 * picks them. Call it once; a later call is for channels that are made later.
 *
 * A channel picks for every call, by the service's policy (`services` of `connect`) and live view:
 * when a drain is confirmed, no call goes to the instance any more (P7); calls under way there
 * finish. Instances need an endpoint of protocol `grpc`, unless the service's options name another.
 * The field `x-fpzk-key` of a call's metadata is the key of policies by key.
 *
 * A `grpc.service_config` of the channel must name the policy: `loadBalancingConfig: [{ fpzk: {} }]`.
 */
export function registerGrpc(client: FpzkClient): GrpcRegistration {
  experimental.registerResolver(SCHEME, resolverOf(client));
  experimental.registerLoadBalancerType(POLICY_NAME, FpzkLoadBalancer, FpzkLoadBalancingConfig);
  return { scheme: SCHEME, policyName: POLICY_NAME };
}
