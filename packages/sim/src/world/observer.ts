/** What can be seen of a world from outside: the oracles' input. */
import type {
  ClientEffect,
  ClientEvent,
  CommandOutcome,
  Effect,
  PeerMessage,
  RegistrationStatus,
  RegistryRecord,
  SessionMessage,
  SessionRequest,
  ViewInstance,
  ViewState,
} from "@fpzk/core";
import type { Flight } from "./network.js";
import type { SimClient } from "./sim-client.js";
import type { SimNode } from "./sim-node.js";

/** Each hook may be left out. */
export interface WorldObserver {
  nodeStarted?(node: SimNode): void;
  nodeEnded?(node: SimNode): void;
  clientStarted?(client: SimClient): void;
  clientEnded?(client: SimClient): void;
  viewChanged?(client: SimClient, effect: Extract<ClientEffect, { type: "view-changed" }>): void;
  /** A program is told whether one of its views is complete and current. */
  viewState?(client: SimClient, service: string, state: ViewState): void;
  /** A program picked for a request; undefined when there was nothing to pick. */
  picked?(client: SimClient, service: string, instance: ViewInstance | undefined): void;
  /** A program asks its client for something: a command, watch, unwatch or close. */
  asked?(client: SimClient, event: ClientEvent): void;
  commandDone?(client: SimClient, commandId: number, outcome: CommandOutcome): void;
  commandFailed?(client: SimClient, commandId: number, message: string): void;
  /** A program is told how one of its registrations stands. */
  registration?(
    client: SimClient,
    instance: { readonly service: string; readonly id: string },
    status: RegistrationStatus,
  ): void;
  /** A record was put into a node's table. */
  stored?(node: SimNode, record: RegistryRecord): void;
  /** A record leaves a node's table and nothing takes its place. */
  dropped?(node: SimNode, record: RegistryRecord): void;
  noted?(
    process: SimNode | SimClient,
    effect: Extract<Effect | ClientEffect, { type: "note" }>,
  ): void;
  /** A node measured how long a canary took to another region. */
  propagation?(node: SimNode, region: string, elapsedMs: number): void;
  /** A node turned a connection away. */
  refused?(node: SimNode, message: string): void;
  peerSent?(from: SimNode, to: SimNode, message: PeerMessage, byteCount: number): void;
  sessionSent?(node: SimNode, client: SimClient, message: SessionMessage, byteCount: number): void;
  requestSent?(client: SimClient, node: SimNode, message: SessionRequest, byteCount: number): void;
  /** A message goes on its way: when sent, or when a cut that held it up has ended. */
  carried?(flight: Flight): void;
}
