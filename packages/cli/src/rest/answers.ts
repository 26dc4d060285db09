/**
 * What the REST API answers, as far as the commands show it. Other members are passed on by
 * `--json` untouched.
 */
import { RegistryError } from "@fpzk/core";

export interface ServiceJson {
  readonly service: string;
  readonly instanceCount: number;
  readonly upCount: number;
}

export interface InstanceJson {
  readonly service: string;
  readonly id: string;
  readonly state: string;
  readonly liveness: string;
  readonly suspicion?: { readonly reason: string; readonly accuserCount?: number };
  readonly weight: number;
  readonly group: string;
  readonly version: string;
  readonly region: string;
  readonly zone: string;
  readonly endpoints: readonly EndpointJson[];
  readonly metadata: Readonly<Record<string, string>>;
}

export interface EndpointJson {
  readonly protocol: string;
  readonly host: string;
  readonly port: number;
  readonly tls: boolean;
}

export interface NodeJson {
  readonly nodeId: string;
  readonly generation: number;
  readonly region: string;
  readonly zone: string;
  readonly address: string;
  readonly status: string;
}

export type WatchLineJson =
  | {
      readonly type: "instance" | "changed";
      readonly instance: InstanceJson;
      readonly resume?: string;
    }
  | {
      readonly type: "removed";
      readonly id: string;
      readonly reason: string;
      readonly resume?: string;
    }
  | {
      readonly type: "complete";
      readonly kind: "full" | "delta" | "unchanged";
      readonly isBehind: boolean;
      readonly instanceCount?: number;
      readonly resume: string;
    }
  | { readonly type: "alive" }
  | { readonly type: "end"; readonly code: string; readonly reason: string };

/** A list inside an answer; refused when it is not there, for then the server is no FPZKServer. */
export function listOf<T>(answer: unknown, name: string): readonly T[] {
  const list = (answer as Record<string, unknown> | null | undefined)?.[name];
  if (Array.isArray(list)) return list as T[];
  throw new RegistryError("unknown", `the answer has no list "${name}"; is the server FPZK?`);
}

/** `http://10.0.0.1:8080`, the first of several with their count. */
export function endpointText({ endpoints }: InstanceJson): string {
  const [first] = endpoints;
  if (first === undefined) return "-";
  const host = first.host.includes(":") ? `[${first.host}]` : first.host;
  const secure = first.tls ? "+tls" : "";
  const more = endpoints.length > 1 ? ` (+${endpoints.length - 1})` : "";
  return `${first.protocol}${secure}://${host}:${first.port}${more}`;
}
