/** A file for `fpzk routes apply`: named routes, written as in the settings of a proxy. */
import { type ReadRoutes, type Route, readRoutes } from "@fpzk/core";
import { z } from "zod";
import { CliError } from "../cli-error.js";
import { ExitCode } from "../exit-code.js";
import { NAME_RULE, optionalText, requiredText } from "./field.js";
import { formatMistake } from "./mistake.js";
import { parseConfig } from "./parse-config.js";
import type { ConfigKind } from "./relation.js";
import { routeBalancingField, toRouteBalancing } from "./route-balancing-config.js";
import { routesField, routesRelation, toRoute } from "./route-config.js";

const NOTE_MAX_LENGTH = 1_000;

const routeSetSchema = z.strictObject({
  name: requiredText({
    about: "Name of the route set.",
    rule: {
      isAllowed: (text) => NAME_RULE.isAllowed(text) && !text.includes("/"),
      allowed: `${NAME_RULE.allowed} and "/"`,
    },
  }),
  note: optionalText({
    about: "For people: who and why.",
    rule: {
      isAllowed: (text) => text.length <= NOTE_MAX_LENGTH,
      allowed: `a text of up to ${NOTE_MAX_LENGTH} characters`,
    },
    defaultText: "none",
  }),
  balancing: routeBalancingField,
  routes: routesField,
});

type RouteSetConfig = z.output<typeof routeSetSchema>;

/** The routes of a set, each with what the set says for all. */
function readSet({ routes, balancing }: Pick<RouteSetConfig, "routes" | "balancing">): ReadRoutes {
  return readRoutes(routes.map(toRoute), {
    balancing: toRouteBalancing(balancing),
    allowsNamespace: false,
  });
}

const routeSetKind: ConfigKind<typeof routeSetSchema> = {
  name: "routes apply",
  environmentPrefix: "FPZK_ROUTES_",
  schema: routeSetSchema,
  relations: [
    {
      ...routesRelation,
      rule: "at least one route, each of which every proxy can follow",
      check: (values) => {
        const faults = routesRelation.check(values);
        if (faults !== undefined) return faults;
        const routes = values.value("routes") as RouteSetConfig["routes"];
        if (routes.length === 0) return "there are none: delete the set instead";
        return readRoutes(routes.map(toRoute), { allowsNamespace: false }).faults[0];
      },
    },
  ],
};

export interface RouteSetFile {
  readonly name: string;
  readonly note: string | undefined;
  readonly routes: readonly Route[];
}

/** Reads a file; throws one error that names every mistake with its place. */
export function readRouteSetFile(file: string, text: string): RouteSetFile {
  const sources = { file: { name: file, text }, environment: {}, flags: new Map() };
  const parsed = parseConfig(routeSetKind, sources);
  if (!parsed.isGood) throw mistakesIn(file, parsed.mistakes.map(formatMistake));
  const { name, note } = parsed.config;
  const { routes, faults } = readSet(parsed.config);
  // Each is right; what the set and a route say of balancing may not fit together.
  if (faults.length > 0) throw mistakesIn(file, faults);
  return { name, note, routes };
}

function mistakesIn(file: string, mistakes: readonly string[]): CliError {
  const lines = mistakes.map((one) => `  ${one}`);
  const count = lines.length === 1 ? "1 mistake" : `${lines.length} mistakes`;
  return new CliError(ExitCode.usage, [`${count} in ${file}:`, ...lines].join("\n"));
}
