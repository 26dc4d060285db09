/** Connections that end, or that only one of their two ends knows to have ended. */
import type { Fault } from "./fault.js";

export const CONNECTION_FAULTS: readonly Fault[] = [
  {
    // One end is gone without a word, as after a lost NAT entry or a host that was swapped.
    name: "half-open",
    weight: 2,
    strike: ({ world, draw }) => {
      const process = draw.maybe(world.processes);
      const socket = draw.maybe([...(process?.sockets ?? [])]);
      if (process === undefined || socket === undefined) return undefined;
      const other = socket.peerOwner.id;
      socket.vanish();
      process.whenAwake(() => socket.events.closed());
      return `${process.id} lost its connection with ${other}, which does not know`;
    },
  },
  {
    name: "reset",
    weight: 2,
    strike: ({ world, draw }) => {
      const process = draw.maybe(world.processes);
      const socket = draw.maybe([...(process?.sockets ?? [])]);
      if (process === undefined || socket === undefined) return undefined;
      socket.abort();
      process.whenAwake(() => socket.events.closed());
      return `${process.id} and ${socket.peerOwner.id}`;
    },
  },
  {
    // Every client loses its session at once and comes back.
    name: "storm",
    weight: 2,
    strike: ({ world }) => {
      let count = 0;
      for (const client of world.clients.values()) {
        for (const socket of [...client.sockets]) {
          count += 1;
          socket.abort();
          client.whenAwake(() => socket.events.closed());
        }
      }
      return `${count} sessions`;
    },
  },
];
