/**
 * Bodies of `instance` records: the description as bytes.
 *
 * `[group, version, region, zone, weight, startWallTime, endpoints, metadata]`, an endpoint
 * `[protocol, host, port, flags]`, metadata keys and values in turn, sorted by key so that equal
 * descriptions have equal bytes. Encoded once, at the edge; nobody between looks inside.
 */
import {
  BODY_MAX_BYTES,
  ENDPOINT_COUNT_MAX,
  type Endpoint,
  type InstanceDescription,
  METADATA_COUNT_MAX,
  NAME_MAX_BYTES,
  type Refusal,
  WEIGHT_DEFAULT,
  WEIGHT_MAX,
} from "@fpzk/core";
import {
  readArray,
  readFields,
  readInteger,
  readList,
  readName,
  readProse,
  readText,
} from "./fields.js";
import { packFrame, unpackTexts } from "./frame.js";
import { show } from "./names.js";
import { toRefusal, WireFault } from "./wire-fault.js";
import { ENDPOINT_PROTOCOL_MAX_BYTES, HOST_MAX_BYTES } from "./wire-limits.js";

export type DecodedDescription<Description> =
  | { readonly ok: true; readonly description: Description }
  | { readonly ok: false; readonly refusal: Refusal };

const TLS_BIT = 1;
const PUBLIC_BIT = 2;

/** Metadata keys that mean something to a JavaScript object; refused wherever they come from. */
const REFUSED_KEYS: ReadonlySet<string> = new Set(["__proto__", "constructor", "prototype"]);

/** The body of an instance record. May exceed `BODY_MAX_BYTES`: see `parseInstanceDescription`. */
export function encodeInstanceDescription(description: InstanceDescription): Uint8Array {
  return packFrame([
    description.group,
    description.version,
    description.region,
    description.zone,
    description.weight,
    description.startWallTime,
    description.endpoints.map((endpoint) => [
      endpoint.protocol,
      endpoint.host,
      endpoint.port,
      (endpoint.tls ? TLS_BIT : 0) | (endpoint.reach === "public" ? PUBLIC_BIT : 0),
    ]),
    Object.keys(description.metadata)
      .sort()
      .flatMap((key) => [key, description.metadata[key]]),
  ]);
}

/** The description in a body; never throws. */
export function decodeInstanceDescription(
  body: Uint8Array,
): DecodedDescription<InstanceDescription> {
  try {
    const fields = unpackTexts(body, BODY_MAX_BYTES);
    const description = {
      group: readName(fields[0] ?? "", "group"),
      version: readName(fields[1] ?? "", "version"),
      region: readName(fields[2] ?? "", "region"),
      zone: readName(fields[3] ?? "", "zone"),
      endpoints: readList(fields[6] ?? [], "endpoints", ENDPOINT_COUNT_MAX, readEndpoint),
      weight: readInteger(fields[4] ?? WEIGHT_DEFAULT, "weight", 0, WEIGHT_MAX),
      metadata: readMetadata(fields[7] ?? []),
      startWallTime: readInteger(fields[5] ?? 0, "startWallTime"),
    };
    return { ok: true, description };
  } catch (fault) {
    return { ok: false, refusal: toRefusal(fault, "instance description") };
  }
}

/** Why a text is no metadata key; undefined when it is one. */
export function findMetadataKeyProblem(key: string): string | undefined {
  return REFUSED_KEYS.has(key) ? `must not be one of ${[...REFUSED_KEYS].join(", ")}` : undefined;
}

function readEndpoint(value: unknown): Endpoint {
  const fields = readFields(value, "", 3);
  const flags = readInteger(fields[3] ?? 0, "flags", 0, 127);
  const protocol = readText(fields[0], "protocol", ENDPOINT_PROTOCOL_MAX_BYTES);
  const host = readText(fields[1], "host", HOST_MAX_BYTES);
  if (protocol === "") throw new WireFault("protocol", "must not be empty");
  if (host === "") throw new WireFault("host", "must not be empty");
  return {
    protocol,
    host,
    port: readInteger(fields[2], "port", 1, 65_535),
    tls: (flags & TLS_BIT) !== 0,
    reach: (flags & PUBLIC_BIT) !== 0 ? "public" : "internal",
  };
}

function readMetadata(value: unknown): Record<string, string> {
  const values = readArray(value, "metadata", 0, 2 * METADATA_COUNT_MAX);
  if (values.length % 2 !== 0) throw new WireFault("metadata", "has a key without a value");
  const metadata: Record<string, string> = {};
  for (let index = 0; index < values.length; index += 2) {
    const key = readText(values[index], "metadata key", NAME_MAX_BYTES);
    const problem = key === "" ? "must not be empty" : findMetadataKeyProblem(key);
    if (problem !== undefined) throw new WireFault("metadata key", `${show(key)} ${problem}`);
    metadata[key] = readProse(values[index + 1], "metadata value", BODY_MAX_BYTES);
  }
  return metadata;
}
