/**
 * What a face (REST, and later foreign protocols) sees of a node: the only door.
 *
 * Faces map their words to these and back; they never see the server, its sockets or its core.
 * Refusals are {@link RegistryError}s.
 */
import type {
  ContentDigest,
  Grants,
  InstanceDescription,
  InstanceState,
  MemberView,
  OriginVersion,
  OverrideDescription,
  RemovalReason,
  Scope,
  SessionMessage,
  Stamp,
  ViewInstance,
} from "@fpzk/core";

import type { RouteSetDescription } from "@fpzk/protocol";

/** Who asks: proved by the authenticator before the port is called. */
export interface Principal {
  /** For audit and logs: a token's subject, `anonymous`, or a certificate's name. Never a secret. */
  readonly name: string;
  /** Rights by namespace; `*` is every namespace. */
  readonly grantsOf: (namespace: string) => Grants;
  /** Until when the proof holds, in ms since 1970 as the token says; absent: for good. */
  readonly expiresWallMs?: number | undefined;
}

export interface InstanceAddress {
  readonly namespace: string;
  readonly service: string;
  readonly id: string;
}

export interface LeaseRegistration extends InstanceAddress {
  readonly description: InstanceDescription;
  readonly scope: Scope;
  readonly state: InstanceState;
  readonly ttlMs: number;
}

export interface DrainOutcome {
  readonly confirmedCount: number;
  readonly unconfirmed: readonly string[];
}

/** One complete answer about a service. */
export interface ServiceAnswer {
  readonly namespace: string;
  readonly service: string;
  readonly instances: readonly ViewInstance[];
  readonly digest: ContentDigest;
  readonly position: readonly OriginVersion[];
}

export interface ServiceSummary {
  readonly service: string;
  readonly instanceCount: number;
  readonly upCount: number;
}

export interface NodeState {
  readonly nodeId: string;
  readonly region: string;
  readonly zone: string;
  readonly generation: number;
  /** False while warming up or leaving; with the reason. */
  readonly isReady: boolean;
  readonly reason: string;
}

/** A running watch of one service; messages come in order through the listener. */
export interface PortWatch {
  close(): void;
  /** The reader's socket is full: changes are dropped until resume, then one snapshot comes. */
  pause(): void;
  resume(): void;
}

/** An origin of which this node could not read something; see docs/replication.md, R17. */
export interface QuarantinedOriginView {
  readonly nodeId: string;
  readonly generation: number;
  readonly scope: Scope;
  /** How long it has been so. */
  readonly forMs: number;
  /** The node whose message could not be read. */
  readonly giver: string;
  /** What was wrong with the first of its records. */
  readonly reason: string;
  /** Records, or stretches of them, that could not be read meanwhile. */
  readonly poisonCount: number;
  /** Those still not read; 0 when it is the node's own description. */
  readonly holeCount: number;
}

export interface RouteSetAddress {
  readonly namespace: string;
  /** As a service is named: no slash. */
  readonly name: string;
}

/** A route set as this node holds it. */
export interface RouteSetView extends RouteSetDescription {
  readonly name: string;
  readonly stamp: Stamp;
  /** The node that was asked to write it. */
  readonly writtenBy: string;
  /** Why this version cannot read its routes; then there are none here. */
  readonly fault?: string;
}

export interface RouteSetWritten {
  readonly stamp: Stamp;
  /** This node showed no set of that name before. */
  readonly isNew: boolean;
}

/** Named routes of a namespace, which its proxies follow. */
export interface RouteSetPort {
  /** By name. Throws `unavailable` while the node is warming up. */
  list(principal: Principal, namespace: string): readonly RouteSetView[];
  /**
   * Throws `invalid_argument` for routes that no proxy could follow, `already_exists` when they
   * take the requests of another set.
   */
  put(
    principal: Principal,
    address: RouteSetAddress,
    description: RouteSetDescription,
  ): Promise<RouteSetWritten>;
  /** Throws `not_found` when there is none. */
  delete(principal: Principal, address: RouteSetAddress): Promise<void>;
}

export interface RegistryPort {
  readonly routeSets: RouteSetPort;
  /** `isNew`: this node showed no live instance of that id before; absent when not known. */
  register(
    principal: Principal,
    registration: LeaseRegistration,
  ): Promise<{ stamp: Stamp; isNew?: boolean }>;
  /**
   * Replaces the description of a lease; its ttl, scope, state and age stay. Absent when the node
   * cannot. Throws `not_found` when nobody knows it, `failed_precondition` when a session owns it.
   */
  update?(
    principal: Principal,
    address: InstanceAddress,
    description: InstanceDescription,
  ): Promise<{ stamp: Stamp }>;
  /** Throws `not_found` when nobody knows the lease: register again. */
  renew(principal: Principal, address: InstanceAddress): Promise<void>;
  deregister(principal: Principal, address: InstanceAddress, reason: RemovalReason): Promise<void>;
  /** For `draining` resolves when every subscriber confirmed or the time is up. */
  setState(
    principal: Principal,
    address: InstanceAddress,
    state: InstanceState,
    timeoutMs: number,
  ): Promise<DrainOutcome>;
  /** An operator's word over the instance's own; `state` undefined lifts it. */
  override(
    principal: Principal,
    address: InstanceAddress,
    state: InstanceState | undefined,
    description: OverrideDescription,
    timeoutMs: number,
  ): Promise<DrainOutcome>;
  /** Throws `unavailable` while the node is warming up: "I know nothing yet" is not "none". */
  query(principal: Principal, namespace: string, service: string): ServiceAnswer;
  services(principal: Principal, namespace: string): readonly ServiceSummary[];
  /** Starts with a snapshot (or what `position` lacks), then changes. */
  watch(
    principal: Principal,
    namespace: string,
    service: string,
    from: { position: readonly OriginVersion[]; digest: ContentDigest },
    listener: (message: SessionMessage) => void,
  ): PortWatch;
  nodes(): readonly MemberView[];
  /**
   * An operator's word that a node is gone for good. Throws `not_found` for one that is not known,
   * `failed_precondition` for one that is alive or was so a moment ago.
   */
  forgetNode(principal: Principal, nodeId: string): Promise<void>;
  quarantined(): readonly QuarantinedOriginView[];
  state(): NodeState;
}
