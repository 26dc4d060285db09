/**
 * Dynamic mode: the request itself names its service, and how an instance is chosen.
 *
 * The service is the first segment of the path, which is taken off, or the field `x-fpzk-service`,
 * which leaves the path as it is. What follows is chosen by fields:
 *
 * | field | what |
 * |---|---|
 * | `x-fpzk-policy` | a policy; `hash` and `ewma` stand for those of that kind; `broadcast`, `quorum` |
 * | `x-fpzk-key` | the key for policies of affinity |
 * | `x-fpzk-version` | only instances of this version |
 * | `x-fpzk-quorum` | with `quorum`: `all`, `any`, `majority` (default), or how many |
 */
import { PolicyName } from "../pick/picker.js";
import { VERSION_HEADER } from "./compiled-route.js";
import { LABEL_RULE, NAME_RULE, shown, type TextRule } from "./fault-list.js";
import { withoutPrefix } from "./request-path.js";
import {
  type FanOut,
  RETRY_COUNT_DEFAULT,
  RETRY_ON_DEFAULT,
  type RouteMatch,
  type RouteQuery,
} from "./route.js";
import { RouteLabel } from "./route-label.js";

export const SERVICE_HEADER = "x-fpzk-service";
export const POLICY_HEADER = "x-fpzk-policy";
export const KEY_HEADER = "x-fpzk-key";
export const QUORUM_HEADER = "x-fpzk-quorum";

/** What callers may write besides the names of policies. */
const POLICY_ALIASES: Readonly<Record<string, PolicyName>> = {
  hash: PolicyName.rendezvous,
};
const POLICIES: ReadonlyMap<string, PolicyName> = new Map([
  ...Object.values(PolicyName).map((name) => [name, name] as const),
  ...Object.entries(POLICY_ALIASES),
]);
const FAN_OUTS = ["broadcast", "quorum"];
const POLICY_WORDS = [...POLICIES.keys(), ...FAN_OUTS].join(", ");
/** More answers than this nobody waits for. */
const QUORUM_COUNT_MAX = 1_000;
const RETRY_ON: ReadonlySet<(typeof RETRY_ON_DEFAULT)[number]> = new Set(RETRY_ON_DEFAULT);

/** @param path - That of the query, without its query. */
export function dynamicMatch(query: RouteQuery, path: string): RouteMatch {
  const named = query.header(SERVICE_HEADER);
  const segment = firstSegment(path);
  if (named === undefined && segment === "") return { type: "none" };
  const service = named ?? decoded(segment);
  const fault = faultOf(SERVICE_HEADER, named, NAME_RULE) ?? segmentFault(named, segment, service);
  if (fault !== undefined || service === undefined) return invalid(fault ?? "");
  const version = query.header(VERSION_HEADER);
  const versionFault = faultOf(VERSION_HEADER, version, LABEL_RULE);
  if (versionFault !== undefined) return invalid(versionFault);
  const choice = choiceOf(query);
  if (typeof choice === "string") return invalid(choice);
  return {
    type: "target",
    target: {
      routeName: RouteLabel.dynamic,
      service,
      namespace: "",
      policy: choice.policy,
      balancing: undefined,
      filter: version === undefined ? undefined : { version },
      key: query.header(KEY_HEADER),
      path: named === undefined ? withoutPrefix(query.path, segment.length + 1) : query.path,
      host: undefined,
      retryCount: RETRY_COUNT_DEFAULT,
      retryOn: RETRY_ON,
      timeoutMs: undefined,
      attemptTimeoutMs: undefined,
      protocol: undefined,
      hedge: undefined,
      mirror: undefined,
      fanOut: choice.fanOut,
      isDynamic: true,
      isVersionChosen: version !== undefined,
    },
  };
}

interface Choice {
  readonly policy: PolicyName | undefined;
  readonly fanOut: FanOut | undefined;
}

/** How instances are chosen, or what is wrong with how the caller says it. */
function choiceOf(query: RouteQuery): Choice | string {
  const word = query.header(POLICY_HEADER);
  if (word === undefined) return { policy: undefined, fanOut: undefined };
  const policy = POLICIES.get(word);
  if (policy !== undefined) return { policy, fanOut: undefined };
  if (word === "broadcast") return { policy: undefined, fanOut: { quorum: "all" } };
  if (word !== "quorum") return `${POLICY_HEADER} ${shown(word)} must be one of ${POLICY_WORDS}`;
  const text = query.header(QUORUM_HEADER) ?? "majority";
  if (text === "all" || text === "any" || text === "majority") {
    return { policy: undefined, fanOut: { quorum: text } };
  }
  const count = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  if (count >= 1 && count <= QUORUM_COUNT_MAX)
    return { policy: undefined, fanOut: { quorum: count } };
  return `${QUORUM_HEADER} ${shown(text)} must be all, any, majority or 1 to ${QUORUM_COUNT_MAX}`;
}

function firstSegment(path: string): string {
  const end = path.indexOf("/", 1);
  return path.slice(1, end === -1 ? path.length : end);
}

function segmentFault(
  named: string | undefined,
  segment: string,
  service: string | undefined,
): string | undefined {
  if (named !== undefined) return undefined;
  if (service === undefined) return `service ${shown(segment)} is not valid percent-encoding`;
  return faultOf("service", service, NAME_RULE);
}

function faultOf(what: string, text: string | undefined, rule: TextRule): string | undefined {
  if (text === undefined || rule.isAllowed(text)) return undefined;
  return `${what} ${shown(text)} must be ${rule.allowed}`;
}

function decoded(segment: string): string | undefined {
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}

function invalid(message: string): RouteMatch {
  return { type: "invalid", message };
}
