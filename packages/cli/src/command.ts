/** The list of commands. Each one's module is loaded only when it is called or asked for help. */
import type { Command } from "commander";
import type { Io } from "./io.js";

/** Adds a command's arguments, options, help and action; the action returns the exit code. */
export type ConfigureCommand = (
  command: Command,
  io: Io,
  setExitCode: (code: number) => void,
) => void | Promise<void>;

export interface CommandEntry {
  readonly name: string;
  readonly summary: string;
  readonly load: () => Promise<{ readonly configure: ConfigureCommand }>;
}

const operate = () => import("./commands/operate.js");

export const COMMANDS: readonly CommandEntry[] = [
  {
    name: "server",
    summary: "run a registry server; without settings, one on 127.0.0.1:7100",
    load: () => import("./commands/server.js"),
  },
  {
    name: "proxy",
    summary: "run a reverse proxy that finds services by name",
    load: () => import("./commands/proxy.js"),
  },
  {
    name: "services",
    summary: "list the services of a namespace",
    load: () => import("./commands/services.js"),
  },
  {
    name: "instances",
    summary: "list the instances of a service",
    load: () => import("./commands/instances.js"),
  },
  {
    name: "watch",
    summary: "show every change of a service as it happens",
    load: () => import("./commands/watch.js"),
  },
  {
    name: "nodes",
    summary: "list the servers of the cluster, as one of them sees it",
    load: () => import("./commands/nodes.js"),
  },
  {
    name: "register",
    summary: "run a command and register it for as long as it lives",
    load: () => import("./commands/register.js"),
  },
  { name: "offline", summary: "take an instance out of service", load: operate },
  { name: "online", summary: "lift what an operator said of an instance", load: operate },
  {
    name: "drain",
    summary: "take an instance out and wait until nobody picks it any more",
    load: operate,
  },
  { name: "deregister", summary: "remove an instance", load: operate },
  {
    name: "forget-node",
    summary: "say that a server is gone for good",
    load: () => import("./commands/forget-node.js"),
  },
  {
    name: "routes",
    summary: "write, list and delete routes that every proxy follows",
    load: () => import("./commands/routes.js"),
  },
  {
    name: "token",
    summary: "sign a token",
    load: () => import("./commands/token.js"),
  },
  {
    name: "config",
    summary: "check the settings and show what is in force",
    load: () => import("./commands/config.js"),
  },
];
