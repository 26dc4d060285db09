/** What programs and operators ask for, at bad moments too. */
import { InstanceState, RemovalReason, Scope } from "@fpzk/core";
import { encodeOverrideDescription } from "@fpzk/protocol";
import { bodyOf } from "../history/instance-body.js";
import type { Fault } from "./fault.js";

const NAMESPACE = "default";
const COMMAND_TIMEOUT_MS = 20_000;
const LEASE_TTL_MS = 3_000;
const RENEWAL_INTERVAL_MS = 1_000;
const RENEWAL_COUNT_MAX = 20;

export const WISHES: readonly Fault[] = [
  {
    name: "deregister",
    weight: 4,
    strike: (stage) => {
      const player = stage.pickWanted();
      if (player === undefined) return undefined;
      const { client, service, id } = player;
      player.isWanted = false;
      client.command({ type: "deregister", service, id, timeoutMs: COMMAND_TIMEOUT_MS });
      stage.later(stage.draw.durationMs(50, 5_000), () => stage.cast.wish(player));
      return `${service}/${id} of ${client.id}`;
    },
  },
  {
    name: "drain",
    weight: 5,
    strike: (stage) => {
      const player = stage.pickWanted();
      if (player === undefined) return undefined;
      const { draw, cast } = stage;
      const { client, service, id } = player;
      client.command({ type: "drain", service, id, timeoutMs: draw.durationMs(500, 8_000) });
      stage.later(draw.durationMs(20, 10_000), () => {
        if (player.client !== client || !player.isWanted) return;
        const timeoutMs = COMMAND_TIMEOUT_MS;
        if (draw.chance(0.5)) {
          client.command({ type: "set-state", service, id, state: InstanceState.up, timeoutMs });
          return;
        }
        player.isWanted = false;
        client.command({ type: "deregister", service, id, timeoutMs });
        stage.later(draw.durationMs(50, 3_000), () => cast.wish(player));
      });
      return `${service}/${id} of ${client.id}`;
    },
  },
  {
    name: "set-state",
    weight: 4,
    strike: (stage) => {
      const player = stage.pickWanted();
      if (player === undefined) return undefined;
      const { client, service, id } = player;
      const isOffline = stage.draw.chance(0.5);
      const state = isOffline ? InstanceState.offline : InstanceState.up;
      client.command({ type: "set-state", service, id, state, timeoutMs: COMMAND_TIMEOUT_MS });
      return `${service}/${id} of ${client.id} ${isOffline ? "offline" : "up"}`;
    },
  },
  {
    name: "update",
    weight: 2,
    strike: (stage) => {
      const player = stage.pickWanted();
      if (player === undefined) return undefined;
      const { client, service, id, region } = player;
      const body = bodyOf(region, stage.draw.count(0, 1_000));
      client.command({ type: "update", service, id, body, timeoutMs: COMMAND_TIMEOUT_MS });
      return `${service}/${id} of ${client.id}`;
    },
  },
  {
    name: "query",
    weight: 1,
    strike: (stage) => {
      const player = stage.pickPlayer();
      if (player === undefined) return undefined;
      const service = stage.draw.pick(stage.cast.swarm.services);
      player.client.command({ type: "query", service, timeoutMs: COMMAND_TIMEOUT_MS });
      return `${service} by ${player.client.id}`;
    },
  },
  {
    name: "override",
    weight: 4,
    strike: (stage) => {
      const node = stage.pickNode();
      const program = stage.draw.maybe(stage.cast.programs);
      if (node === undefined || program === undefined) return undefined;
      const { service, id } = program;
      const state = stage.draw.pick([
        undefined,
        undefined,
        InstanceState.offline,
        InstanceState.draining,
      ]);
      const description = { weight: 50 };
      const body = encodeOverrideDescription(description).slice();
      const name = { namespace: NAMESPACE, service, id };
      const timeoutMs = 3_000;
      stage.world.request(node.id, {
        kind: "override",
        ...{ ...name, state, description, body, timeoutMs },
      });
      return `${service}/${id} at ${node.id}: ${state ?? "lifted"}`;
    },
  },
  {
    // A registration by REST, renewed at any node until it is forgotten or removed.
    name: "lease",
    weight: 4,
    strike: (stage) => {
      const { world, draw, cast } = stage;
      const node = stage.pickNode();
      if (node === undefined) return undefined;
      const id = `lease-${draw.count(0, 999_999)}`;
      const name = { namespace: NAMESPACE, service: draw.pick(cast.swarm.services), id };
      const body = bodyOf("us");
      const isUp = { scope: Scope.global, state: InstanceState.up };
      stage.leaseAsked();
      world.request(node.id, { kind: "register", ...name, ...isUp, ttlMs: LEASE_TTL_MS, body });
      const renew = (left: number) => {
        const at = stage.pickNode();
        if (at === undefined) return;
        if (left > 0) {
          world.request(at.id, { kind: "renew", ...name });
          stage.later(RENEWAL_INTERVAL_MS, () => renew(left - 1));
        } else if (draw.chance(0.5)) {
          const reason = RemovalReason.deregistered;
          world.request(at.id, { kind: "deregister", ...name, reason });
        }
      };
      stage.later(RENEWAL_INTERVAL_MS, () => renew(draw.count(0, RENEWAL_COUNT_MAX)));
      return `${name.service}/${id} at ${node.id}`;
    },
  },
  {
    name: "watch-again",
    weight: 3,
    strike: (stage) => {
      const player = stage.pickPlayer();
      if (player === undefined) return undefined;
      const { client } = player;
      const service = stage.draw.pick(stage.cast.swarm.services);
      client.unwatch(service);
      stage.later(stage.draw.durationMs(1, 2_000), () => client.watch(service));
      return `${service} by ${client.id}`;
    },
  },
];
